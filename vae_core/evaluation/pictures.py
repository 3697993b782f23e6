"""Pictures inside a page: rows and grids of images as WebP in a data URI."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from vae_core.evaluation.subject import Images
from vae_core.imaging.encoding import encode_image

_WHITE = 255


def row_uri(images: Images) -> str:
    """uint8 (N, S, S, 3) side by side."""
    return _uri(grid(images, len(images)))


def grid_uri(images: Images, columns: int) -> str:
    """uint8 (N, S, S, 3) in rows of `columns`, white where the last one is not full."""
    return _uri(grid(images, columns))


def grid(images: Images, columns: int) -> NDArray[np.uint8]:
    """The same as one array, (h, w, 3), without gaps."""
    count, size = images.shape[:2]
    rows = -(-count // columns)
    sheet = np.full((rows * columns, size, size, 3), _WHITE, dtype=np.uint8)
    sheet[:count] = images
    tiles = sheet.reshape(rows, columns, size, size, 3).swapaxes(1, 2)  # (rows, S, columns, S, 3)
    return tiles.reshape(rows * size, columns * size, 3)


def _uri(pixels: NDArray[np.uint8]) -> str:
    return f"data:image/webp;base64,{base64.b64encode(encode_image(pixels, 'webp')).decode()}"
