"""Patches on the lower shell: flat outlines of arc length and height, bent round the body."""

from __future__ import annotations

import numpy as np

from vae_core.training.cars.body import Body
from vae_core.training.cars.camera import Points
from vae_core.training.cars.raster import Canvas, between_points

BLACK = (0.055, 0.055, 0.06)
CHROME = (0.78, 0.79, 0.81)
PLASTIC = (0.13, 0.13, 0.14)


def fill(canvas: Canvas, body: Body, outline: Points, colour: tuple[float, float, float], alpha: float = 1.0) -> None:
    """Fill an outline (N, 2) of arc length and height on the lower shell."""
    dense = between_points(outline, 0.08)
    canvas.polygon(body.skin(dense[:, 0], dense[:, 1]), colour, alpha)


def box(left: float, right: float, low: float, high: float) -> Points:
    """A rectangle as an outline (4, 2)."""
    return np.array([[left, low], [right, low], [right, high], [left, high]])
