"""Pixels to bytes of an image file: fixed settings, no timestamps, so that the same pixels are the same bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, features

# Level 1 of PNG writes twice as fast as the default 6 for a tenth more bytes; the pixels are the same.
_SAVE: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG", "compress_level": 1},
    "jpeg": {"format": "JPEG", "quality": 92, "subsampling": "4:4:4"},
    "webp": {"format": "WEBP", "quality": 90, "method": 4},
}
CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
# The library behind each format whose version may change the bytes.
_LIBRARIES = {"png": "zlib", "jpeg": "jpg", "webp": "webp"}


def encode_image(pixels: NDArray[np.uint8], image_format: str, quality: int | None = None) -> bytes:
    """A file of the uint8 RGB image (H, W, 3).

    image_format: `png` (lossless), `jpeg` or `webp`. quality: of the last two, 1 to 100, instead of the usual one.
    """
    settings = _SAVE[image_format] if quality is None else {**_SAVE[image_format], "quality": quality}
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, **settings)
    return buffer.getvalue()


def encoder_name(image_format: str) -> str:
    """What made the bytes, with its version, such as `pillow 13.0.0 zlib 1.3`: part of the kind of an output."""
    library = _LIBRARIES[image_format]
    version = features.version(library) or "?"
    return f"{image_format} pillow {PIL.__version__} {library} {version}"
