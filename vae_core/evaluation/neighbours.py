"""Nearest neighbours among many points, and thumbnails as points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vae_core.evaluation.subject import Images

THUMBNAIL_PX = 16
_BLOCK = 1 << 22  # distances at a time


class Nearest(NamedTuple):
    """Of each query the nearest point: its number (N,), and the Euclidean distance to it, float64 (N,)."""

    number: NDArray[np.intp]
    distance: NDArray[np.float64]


def nearest(queries: NDArray[np.floating], points: NDArray[np.floating]) -> Nearest:
    """The nearest of `points`, (M, D), to each of `queries`, (N, D)."""
    norms = np.square(points).sum(axis=1)  # (M,)
    step = max(1, _BLOCK // len(points))
    found = [
        (norms - 2.0 * queries[start : start + step] @ points.T).argmin(axis=1)
        for start in range(0, len(queries), step)
    ]
    number = np.concatenate(found)
    # Anew from the difference: near copies vanish in the rounding of the expanded form.
    distance = np.linalg.norm((queries - points[number]).astype(np.float64), axis=1)
    return Nearest(number, distance)


def thumbnails(images: Images) -> NDArray[np.float32]:
    """Each image reduced to 16x16 pixels, as a point: (N, 768), in grey levels. What a glance sees."""
    side = min(THUMBNAIL_PX, images.shape[1])
    points = np.empty((len(images), side * side * 3), dtype=np.float32)
    for row, image in enumerate(images):
        small = Image.fromarray(np.asarray(image)).resize((side, side), Image.Resampling.BOX)
        points[row] = np.asarray(small, dtype=np.float32).ravel()
    return points
