"""Pixels to bytes of an image file: fixed settings, no timestamps, so that the same pixels are the same bytes."""

from __future__ import annotations

import io
from importlib.metadata import version
from typing import Literal

import fpng
import numpy as np
import PIL
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, features

CONTENT_TYPES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
_JPEG_QUALITY = 92
_WEBP_QUALITY, _WEBP_METHOD = 90, 4


def encode_image(pixels: NDArray[np.uint8], image_format: str, quality: int | None = None) -> bytes:
    """A file of the uint8 RGB image (H, W, 3).

    image_format: `png` (lossless), `jpeg` or `webp`. quality: of the last two, 1 to 100, instead of the usual one.
    Raises KeyError for another format.
    """
    if image_format == "png":
        return _png(pixels)
    if image_format == "jpeg":
        return encode_jpeg(pixels, quality or _JPEG_QUALITY, "444")
    if image_format == "webp":
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", quality=quality or _WEBP_QUALITY, method=_WEBP_METHOD)
        return buffer.getvalue()
    raise KeyError(image_format)


def encode_jpeg(pixels: NDArray[np.uint8], quality: int, subsampling: Literal["444", "420"]) -> bytes:
    """A JPEG of the uint8 RGB image (H, W, 3), without holding up other threads as Pillow does.

    subsampling: `444` keeps colours at full resolution, `420` at half of it.
    """
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=quality, colorsubsampling=subsampling, fastdct=False
    )
    return data


def encoder_name(image_format: str) -> str:
    """What made the bytes, with its version, such as `png fpng 0.1.0`: part of the kind of an output."""
    if image_format == "png":
        return f"png fpng {version('fpng')}"
    if image_format == "jpeg":
        return f"jpeg simplejpeg {version('simplejpeg')}"
    return f"{image_format} pillow {PIL.__version__} {image_format} {features.version(image_format) or '?'}"


def _png(pixels: NDArray[np.uint8]) -> bytes:
    # Some 25 times as fast as Pillow at its level 1, for a fifth more bytes; every decoder reads them.
    data = bytes(fpng.from_ndarray(pixels))
    if not data:
        raise ValueError(f"fpng makes no file of an image of shape {pixels.shape}: (H, W, 3) is expected")
    return data
