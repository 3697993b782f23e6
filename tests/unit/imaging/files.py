"""Image files made on the fly, and PNGs written by hand where Pillow cannot write such a one."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

SIDE = 16
# Columns and rows where each of Adam7's passes starts, and its steps (PNG specification, section 8.2).
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def quarters() -> Pixels:
    """(16, 16, 3) uint8: red, green over blue, yellow; no rotation or mirroring of it is itself."""
    image = np.empty((SIDE, SIDE, 3), np.uint8)
    half = SIDE // 2
    image[:half, :half] = (220, 30, 20)
    image[:half, half:] = (20, 200, 40)
    image[half:, :half] = (30, 40, 210)
    image[half:, half:] = (230, 220, 30)
    return image


def ramp() -> Pixels:
    """(16, 16) uint8: every grey from 0 to 255, once."""
    return np.arange(256, dtype=np.uint8).reshape(SIDE, SIDE)


def as_rgb(grey: NDArray[Any]) -> Pixels:
    return np.repeat(grey.astype(np.uint8)[:, :, None], 3, axis=2)


def on_white(rgba: NDArray[Any]) -> NDArray[np.float64]:
    """(H, W, 4) uint8 laid on white, unrounded."""
    alpha = rgba[:, :, 3:].astype(np.float64) / 255
    result: NDArray[np.float64] = rgba[:, :, :3] * alpha + 255 * (1 - alpha)
    return result


def saved(image: Image.Image | NDArray[Any], image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    shown = image if isinstance(image, Image.Image) else Image.fromarray(image)
    shown.save(buffer, image_format, **options)
    return buffer.getvalue()


def orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int,
    height: int,
    rows: bytes,
    *,
    depth: int = 8,
    color: int = 2,
    interlaced: bool = False,
    extra: Sequence[bytes] = (),
) -> bytes:
    """A PNG around `rows`, each of them with its filter byte. color: 0 grey, 2 RGB, 3 palette, 4 LA, 6 RGBA."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    chunks = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_rows(values: NDArray[Any]) -> bytes:
    """Unfiltered rows of values that are already big-endian."""
    return b"".join(b"\0" + row.tobytes() for row in values)


def packed_rows(values: NDArray[Any], bits: int) -> bytes:
    """Unfiltered rows of values of 1, 2 or 4 bits, the first of them in the highest bits of a byte."""
    each = 8 // bits
    shifts = np.arange(each - 1, -1, -1) * bits
    packed = (values.reshape(values.shape[0], -1, each).astype(np.uint8) << shifts).sum(axis=2)
    return png_rows(packed.astype(np.uint8))


def interlaced_png(rgb: Pixels) -> bytes:
    passes = (rgb[y::dy, x::dx] for x, y, dx, dy in _ADAM7)
    rows = b"".join(png_rows(part) for part in passes if part.size)
    return png(rgb.shape[1], rgb.shape[0], rows, interlaced=True)


def tiff(
    values: NDArray[Any], photometric: int, tags: Mapping[int, tuple[int, ...]] | None = None, data: bytes = b""
) -> bytes:
    """An uncompressed little-endian TIFF. photometric: 0 or 1 grey, of which 0 or 1 is black, 2 RGB, 5 CMYK.

    tags: more of them, or others in place of those made here. data: where it is not the values as they are.
    """
    height, width, *rest = values.shape
    samples, bits = (rest or [1])[0], values.itemsize * 8
    pixels = data or values.tobytes()
    all_tags: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        258: (bits,) * samples,
        259: (1,),
        262: (photometric,),
        273: (8,),
        277: (samples,),
        278: (height,),
        279: (len(pixels),),
        **(tags or {}),
    }
    start = 8 + len(pixels)
    entries, far, far_at = b"", b"", start + 2 + 12 * len(all_tags) + 4
    for tag, numbers in sorted(all_tags.items()):
        kind, letter = (4, "I") if tag in {256, 257, 273, 278, 279} else (3, "H")
        field = struct.pack(f"<{len(numbers)}{letter}", *numbers)
        if len(field) > 4:
            far, field = far + field, struct.pack("<I", far_at + len(far))
        entries += struct.pack("<HHI", tag, kind, len(numbers)) + field.ljust(4, b"\0")
    head = b"II*\0" + struct.pack("<I", start)
    return head + pixels + struct.pack("<H", len(all_tags)) + entries + b"\0\0\0\0" + far


def tiff_header(width: int, height: int) -> bytes:
    """An uncompressed 8-bit grey TIFF that is all header."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (278, height), (279, width * height)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0"


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
