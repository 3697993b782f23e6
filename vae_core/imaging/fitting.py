"""Making an image of any shape square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_RESAMPLE = Image.Resampling.LANCZOS
_WHITE = (255, 255, 255)


def fit_image(image: Image.Image, size: int, fit: str) -> NDArray[np.uint8]:
    """The RGB image as uint8 of shape (size, size, 3).

    fit: `pad` keeps the aspect and adds white, `squash` does not keep it, `crop` takes the largest centred square.
    """
    if image.size == (size, size):
        return np.array(image, dtype=np.uint8)
    if fit == "squash":
        fitted = image.resize((size, size), _RESAMPLE)
    elif fit == "crop":
        fitted = _cropped(image).resize((size, size), _RESAMPLE)
    else:
        fitted = _padded(image, size)
    return np.array(fitted, dtype=np.uint8)


def _cropped(image: Image.Image) -> Image.Image:
    """Cut out before it is resized, so that no colour of what is cut off bleeds in."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _padded(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (size, size), _WHITE)
    square.paste(image.resize((width, height), _RESAMPLE), ((size - width) // 2, (size - height) // 2))
    return square
