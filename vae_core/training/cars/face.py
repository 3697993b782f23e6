"""The face of the car: bumper with its air intake, grille and badge, and the lamps and plate in their order."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.lamps import Headlamp, draw_fog_lamp
from vae_core.training.cars.plate import draw_plate
from vae_core.training.cars.raster import Canvas, darker, rounded
from vae_core.training.cars.skin import BLACK, CHROME, PLASTIC, box, fill

# outlines of grilles as shares of half their width and of their height
_GRILLES = {
    "trapezoid": [[-0.80, 0.0], [0.80, 0.0], [1.0, 1.0], [-1.0, 1.0]],
    "hexagon": [[-0.68, -0.25], [0.68, -0.25], [1.0, 0.65], [0.92, 1.0], [-0.92, 1.0], [-1.0, 0.65]],
    "band": [[-1.0, 0.25], [0.0, 0.1], [1.0, 0.25], [1.06, 0.85], [0.0, 1.0], [-1.06, 0.85]],
    "tall": [[-0.62, -0.9], [0.62, -0.9], [0.95, 0.35], [0.88, 1.0], [-0.88, 1.0], [-0.95, 0.35]],
}


def draw_face(canvas: Canvas, body: Body) -> None:
    """Everything on the front, from below upwards."""
    _draw_bumper(canvas, body)
    _draw_grille(canvas, body)
    for side in (-1.0, 1.0):
        Headlamp(canvas, body, side).draw()
        draw_fog_lamp(canvas, body, side)
    draw_plate(canvas, body)


def _draw_bumper(canvas: Canvas, body: Body) -> None:
    """The gap above the bumper, the air intake in it, and the skid plate."""
    params = body.params
    colour = (params.paint_red, params.paint_green, params.paint_blue)
    half = params.width_m * 0.5
    low = params.clearance_m + 0.075
    high = low + params.intake_height_m
    reach = np.linspace(-half * 1.02, half * 1.02, 21)
    crease = low + params.intake_height_m + 0.055
    canvas.line(body.skin(reach, np.full(21, crease)), darker(colour, 0.45), 0.012, 0.35)
    canvas.line(body.skin(reach, np.full(21, crease + 0.022)), darker(colour, 1.35), 0.014, 0.35)
    outline = {
        "smile": np.array([[-0.60, low], [0.60, low], [0.82, high + 0.03], [-0.82, high + 0.03]]),
        "frame": np.array([[-0.82, low], [0.82, low], [0.68, high + 0.02], [-0.68, high + 0.02]]),
        "split": np.array([[-0.46, low], [0.46, low], [0.54, high + 0.03], [-0.54, high + 0.03]]),
        "plain": np.array([[-0.64, low], [0.64, low], [0.66, high], [-0.66, high]]),
    }[params.intake_style] * np.array([half, 1.0])
    fill(canvas, body, rounded(outline, 0.12, 2), BLACK)
    for z in np.linspace(low, high, 4)[1:-1]:
        fill(canvas, body, box(-0.46 * half, 0.46 * half, float(z) - 0.007, float(z) + 0.007), (0.20, 0.20, 0.21))
    # the lip below the intake catches the light
    canvas.line(body.skin(reach * 0.8, np.full(21, low - 0.012)), darker(colour, 1.1), 0.014, 0.5)
    if params.skid_plate:
        plate = np.array([[-0.5, low - 0.06], [0.5, low - 0.06], [0.60, low + 0.03], [-0.60, low + 0.03]])
        fill(canvas, body, plate * np.array([half, 1.0]), (0.70, 0.71, 0.72))
        fill(canvas, body, box(-0.2 * half, 0.2 * half, low - 0.05, low + 0.01), PLASTIC)


def _draw_grille(canvas: Canvas, body: Body) -> None:
    """The grille between the lamps, its pattern, and the badge."""
    params = body.params
    half = params.width_m * params.grille_width_frac / 2
    top = params.nose_z_m - 0.05
    height = params.grille_height_m * (0.5 if params.grille_style == "slot" else 1.0)
    low = top - height
    outline = np.array(_GRILLES[params.grille_shape]) * np.array([half, height]) + np.array([0.0, low])
    if params.chrome > 0.35:
        rim = outline + np.sign(outline - np.array([0.0, (low + top) / 2])) * 0.016
        fill(canvas, body, rounded(rim, 0.12, 2), CHROME)
    fill(canvas, body, rounded(outline, 0.09, 2), BLACK)
    floor = float(outline[:, 1].min()) + 0.012
    _draw_pattern(canvas, body, 0.82 * half, floor, top)
    _draw_badge(canvas, body, (low + top) / 2, half)


def _draw_pattern(canvas: Canvas, body: Body, half: float, low: float, top: float) -> None:
    """Bars, slats or a mesh in the grille, or a bar in the colour of the body."""
    params = body.params
    bar = CHROME if params.chrome > 0.5 else (0.26, 0.26, 0.27)
    if params.grille_style == "bars":
        for z in np.linspace(low, top, 3 + params.index % 3)[1:-1]:
            fill(canvas, body, box(-half, half, float(z) - 0.009, float(z) + 0.009), bar)
    elif params.grille_style == "slats":
        for s in np.linspace(-1.0, 1.0, 7 + params.index % 3) * half:
            fill(canvas, body, box(float(s) - 0.014, float(s) + 0.014, low + 0.01, top - 0.01), bar)
    elif params.grille_style == "mesh":
        count = max(3, round((top - low) / 0.035))
        for z in np.linspace(low, top, count + 1)[1:-1]:
            line = np.linspace(-half, half, 7)
            canvas.line(body.skin(line, np.full(7, float(z))), (0.22, 0.22, 0.23), 0.008)
        for s in np.linspace(-1.0, 1.0, 13) * half:
            canvas.line(body.skin(np.full(2, float(s)), np.array([low, top])), (0.20, 0.20, 0.21), 0.008)
    elif params.grille_style == "body":
        paint = (params.paint_red, params.paint_green, params.paint_blue)
        third = (top - low) / 3.0
        fill(canvas, body, box(-half, half, low + third, top - third), paint)


def _draw_badge(canvas: Canvas, body: Body, z: float, half: float) -> None:
    """The maker's badge in the middle of the grille."""
    style = body.params.badge
    if style == "none":
        return
    wide = 0.052 if style == "round" else 0.075
    angle = np.linspace(0, 2 * np.pi, 16)
    ring: Points = np.stack([wide * np.cos(angle), 0.046 * np.sin(angle)], axis=-1)
    if style == "wings":
        fill(canvas, body, box(-0.9 * half, 0.9 * half, z - 0.011, z + 0.011), CHROME)
    for scale, lift, colour in ((1.0, 0.012, CHROME), (0.62, 0.014, (0.30, 0.31, 0.34))):
        canvas.polygon(body.skin(ring[:, 0] * scale, z + ring[:, 1] * scale, lift), colour)
