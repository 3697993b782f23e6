"""The side of the car below the windows: door lines, handles, sill, cladding and the rear lamp."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.raster import Canvas, between_points, darker
from vae_core.training.cars.skin import PLASTIC


def draw_flank(canvas: Canvas, body: Body, colour: tuple[float, float, float]) -> None:
    """Everything on the near side, but for wheels and windows; colour is the body's paint."""
    _draw_sill(canvas, body)
    _draw_doors(canvas, body, colour)
    _draw_rear_lamp(canvas, body)


def draw_underside(canvas: Canvas, body: Body) -> None:
    """The dark underside, which shows between the sill and the ground; drawn before the body."""
    half = body.params.length_m / 2
    for z, grow in ((0.35, 0.80), (0.75, 0.88)):
        ring = np.stack([half + (body.x[::8] - half) * 0.88, body.y[::8] * grow, 0 * body.x[::8]], axis=-1)
        ring[:, 2] = body.params.clearance_m * z
        canvas.polygon(ring, (0.05, 0.05, 0.055), 0.75)


def draw_bonnet_gap(canvas: Canvas, body: Body, colour: tuple[float, float, float]) -> None:
    """The gaps between the bonnet and the wings, and before it."""
    gap = darker(colour, 0.35)
    edge = body.bonnet_edge(0.88)
    for side in (-1.0, 1.0):
        canvas.line(edge * np.array([1.0, side, 1.0]), gap, 0.010, 0.6)
    s = np.linspace(-1.0, 1.0, 15) * body.half_width * 0.80
    height = body.params.nose_z_m - 0.022 - 0.02 * (s / body.half_width) ** 2
    canvas.line(body.skin(s, height), gap, 0.013, 0.7)


def _draw_sill(canvas: Canvas, body: Body) -> None:
    """The dark sill and, on a rugged car, plastic cladding from bumper to bumper."""
    params = body.params
    height = body.top_z(np.array([params.length_m / 2]))[0] - params.clearance_m
    x = np.linspace(0.02, params.length_m * 0.99, 40)
    low = body.bottom_z(x)
    deep = 0.05 + params.cladding * float(height)
    strip = np.concatenate([np.stack([x, low], axis=-1), np.stack([x, low + deep], axis=-1)[::-1]])
    canvas.polygon(body.on_side(strip), PLASTIC, 0.95 if params.cladding else 0.6)
    s = np.linspace(-body.half_width - 0.2, body.s_at_x(params.front_overhang_m), 40)
    low = body.bottom_z(np.interp(s, body.s, body.x))
    # the cladding climbs over the bumper
    tall = deep * (1.0 + 0.7 * bool(params.cladding) * np.clip(1.0 - s / body.half_width, 0.0, 1.0))
    lip = np.concatenate([np.stack([s, low], axis=-1), np.stack([s, low + tall], axis=-1)[::-1]])
    canvas.polygon(body.skin(lip[:, 0], lip[:, 1]), PLASTIC, 0.95 if params.cladding else 0.6)


def _draw_doors(canvas: Canvas, body: Body, colour: tuple[float, float, float]) -> None:
    """The gaps round two doors, and their handles."""
    params = body.params
    radius = params.wheel_diameter_m / 2
    ends = np.array([params.cowl_frac, params.glass_rear_frac]) * params.length_m
    shift = -0.03 if params.family in ("suv", "van", "crossover") else 0.09 if params.family == "coupe" else 0.0
    pillar = float(ends.mean() + shift * (ends[1] - ends[0]))
    front = params.front_overhang_m + radius * 1.5
    rear = body.rear_axle_x - radius * 0.9
    gap = darker(colour, 0.3)
    for x, foot in ((front, 0.0), (pillar, 0.0), (rear, 0.28)):
        top = float(body.top_z(np.array([x]))[0]) - 0.03
        z = np.linspace(params.clearance_m + 0.07 + foot, top, 8)
        lean = x + foot * 1.1 * ((z - z[0]) / (z[-1] - z[0]))
        canvas.line(body.on_side(np.stack([lean, z], axis=-1)), gap, 0.011, 0.75)
    lamp_z = params.nose_z_m - 0.05 - params.lamp_height_m
    arch = np.array([[front - radius * 2.58, params.wheel_diameter_m * 0.75], [front - radius * 2.8, lamp_z]])
    canvas.line(body.on_side(arch), gap, 0.010, 0.6)
    for x in (pillar - 0.18, rear + 0.05):
        _draw_handle(canvas, body, x, colour)


def _draw_handle(canvas: Canvas, body: Body, x: float, colour: tuple[float, float, float]) -> None:
    """A door handle in the colour of the body or in chrome, and its shadow."""
    z = float(body.top_z(np.array([x]))[0]) - 0.13
    bar = np.array([[-0.09, 0.0], [0.09, 0.006], [0.09, 0.034], [-0.09, 0.028]]) + np.array([x, z])
    handle = between_points(bar, 0.06)
    canvas.polygon(body.on_side(handle - np.array([0.0, 0.014])), darker(colour, 0.3), 0.7)
    canvas.polygon(body.on_side(handle, 0.03), (0.78, 0.79, 0.8) if body.params.chrome > 0.75 else darker(colour, 0.95))


def _draw_rear_lamp(canvas: Canvas, body: Body) -> None:
    """What of the rear lamp wraps round to the side."""
    params = body.params
    length = params.length_m
    top = float(body.top_z(np.array([length * 0.95]))[0])
    lamp = np.array([[0.962, top - 0.20], [0.995, top - 0.22], [0.995, top - 0.06], [0.945, top - 0.05]])
    points = between_points(lamp * np.array([length, 1.0]), 0.05)
    canvas.polygon(body.on_side(points), (0.50, 0.05, 0.06))
