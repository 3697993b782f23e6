"""Pixels of any mode to RGB on white, large images in bands: what they become is small, and so is what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

LARGE_PIXELS = 2**20
_WHITE = (255, 255, 255, 255)


class _Levels(NamedTuple):
    """How deep greyscale is to be read. white: its value. inverted: 0 is white, and that value black."""

    white: float
    inverted: bool


def flatten(image: Image.Image, *, least: int) -> Image.Image:
    """The loaded image as RGB, transparency laid on white.

    One of over a million pixels is reduced, each block of pixels to its mean, by the largest whole factor that leaves
    `least` pixels on the shorter side.
    """
    levels = _levels(image)
    factor = min(image.size) // least if image.width * image.height > LARGE_PIXELS else 1
    if factor < 2:
        return _to_rgb(image, levels)
    width, height = (-(-side // factor) for side in image.size)
    reduced = Image.new("RGB", (width, height))
    for top, band in _bands(image, factor):
        reduced.paste(_to_rgb(band, levels).reduce(factor), (0, top // factor))
    return reduced


def _bands(image: Image.Image, multiple: int) -> Iterator[tuple[int, Image.Image]]:
    """The image in bands of some million pixels, a multiple of `multiple` rows each, and where each begins."""
    rows = multiple * max(1, LARGE_PIXELS // (image.width * multiple))
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(image.height, top + rows)))


def _levels(image: Image.Image) -> _Levels:
    """Integers are taken as 16-bit, floats as 0 to 1, or 0 to 255 if any is above 1.

    Of 16-bit TIFFs 0 may be white; Pillow turns only those of 8 bits over.
    """
    white = 65_535.0
    if image.mode == "F":
        values = (np.asarray(band) for _, band in _bands(image, 1))
        white = 255.0 if max(part.max(where=np.isfinite(part), initial=0.0) for part in values) > 1.0 else 1.0
    inverted = False
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.mode.startswith("I;16"):
        inverted = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    return _Levels(white, inverted)


def _to_rgb(image: Image.Image, levels: _Levels) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_rgb(image, levels)
    if "transparency" in image.info or image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def _deep_to_rgb(image: Image.Image, levels: _Levels) -> Image.Image:
    """Greyscale of more than 8 bits."""
    values = np.asarray(image, dtype=np.float32)
    grey = np.nan_to_num(values / (levels.white / 255.0)).clip(0, 255).round().astype(np.uint8)
    if levels.inverted:
        grey = 255 - grey
    level = image.info.get("transparency")
    if isinstance(level, int):  # a PNG's one transparent level, of 16 bits
        grey[values == level] = 255
    return Image.fromarray(grey).convert("RGB")
