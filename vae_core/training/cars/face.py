"""The face of the car: grille, air intake, headlamps, fog lamps, number plate and badge."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.raster import Canvas, between_points, darker, rounded

_BLACK = (0.055, 0.055, 0.06)
_CHROME = (0.78, 0.79, 0.81)


def _patch(canvas: Canvas, body: Body, outline: Points, colour: tuple[float, float, float], alpha: float = 1.0) -> None:
    """Fill an outline (N, 2) of arc length and height on the lower shell."""
    dense = between_points(outline, 0.06)
    canvas.polygon(body.skin(dense[:, 0], dense[:, 1]), colour, alpha)


def _box(left: float, right: float, low: float, high: float) -> Points:
    """A rectangle as an outline (4, 2)."""
    return np.array([[left, low], [right, low], [right, high], [left, high]])


def lamp_z(body: Body) -> float:
    """Height of the middle of the headlamps."""
    params = body.params
    return params.nose_z_m - 0.045 - params.lamp_height_m / 2


def draw_face(canvas: Canvas, body: Body) -> None:
    """Everything on the front, from below upwards."""
    _draw_bumper(canvas, body)
    _draw_grille(canvas, body)
    for side in (-1.0, 1.0):
        _draw_lamp(canvas, body, side)
        if body.params.fog_lamps:
            _draw_fog_lamp(canvas, body, side)
    _draw_plate(canvas, body)


def _draw_bumper(canvas: Canvas, body: Body) -> None:
    """The air intake below the bumper, and the skid plate."""
    params = body.params
    half = params.width_m * 0.5
    low = params.clearance_m + 0.07
    high = low + params.intake_height_m
    if params.intake_style == "smile":
        outline = np.array(
            [[-0.62 * half, low], [0.62 * half, low], [0.80 * half, high + 0.03], [-0.80 * half, high + 0.03]]
        )
    elif params.intake_style == "frame":
        outline = np.array(
            [[-0.85 * half, low], [0.85 * half, low], [0.72 * half, high + 0.02], [-0.72 * half, high + 0.02]]
        )
    else:
        outline = _box(-0.66 * half, 0.66 * half, low, high)
    _patch(canvas, body, rounded(outline, 0.12, 2), _BLACK)
    for z in np.linspace(low, high, 4)[1:-1]:
        _patch(canvas, body, _box(-0.6 * half, 0.6 * half, float(z) - 0.006, float(z) + 0.006), (0.16, 0.16, 0.17))
    if params.skid_plate:
        plate = np.array(
            [[-0.5 * half, low - 0.06], [0.5 * half, low - 0.06], [0.58 * half, low + 0.02], [-0.58 * half, low + 0.02]]
        )
        _patch(canvas, body, plate, (0.66, 0.67, 0.68))


def _draw_grille(canvas: Canvas, body: Body) -> None:
    """The grille between the lamps with its bars and badge."""
    params = body.params
    half = params.width_m * params.grille_width_frac / 2
    top = params.nose_z_m - 0.05
    height = params.grille_height_m * (0.5 if params.grille_style == "slot" else 1.0)
    low = top - height
    outline = {
        "trapezoid": np.array([[-0.80, 0.0], [0.80, 0.0], [1.0, 1.0], [-1.0, 1.0]]),
        "hexagon": np.array([[-0.68, -0.25], [0.68, -0.25], [1.0, 0.65], [0.92, 1.0], [-0.92, 1.0], [-1.0, 0.65]]),
        "band": np.array([[-1.0, 0.25], [0.0, 0.1], [1.0, 0.25], [1.06, 0.85], [0.0, 1.0], [-1.06, 0.85]]),
    }[params.grille_shape] * np.array([half, height]) + np.array([0.0, low])
    if params.chrome > 0.35:
        rim = outline + np.sign(outline - np.array([0.0, (low + top) / 2])) * 0.016
        _patch(canvas, body, rounded(rim, 0.12, 2), _CHROME)
    _patch(canvas, body, rounded(outline, 0.09, 2), _BLACK)
    bar = _CHROME if params.chrome > 0.5 else (0.24, 0.24, 0.25)
    if params.grille_style == "bars":
        for z in np.linspace(low, top, 5)[1:-1]:
            _patch(canvas, body, _box(-0.84 * half, 0.84 * half, float(z) - 0.008, float(z) + 0.008), bar)
    elif params.grille_style == "slats":
        for s in np.linspace(-0.85, 0.85, 8) * half:
            _patch(canvas, body, _box(float(s) - 0.012, float(s) + 0.012, low + 0.01, top - 0.01), bar)
    elif params.grille_style == "body":
        paint = (params.paint_red, params.paint_green, params.paint_blue)
        _patch(canvas, body, _box(-0.8 * half, 0.8 * half, low + 0.35 * height, low + 0.65 * height), paint)
    angle = np.linspace(0, 2 * np.pi, 16)
    badge = np.stack([0.055 * np.cos(angle), (low + top) / 2 + 0.042 * np.sin(angle)], axis=-1)
    canvas.polygon(body.skin(badge[:, 0], badge[:, 1], 0.012), _CHROME)
    canvas.polygon(
        body.skin(badge[:, 0] * 0.6, (low + top) / 2 + (badge[:, 1] - (low + top) / 2) * 0.6, 0.014), (0.35, 0.36, 0.38)
    )


def _lamp_outline(body: Body) -> Points:
    """A lamp in a unit frame: 0 at the inner end to 1 at the outer end, -0.5 to 0.5 in height."""
    return {
        "almond": np.array(
            [[0.0, -0.25], [0.45, -0.5], [0.85, -0.35], [1.0, 0.35], [0.9, 0.62], [0.4, 0.42], [0.05, 0.15]]
        ),
        "swept": np.array(
            [[0.0, -0.05], [0.35, -0.42], [0.75, -0.30], [1.12, 0.55], [1.05, 0.75], [0.5, 0.38], [0.0, 0.2]]
        ),
        "square": np.array([[0.05, -0.5], [0.8, -0.5], [0.95, -0.3], [0.95, 0.5], [0.05, 0.5]]),
        "round": np.array(
            [[0.3, -0.5], [0.6, -0.55], [0.85, -0.2], [0.85, 0.25], [0.6, 0.55], [0.3, 0.5], [0.1, 0.2], [0.1, -0.2]]
        ),
    }[body.params.lamp_style]


def _draw_lamp(canvas: Canvas, body: Body, side: float) -> None:
    """A headlamp round the corner: dark housing, clear glass, reflector, indicator."""
    params = body.params
    start = max(params.width_m * params.grille_width_frac / 2 + 0.035, params.width_m * 0.5 - 0.46)
    frame = np.array([params.lamp_width_m, params.lamp_height_m])
    origin = np.array([start, lamp_z(body)])
    outline = rounded(_lamp_outline(body), 0.22, 2)

    def place(shape: Points, colour: tuple[float, float, float], alpha: float = 1.0) -> None:
        points = origin + shape * frame
        points[:, 0] *= side
        _patch(canvas, body, points, colour, alpha)

    place(np.array([0.5, 0.0]) + (outline - np.array([0.5, 0.0])) * 1.05, (0.10, 0.10, 0.11))
    place(
        np.array([0.5, 0.0]) + (outline - np.array([0.5, 0.0])) * 0.94,
        darker((0.62, 0.64, 0.67), 0.72 + 0.4 * params.chrome),
    )
    place(np.array([0.5, 0.1]) + (outline - np.array([0.5, 0.0])) * np.array([0.8, 0.45]), (0.86, 0.88, 0.90))
    angle = np.linspace(0, 2 * np.pi, 14)
    squeeze = params.lamp_height_m / params.lamp_width_m
    for centre, size in ((0.36, 0.26), (0.66, 0.20)):
        ring = np.stack([centre + size * squeeze * np.cos(angle), 0.0 + size * np.sin(angle)], axis=-1)
        place(ring, (0.38, 0.39, 0.42))
        place(np.array([centre, 0.04]) + (ring - np.array([centre, 0.0])) * 0.6, (0.95, 0.96, 0.97))
    if params.indicators:
        place(np.array([[0.82, -0.15], [0.92, -0.1], [0.96, 0.3], [0.84, 0.3]]), (0.86, 0.52, 0.22), 0.8)


def _draw_fog_lamp(canvas: Canvas, body: Body, side: float) -> None:
    """A fog lamp in its dark recess near the corner of the bumper."""
    params = body.params
    s = side * (params.width_m * 0.5 - 0.10)
    z = params.clearance_m + 0.08 + params.intake_height_m * 0.6
    recess = rounded(
        np.array([[s - 0.10, z - 0.06], [s + 0.10, z - 0.06], [s + 0.10, z + 0.07], [s - 0.10, z + 0.07]]), 0.2, 2
    )
    _patch(canvas, body, recess, _BLACK)
    angle = np.linspace(0, 2 * np.pi, 12)
    _patch(canvas, body, np.stack([s + 0.042 * np.cos(angle), z + 0.042 * np.sin(angle)], axis=-1), (0.58, 0.59, 0.61))


def _draw_plate(canvas: Canvas, body: Body) -> None:
    """The number plate with a hint of its lettering."""
    params = body.params
    if params.plate == "none":
        return
    z = params.clearance_m + 0.10 + params.intake_height_m
    ground, ink = (
        ((0.90, 0.90, 0.89), (0.2, 0.2, 0.2)) if params.plate == "white" else ((0.10, 0.10, 0.11), (0.75, 0.75, 0.75))
    )
    canvas.polygon(_plate_corners(body, 0.25, z, 0.055), ground)
    for letter, half in (
        (-0.165, 0.022),
        (-0.105, 0.014),
        (-0.02, 0.024),
        (0.055, 0.014),
        (0.11, 0.022),
        (0.17, 0.012),
    ):
        canvas.polygon(_plate_corners(body, half, z, 0.026, letter), ink, 0.45)


def _plate_corners(body: Body, half: float, z: float, half_height: float, middle: float = 0.0) -> Points:
    """A flat rectangle (4, 3) just before the bumper."""
    x = float(body.skin(np.array([0.0]), np.array([z]))[0, 0]) - 0.012
    return np.array(
        [[x, middle + side * half, z + up * half_height] for side, up in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )
