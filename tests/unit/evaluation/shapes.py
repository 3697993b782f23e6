"""Pictures made in no time: a coloured box with a dark stripe and a light spot, somewhere on a plain background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

COLOURS = ((200, 30, 30), (30, 60, 190), (40, 150, 60), (60, 60, 60))


def shapes(count: int, seed: int, *, size: int = 32, modes: tuple[int, ...] = (0, 1, 2, 3)) -> Images:
    """uint8 (count, size, size, 3). modes: which of the four colours there are."""
    rng = np.random.default_rng(seed)
    images = np.full((count, size, size, 3), 250, dtype=np.uint8)
    for image in images:
        colour = np.clip(np.array(COLOURS[rng.choice(modes)]) + rng.normal(0, 12, 3), 0, 255)
        height, width = rng.integers(size // 4, size // 2, 2)
        top, left = rng.integers(2, size - height - 1), rng.integers(2, size - width - 1)
        image[top : top + height, left : left + width] = colour
        image[top + height // 2 : top + height // 2 + 2, left : left + width] = colour // 3
        image[top + 1 : top + 3, left + 1 : left + 4] = 235
    return images


def blur(images: Images, sigma: float) -> Images:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0))
    blurred: Images = smooth.round().clip(0, 255).astype(np.uint8)
    return blurred


def flat(value: int, count: int = 1, size: int = 32) -> Images:
    return np.full((count, size, size, 3), value, dtype=np.uint8)


def noise(count: int, seed: int, size: int = 32) -> Images:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
