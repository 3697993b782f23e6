"""Bytes of an image file to pixels, within limits, whatever its mode or orientation."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from vae_core.errors import BadImage
from vae_core.imaging.fitting import fit_image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
_WHITE = (255, 255, 255, 255)
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
            # JPEG only: decode at the smallest of 1/1, 1/2, 1/4, 1/8 that still holds twice the target.
            image.draft(None, (2 * size, 2 * size))
            image.load()
            white_is_zero = _white_is_zero(image)  # asked first: an image that was turned is no TIFF any more
            rgb = _to_rgb(_upright(image), white_is_zero)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ...:
            # whatever it is, these bytes cannot be decoded; the item is listed and the job goes on.
            raise BadImage("undecodable", f"cannot be decoded as {image.format}: {error}") from error
    return fit_image(rgb, size, fit)


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


def _upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation wants it seen."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001  # broken EXIF, again in many exception types: the pixels are good, and stay as they are
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _white_is_zero(image: Image.Image) -> bool:
    """Whether this is a deep greyscale TIFF of which 0 is white; Pillow turns only those of 8 bits over."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile) or not image.mode.startswith("I;16"):
        return False
    return image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0


def _to_rgb(image: Image.Image, white_is_zero: bool) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_rgb(image, white_is_zero)
    if "transparency" in image.info or image.mode in {"RGBA", "LA", "PA", "RGBa", "La"}:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba).convert("RGB")
    return image.convert("RGB")


def _deep_to_rgb(image: Image.Image, white_is_zero: bool) -> Image.Image:
    """Greyscale of more than 8 bits: integers are taken as 16-bit, floats as 0 to 1, or 0 to 255 if any is above 1."""
    values = np.asarray(image, dtype=np.float32)
    white = 65_535.0
    if image.mode == "F":
        white = 255.0 if values.max(where=np.isfinite(values), initial=0.0) > 1.0 else 1.0
    grey = np.nan_to_num(values / (white / 255.0)).clip(0, 255).round().astype(np.uint8)
    if white_is_zero:
        grey = 255 - grey
    level = image.info.get("transparency")
    if isinstance(level, int):  # a PNG's one transparent level, of 16 bits
        grey[values == level] = 255
    return Image.fromarray(grey).convert("RGB")
