"""Wheels: tyre, rim, spokes, and the arches that they stand in."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.raster import Canvas, darker

_TYRE_WIDTH_M = 0.20
_DARK = (0.035, 0.035, 0.04)
_TYRE = (0.105, 0.105, 0.11)


class Wheel:
    """One wheel: `disc` gives points of circles about its axle."""

    def __init__(self, body: Body, x: float, y: float, steer_deg: float) -> None:
        self.params = body.params
        self.radius = body.params.wheel_diameter_m / 2
        self.centre = np.array([x, y, self.radius])
        turn = np.radians(steer_deg)
        self._along = np.array([np.cos(turn), np.sin(turn), 0.0])
        self._axle = np.array([-np.sin(turn), np.cos(turn), 0.0])

    def at(self, angle: Points, radius: Points | float, depth_m: float = 0.0) -> Points:
        """Points at an angle and radius about the axle, sunk by depth towards the inside of the car."""
        flat = np.cos(angle)[:, None] * self._along + np.sin(angle)[:, None] * np.array([0.0, 0.0, 1.0])
        return np.asarray(self.centre + flat * np.reshape(radius, (-1, 1)) - self._axle * depth_m)

    def circle(self, radius: float, depth_m: float = 0.0, points: int = 36) -> Points:
        """A circle (points, 3) about the axle."""
        return self.at(np.linspace(0, 2 * np.pi, points, endpoint=False), radius, depth_m)

    def draw_tread(self, canvas: Canvas) -> None:
        """The tread, from the inner edge outwards: drawn before the body, which hides all but its lowest part."""
        for depth in np.linspace(_TYRE_WIDTH_M, 0.02, 6):
            shade = 0.7 + 0.5 * (1.0 - depth / _TYRE_WIDTH_M)
            canvas.polygon(self.circle(self.radius, float(depth)), darker(_TYRE, shade * 0.7))

    def draw_face(self, canvas: Canvas) -> None:
        """The side of the tyre with the light on its shoulder, then the rim."""
        canvas.polygon(self.circle(self.radius * 0.985), _TYRE)
        canvas.polygon(self.circle(self.radius * 0.93), darker(_TYRE, 1.55))
        canvas.polygon(self.circle(self.radius * 0.86), darker(_TYRE, 1.0))
        self._draw_rim(canvas)

    def _draw_rim(self, canvas: Canvas) -> None:
        """The rim: a bright lip, the dark well with the brake in it, spokes and hub."""
        params = self.params
        rim = self.radius * params.rim_frac
        grey = params.wheel_grey
        metal = (grey, grey, grey * 1.01)
        depth = 0.30 - 0.26 * params.wheel_dark
        canvas.polygon(self.circle(rim), darker(metal, 0.62))
        canvas.polygon(self.circle(rim * 0.97), darker(metal, 1.0))
        canvas.polygon(self.circle(rim * 0.90, 0.015), (depth * 0.8, depth * 0.8, depth * 0.84))
        # the lit lower wall of the barrel, and the brake disc deep in it
        barrel = np.concatenate([np.linspace(1.1, 1.9, 9), np.linspace(1.9, 1.1, 9)]) * np.pi
        inner = np.concatenate([np.full(9, 0.90), np.full(9, 0.74)]) * rim
        canvas.polygon(self.at(barrel, inner, 0.02), darker(metal, 0.42), 0.8)
        canvas.polygon(self.circle(rim * 0.60, 0.07, 24), (depth + 0.16, depth + 0.16, depth + 0.165))
        canvas.polygon(self.circle(rim * 0.36, 0.07, 16), (depth * 0.6, depth * 0.6, depth * 0.6))
        if params.wheel_style == "cover":
            canvas.polygon(self.circle(rim * 0.9), darker(metal, 0.85))
            for angle in np.arange(8) * np.pi / 4:
                canvas.polygon(self._hole(float(angle), rim), (0.14, 0.14, 0.15))
        else:
            self._draw_spokes(canvas, rim, metal)
        canvas.polygon(self.circle(rim * 0.22, 0.0, 16), darker(metal, 0.92))
        canvas.polygon(self.circle(rim * 0.12, 0.0, 12), darker(metal, 0.50))

    def _hole(self, angle: float, rim: float) -> Points:
        """A slot in a wheel cover."""
        turn = np.array([-0.22, 0.22, 0.16, -0.16]) + angle
        return self.at(turn, np.array([0.80, 0.80, 0.55, 0.55]) * rim)

    def _draw_spokes(self, canvas: Canvas, rim: float, metal: tuple[float, float, float]) -> None:
        """Spokes by style, lit from above."""
        p = self.params
        count, width, split = {
            "five": (p.wheel_spokes, 0.20, 0.0),
            "twin": (5, 0.085, 0.17),
            "many": (p.wheel_spokes + 5, 0.085, 0.0),
            "mesh": (8, 0.06, 0.14),
        }[p.wheel_style]
        start = 2 * np.pi * p.wheel_turn
        for spoke in range(count):
            angle = start + 2 * np.pi * spoke / count
            for offset in (-split, split) if split else (0.0,):
                inner, outer = 0.17, 0.93
                lit = 0.88 + 0.16 * float(np.sin(angle))
                turn = angle + np.array([-2.2 * width, offset - width, offset + width, 2.2 * width])
                radius = np.array([inner, outer, outer, inner]) * rim
                # the flank of the spoke, in the shade, then its face
                canvas.polygon(self.at(turn - 0.3 * width, radius, 0.025), darker(metal, 0.45))
                canvas.polygon(self.at(turn, radius), darker(metal, lit))


def near_wheels(body: Body) -> list[Wheel]:
    """The rear and the front wheel of the near side; the front one is steered."""
    wheels = []
    for x, steer in ((body.rear_axle_x, 0.0), (body.front_axle_x, body.params.steer_deg)):
        y = float(np.interp(body.s_at_x(x), body.s, body.y)) - 0.035
        wheels.append(Wheel(body, x, y, steer))
    return wheels


def far_wheels(body: Body) -> list[Wheel]:
    """The wheels of the far side, of which only what shows below the body is seen."""
    return [
        Wheel(body, wheel.centre[0], -float(wheel.centre[1]) + _TYRE_WIDTH_M, steer)
        for wheel, steer in zip(near_wheels(body), (0.0, body.params.steer_deg), strict=True)
    ]


def draw_arch(canvas: Canvas, body: Body, wheel: Wheel, lip: tuple[float, float, float] | None) -> None:
    """The dark opening round a wheel, with a lip of the given colour round it, or the shade of a pressed edge."""
    angle = np.linspace(-0.15 * np.pi, 1.15 * np.pi, 36)
    rim = (1.17, _DARK, 0.22) if lip is None else (1.24, lip, 1.0)
    for grow, colour, alpha in (rim, (1.10, _DARK, 1.0)):
        radius = wheel.radius * grow
        x = wheel.centre[0] + radius * np.cos(angle)
        low = body.bottom_z(x)
        z = np.maximum(wheel.centre[2] + 0.01 + radius * np.sin(angle), low)
        canvas.polygon(body.on_side(np.stack([x, z], axis=-1)), colour, alpha)
