"""The lamps of the face: headlamps that reach round the corner, day running lights, fog lamps."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.raster import Canvas, rounded
from vae_core.training.cars.skin import BLACK, CHROME, box, fill

_GLINT = (0.97, 0.98, 1.0)
_MIDDLE = np.array([0.5, 0.0])
# outlines in a unit frame: 0 at the inner end to 1 at the outer end, -0.5 to 0.5 in height
_OUTLINES = {
    "almond": [[0.0, -0.25], [0.45, -0.5], [0.85, -0.35], [1.0, 0.35], [0.9, 0.62], [0.4, 0.42], [0.05, 0.15]],
    "swept": [[0.0, -0.10], [0.35, -0.42], [0.75, -0.30], [1.16, 0.50], [1.06, 0.72], [0.5, 0.34], [0.0, 0.16]],
    "square": [[0.05, -0.5], [0.8, -0.5], [0.97, -0.3], [0.97, 0.5], [0.05, 0.5]],
    "round": [[0.3, -0.5], [0.6, -0.55], [0.85, -0.2], [0.85, 0.25], [0.6, 0.55], [0.3, 0.5], [0.1, 0.2], [0.1, -0.2]],
}


class Headlamp:
    """One headlamp of a side: -1 far, 1 near."""

    def __init__(self, canvas: Canvas, body: Body, side: float) -> None:
        params = body.params
        start = max(params.width_m * params.grille_width_frac / 2 + 0.035, params.width_m * 0.5 - 0.46)
        self._canvas, self._body, self._side = canvas, body, side
        self._frame = np.array([params.lamp_width_m, params.lamp_height_m])
        self._origin = np.array([start, params.nose_z_m - 0.045 - params.lamp_height_m / 2])
        self._outline = rounded(np.array(_OUTLINES[params.lamp_style]), 0.22, 2)

    def _place(self, shape: Points, colour: tuple[float, float, float], alpha: float = 1.0) -> None:
        """Fill an outline (N, 2) of the unit frame."""
        points = self._origin + shape * self._frame
        points[:, 0] *= self._side
        fill(self._canvas, self._body, points, colour, alpha)

    def _shrunk(self, across: float, upwards: float, lift: float = 0.0) -> Points:
        """The lamp's outline made smaller about its middle, and moved up by a share of its height."""
        return np.asarray(_MIDDLE + (self._outline - _MIDDLE) * np.array([across, upwards]) + np.array([0.0, lift]))

    def draw(self) -> None:
        """Dark seal, housing, reflectors, glints and indicator."""
        params = self._body.params
        dark = params.lamp_dark
        grey = 0.72 - 0.56 * dark
        self._place(self._shrunk(1.05, 1.08), (0.08, 0.08, 0.09))
        self._place(self._shrunk(0.95, 0.88), (grey * 0.97, grey, grey * 1.04))
        # the glass mirrors the ceiling in its upper half, and shades its lower edge
        self._place(self._shrunk(0.84, 0.34, 0.17), (0.90, 0.92, 0.95), 0.75 - 0.45 * dark)
        self._place(self._shrunk(0.80, 0.20, -0.28), (0.20, 0.21, 0.23), 0.45)
        self._draw_reflectors()
        if params.indicators:
            corner = np.array([[0.80, -0.18], [0.90, -0.12], [0.95, 0.30], [0.83, 0.28]])
            self._place(corner, (0.88, 0.54, 0.20), 0.8)
        if params.day_lights != "none":
            self._draw_day_light()

    def _draw_reflectors(self) -> None:
        """A projector, and further out a plainer bowl."""
        params = self._body.params
        angle = np.linspace(0, 2 * np.pi, 13)[:-1]
        squeeze = params.lamp_height_m / params.lamp_width_m
        circle = np.stack([squeeze * np.cos(angle), np.sin(angle)], axis=-1)
        for centre, size, bright in ((0.34, 0.27, 0.95), (0.64, 0.20, 0.70)):
            middle = np.array([centre, -0.02])
            self._place(middle + size * circle, (0.25, 0.26, 0.28), 0.85)
            self._place(middle + 0.66 * size * circle, (bright, bright, bright), 0.9)
            self._place(middle + np.array([0.0, 0.3 * size]) + 0.25 * size * circle, _GLINT)

    def _draw_day_light(self) -> None:
        """A thin white strip along the upper or the lower edge."""
        below = self._body.params.day_lights == "below"
        x = np.linspace(0.12, 0.92, 6)
        edge = -0.36 + 0.35 * np.clip(x - 0.55, 0, 1) if below else 0.20 + 0.25 * x
        strip = np.concatenate([np.stack([x, edge], axis=-1), np.stack([x, edge + 0.11], axis=-1)[::-1]])
        self._place(strip, _GLINT)


def draw_fog_lamp(canvas: Canvas, body: Body, side: float) -> None:
    """A fog lamp in its dark recess near the corner of the bumper."""
    params = body.params
    s = side * (params.width_m * 0.5 - 0.07)
    z = params.clearance_m + 0.09 + params.intake_height_m * 0.6
    if params.intake_style in ("frame", "split"):
        recess = np.array([[s - side * 0.17, z - 0.07], [s + side * 0.12, z - 0.05], [s + side * 0.16, z + 0.12]])
    else:
        recess = box(s - 0.11, s + 0.11, z - 0.06, z + 0.07)
    fill(canvas, body, rounded(recess, 0.2, 2), BLACK)
    if not params.fog_lamps:
        return
    angle = np.linspace(0, 2 * np.pi, 12)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    middle = np.array([s, z])
    if params.chrome > 0.5:
        fill(canvas, body, middle + 0.052 * ring, CHROME)
    fill(canvas, body, middle + 0.042 * ring, (0.50, 0.51, 0.54))
    fill(canvas, body, middle + np.array([0.0, 0.01]) + 0.022 * ring, (0.86, 0.87, 0.89))
