"""Bytes of an image file to pixels, within limits, whatever its mode or orientation."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from vae_core.errors import BadImage
from vae_core.imaging.fitting import fit_image
from vae_core.imaging.flattening import flatten
from vae_core.imaging.room import Room

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
_ROOM = Room(2**25)  # of all threads together: 128 MB in RGB, but for a larger image, which is decoded alone
# EXIF's orientations other than 1, which is upright, each with what makes it so.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own limit is one number for the whole process, and half of it only warns; ours is checked for each image,
# from its header, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = None


def decode_fitted(data: bytes, *, size: int, fit: str, max_pixels: int) -> NDArray[np.uint8]:
    """The image as uint8 RGB of shape (size, size, 3).

    Orientation is applied, transparency laid on white, the first frame taken. fit: `pad`, `squash` or `crop`.
    Raises BadImage with reason `empty`, `not_an_image`, `too_many_pixels` or `undecodable`.
    """
    image = _open(data, max_pixels)
    with image:
        try:
            pixels = image.width * image.height
            # JPEG only: decode at the smallest of 1/1, 1/2, 1/4, 1/8 that still holds twice the target.
            image.draft(None, (2 * size, 2 * size))
            with _ROOM.taken(_pixels_held(image, pixels)):
                image.load()
                turn = _turn_of(image)
                rgb = flatten(image, least=2 * size)
                return fit_image(rgb if turn is None else rgb.transpose(turn), size, fit)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...:
            # whatever it is, these bytes cannot be decoded; the item is listed and the job goes on.
            raise BadImage("undecodable", f"cannot be decoded as {image.format}: {error}") from error


def _open(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise BadImage("empty", "the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise BadImage("not_an_image", f"not an image of a known format: {', '.join(FORMATS)}") from error
    except MemoryError:
        raise
    except Exception as error:  # a broken header, in as many exception types as there are formats: the item is listed
        raise BadImage("undecodable", f"its header cannot be read: {error}") from error
    pixels = image.width * image.height
    if pixels > max_pixels:
        size = f"{image.width}x{image.height}"
        image.close()
        raise BadImage("too_many_pixels", f"{size} is {pixels:,} pixels; at most {max_pixels:,} are decoded")
    return image


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """What makes the image as its EXIF orientation wants it seen; None if it is so already."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001  # broken EXIF, again in many exception types: the pixels are good, and stay as they are
        return None
    return _TURNS.get(orientation) if isinstance(orientation, int) else None


def _pixels_held(image: Image.Image, pixels: int) -> int:
    """About how many pixels are in memory while it is decoded. pixels: as many as it has in full.

    A JPEG is decoded at the size that `draft` has set, but for a progressive one, which is put together in full.
    """
    return pixels if "progressive" in image.info else image.width * image.height
