"""Good images of kinds that are seldom met: deep ones, those with pages and frames, and what Pillow cannot write."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from PIL import Image

from tests.unit.imaging.files import (
    SIDE,
    as_rgb,
    chunk,
    on_white,
    packed_rows,
    png,
    png_rows,
    quarters,
    ramp,
    saved,
    tiff,
)
from tests.unit.imaging.zoo import Animal

_BLACK = Image.new("RGB", (SIDE, SIDE))
_LITTLE, _BIG = "<u2", ">u2"


def rare() -> list[Animal]:
    return [*_jpegs(), *_pngs(), *_frames(), *_bitmaps(), *_portable(), *_tiffs()]


def _deep() -> Any:
    """(16, 16) uint16: every grey of 8 bits, once."""
    return ramp().astype(np.uint16) * 257


def _jpegs() -> list[Animal]:
    rgb = quarters()
    best: dict[str, Any] = {"quality": 100, "subsampling": 0}
    cmyk = np.dstack([255 - rgb, np.zeros((SIDE, SIDE), np.uint8)])
    inverted = saved(Image.fromarray(cmyk, "CMYK"), "JPEG", **best)
    marker = inverted.index(b"Adobe") - 4
    unmarked = inverted[:marker] + inverted[marker + 16 :]
    # YCCK keeps the inks' YCbCr and the black inverted; Pillow inverts what it is given once more.
    inks = np.asarray(Image.fromarray(255 - rgb).convert("YCbCr"))
    stored = np.dstack([255 - inks, np.zeros((SIDE, SIDE), np.uint8)])
    ycck = bytearray(saved(Image.fromarray(stored, "CMYK"), "JPEG", **best))
    ycck[marker + 15] = 2  # Adobe's transform: YCCK
    return [
        Animal("jpeg CMYK without Adobe's mark", unmarked, rgb, 5),
        Animal("jpeg YCCK", bytes(ycck), rgb, 5),
        Animal("jpeg with restarts", saved(rgb, "JPEG", restart_marker_blocks=1, **best), rgb, 4),
        Animal("jpeg with something behind it", saved(rgb, "JPEG", **best) + b"x" * 100, rgb, 4),
    ]


def _pngs() -> list[Animal]:
    rgb, grey, deep = quarters(), ramp(), _deep()
    size = (SIDE, SIDE)
    rgba = np.dstack([deep, deep.T, deep[::-1], deep])
    la = np.dstack([deep, deep[::-1]])
    key = chunk(b"tRNS", struct.pack(">H", 5 * 257))
    whole = saved(rgb, "PNG")
    place = whole.index(b"IDAT")
    end = place + 4 + struct.unpack(">I", whole[place - 4 : place])[0]
    return [
        Animal("png 2 bit", png(*size, packed_rows(grey // 64, 2), depth=2, color=0), as_rgb(grey // 64 * 85)),
        Animal("png 4 bit", png(*size, packed_rows(grey // 16, 4), depth=4, color=0), as_rgb(grey // 16 * 17)),
        Animal("png 16-bit RGBA", png(*size, png_rows(rgba.astype(_BIG)), depth=16, color=6), on_white(rgba // 257), 1),
        Animal(
            "png 16-bit LA",
            png(*size, png_rows(la.astype(_BIG)), depth=16, color=4),
            on_white(np.dstack([grey, grey, grey, grey[::-1]])),
            1,
        ),
        Animal(
            "png 16-bit grey with a transparent level",
            png(*size, png_rows(deep.astype(_BIG)), depth=16, color=0, extra=[key]),
            as_rgb(np.where(grey == 5, 255, grey)),
        ),
        # zlib's own check sum says that the pixels are right, and so do viewers.
        Animal("png with a wrong check sum of its pixels", whole[:end] + b"\0\0\0\0" + whole[end + 4 :], rgb),
        Animal("png with something behind it", whole + b"x" * 100, rgb),
    ]


def _frames() -> list[Animal]:
    rgb = quarters()
    more: dict[str, Any] = {"save_all": True, "append_images": [_BLACK]}
    alpha = np.dstack([rgb, ramp()])
    return [
        Animal("png animated", saved(rgb, "PNG", **more), rgb),
        Animal("png animated, its first picture no frame", saved(rgb, "PNG", default_image=True, **more), rgb),
        Animal("webp animated", saved(rgb, "WEBP", lossless=True, **more), rgb),
        Animal("avif animated", saved(rgb, "AVIF", quality=100, subsampling="4:4:4", **more), rgb, 6),
        Animal("avif alpha", saved(alpha, "AVIF", quality=100, subsampling="4:4:4"), on_white(alpha), 6),
        Animal("tiff with pages", saved(rgb, "TIFF", **more), rgb),
    ]


def _bitmaps() -> list[Animal]:
    rgb, grey = quarters(), ramp()
    alpha = np.dstack([rgb, grey])
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII", 124, SIDE, SIDE, 1, 32, 3, SIDE * SIDE * 4, 0, 0, 0, 0) + masks + b"BGRs"
    rows = alpha[::-1, :, [2, 1, 0, 3]].tobytes()
    fifth = b"BM" + struct.pack("<IHHI", 138 + len(rows), 0, 0, 138) + header.ljust(124, b"\0") + rows
    return [
        Animal("bmp 8-bit grey", saved(grey, "BMP"), as_rgb(grey)),
        Animal("bmp palette", saved(Image.fromarray(rgb).quantize(4), "BMP"), rgb, 8),
        Animal("bmp 32 bit, the fourth byte unused", saved(alpha, "BMP"), rgb),
        Animal("bmp version 5 with alpha", fifth, on_white(alpha), 1),
    ]


def _portable() -> list[Animal]:
    rgb, grey, deep = quarters(), ramp(), _deep()
    colours = np.dstack([deep, deep.T, deep[::-1]])
    plain = b"P3\n# a comment\n16 16 255\n" + b" ".join(b"%d" % value for value in rgb.ravel()) + b"\n"
    return [
        Animal("pbm", saved(grey % 3 == 0, "PPM"), as_rgb((grey % 3 == 0) * 255)),
        Animal("ppm in words", plain, rgb),
        Animal("pgm 16 bit", b"P5 16 16 65535\n" + deep.astype(_BIG).tobytes(), as_rgb(grey)),
        Animal("ppm 16 bit", b"P6 16 16 65535\n" + colours.astype(_BIG).tobytes(), colours // 257, 1),
        Animal("pfm", b"Pf\n16 16\n-1.0\n" + (grey[::-1] / np.float32(255)).tobytes(), as_rgb(grey)),
    ]


def _tiffs() -> list[Animal]:
    rgb, grey, deep = quarters(), ramp(), _deep()
    colours = np.dstack([deep, deep.T, deep[::-1]])
    rgba = np.dstack([colours, deep])
    alpha = np.dstack([rgb, grey])
    scaled = np.dstack([(rgb.astype(np.uint16) * grey[:, :, None] // 255).astype(np.uint8), grey])
    planes = {273: (8, 264, 520), 279: (256, 256, 256), 284: (2,)}
    cmyk = np.dstack([255 - rgb, np.zeros((SIDE, SIDE), np.uint8)]).astype(np.uint16) * 257
    return [
        Animal("tiff 16-bit RGB", tiff(colours.astype(_LITTLE), 2), colours // 257, 1),
        Animal("tiff 16-bit RGBA", tiff(rgba.astype(_LITTLE), 2, {338: (2,)}), on_white(rgba // 257), 1),
        Animal("tiff 16-bit CMYK", tiff(cmyk.astype(_LITTLE), 5), rgb, 1),
        Animal("tiff, 0 is white", tiff(grey, 0), as_rgb(255 - grey)),
        Animal("tiff 16 bit, 0 is white", tiff(deep.astype(_LITTLE), 0), as_rgb(255 - grey)),
        Animal("tiff 16 bit, 0 is white, turned", tiff(deep[::-1].astype(_LITTLE), 0, {274: (4,)}), as_rgb(255 - grey)),
        Animal("tiff, colours multiplied by alpha", tiff(scaled, 2, {338: (1,)}), on_white(alpha), 3),
        Animal("tiff with a fourth value of no meaning", tiff(alpha, 2, {338: (0,)}), rgb),
        Animal("tiff in planes", tiff(rgb, 2, planes, data=rgb.transpose(2, 0, 1).tobytes()), rgb),
    ]
