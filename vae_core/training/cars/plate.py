"""The number plate: a light or dark ground in its frame, with strokes for the lettering."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.raster import Canvas

_GROUNDS = {"white": (0.92, 0.92, 0.91), "silver": (0.70, 0.71, 0.73), "dark": (0.09, 0.09, 0.10)}
_INKS = {"white": (0.10, 0.10, 0.12), "silver": (0.15, 0.15, 0.17), "dark": (0.82, 0.82, 0.83)}
# strokes of letters as (x, z, half width, half height) shares of the plate's half width and half height
_STROKES = ((0, -0.02, 0.018, 0.5), (0.07, 0.45, 0.08, 0.09), (0.07, -0.02, 0.06, 0.08), (0.13, -0.2, 0.018, 0.36))
_LETTER_STARTS = (-0.78, -0.53, -0.17, 0.08, 0.30, 0.56)


def draw_plate(canvas: Canvas, body: Body) -> None:
    """The plate above the air intake; which strokes a letter has follows from the car's index."""
    params = body.params
    if params.plate == "none":
        return
    half, half_height = (0.25, 0.062) if params.index % 3 else (0.21, 0.075)
    z = params.clearance_m + 0.10 + params.intake_height_m
    x = float(body.skin(np.array([0.0]), np.array([z]))[0, 0]) - 0.012

    def place(middle: float, up: float, wide: float, high: float) -> Points:
        """A flat rectangle (4, 3) just before the bumper, in shares of the plate."""
        y, height = middle * half, z + up * half_height
        across, upwards = wide * half, high * half_height
        return np.array([[x, y + a * across, height + b * upwards] for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])

    canvas.polygon(place(0.0, 0.0, 1.05, 1.16), (0.05, 0.05, 0.055))
    canvas.polygon(place(0.0, 0.0, 1.0, 1.0), _GROUNDS[params.plate])
    ink = _INKS[params.plate]
    for number, start in enumerate(_LETTER_STARTS):
        for stroke, (right, up, wide, high) in enumerate(_STROKES):
            if (params.index >> (number + stroke)) % 4 != 3:
                canvas.polygon(place(start + right, up, wide, high), ink, 0.85)
