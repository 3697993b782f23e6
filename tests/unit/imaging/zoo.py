"""Good images of every kind that is accepted, each with the pixels it has to become."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.unit.imaging.files import (
    SIDE,
    as_rgb,
    chunk,
    interlaced_png,
    on_white,
    orientation,
    png,
    png_rows,
    quarters,
    ramp,
    saved,
)


class Animal(NamedTuple):
    """within: the largest difference from `pixels`, (16, 16, 3), that a lossy format or rounding may make."""

    name: str
    data: bytes
    pixels: NDArray[Any]
    within: float = 0.0


# What a viewer has to do for each EXIF orientation; here the inverse, done to the stored pixels.
_STORED = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    8: lambda image: np.rot90(image, -1),
}


def zoo() -> list[Animal]:
    return [*_jpegs(), *_pngs(), *_webps(), *_gifs_and_bitmaps(), *_tiffs(), *_turned()]


def _jpegs() -> list[Animal]:
    rgb, grey = quarters(), ramp()
    best: dict[str, Any] = {"quality": 100, "subsampling": 0}
    cmyk = np.dstack([255 - rgb, np.zeros((SIDE, SIDE), np.uint8)])
    return [
        Animal("jpeg baseline", saved(rgb, "JPEG", **best), rgb, 4),
        Animal("jpeg progressive", saved(rgb, "JPEG", progressive=True, **best), rgb, 4),
        Animal("jpeg subsampled", saved(np.full_like(rgb, 90), "JPEG", quality=50), np.full_like(rgb, 90), 3),
        Animal("jpeg grey", saved(grey, "JPEG", quality=100), as_rgb(grey), 3),
        Animal("jpeg CMYK", saved(Image.fromarray(cmyk, "CMYK"), "JPEG", **best), rgb, 5),
        Animal(
            "jpeg two pictures",
            saved(rgb, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16))], **best),
            rgb,
            4,
        ),
    ]


def _pngs() -> list[Animal]:
    rgb, grey = quarters(), ramp()
    alpha = np.dstack([rgb, ramp()])
    bits = ramp() % 3 == 0
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(SIDE, SIDE)
    uneven = (np.arange(256, dtype=np.uint16) * 251 + 7).reshape(SIDE, SIDE)
    deep_rgb = np.dstack([deep, deep.T, deep[::-1]])
    palette = np.array([[220, 30, 20], [20, 200, 40], [30, 40, 210], [9, 9, 9]], np.uint8)
    places = np.repeat(np.repeat(np.array([[0, 1], [2, 3]], np.uint8), 8, axis=0), 8, axis=1)
    seen = np.dstack([palette[places], np.array([255, 128, 0, 255], np.uint8)[places]])
    colours = [chunk(b"PLTE", palette.tobytes())]
    keyed = np.where(np.all(rgb == rgb[0, 0], axis=2, keepdims=True), np.uint8(255), rgb)
    la = np.dstack([grey, grey[::-1]])
    size = (SIDE, SIDE)
    return [
        Animal("png RGB", saved(rgb, "PNG"), rgb),
        Animal("png interlaced", interlaced_png(rgb), rgb),
        Animal("png grey", saved(grey, "PNG"), as_rgb(grey)),
        Animal("png 1 bit", saved(bits, "PNG"), as_rgb(bits * 255)),
        Animal("png palette", png(*size, png_rows(places), color=3, extra=colours), palette[places]),
        Animal(
            "png palette with transparency",
            png(*size, png_rows(places), color=3, extra=[*colours, chunk(b"tRNS", bytes([255, 128, 0]))]),
            on_white(seen),
            1,
        ),
        Animal("png RGBA", saved(alpha, "PNG"), on_white(alpha), 1),
        Animal("png LA", png(*size, png_rows(la), color=4), on_white(np.dstack([grey, grey, la])), 1),
        Animal(
            "png RGB with a transparent colour",
            png(*size, png_rows(rgb), extra=[chunk(b"tRNS", struct.pack(">HHH", *rgb[0, 0].tolist()))]),
            keyed,
        ),
        Animal(
            "png grey with a transparent level",
            png(*size, png_rows(grey), color=0, extra=[chunk(b"tRNS", struct.pack(">H", 5))]),
            as_rgb(np.where(grey == 5, 255, grey)),
        ),
        Animal("png 16-bit grey", saved(deep, "PNG"), as_rgb(ramp())),
        Animal("png 16-bit grey between levels", saved(uneven, "PNG"), as_rgb(np.round(uneven / 257))),
        Animal("png 16-bit RGB", png(*size, png_rows(deep_rgb.astype(">u2")), depth=16), deep_rgb // 257, 1),
    ]


def _webps() -> list[Animal]:
    rgb = quarters()
    alpha = np.dstack([rgb, ramp()])
    flat = np.full_like(rgb, 90)
    animal = [
        Animal("webp lossy", saved(flat, "WEBP", quality=90), flat, 3),
        Animal("webp lossless", saved(rgb, "WEBP", lossless=True), rgb),
        Animal("webp alpha", saved(alpha, "WEBP", lossless=True, exact=True), on_white(alpha), 1),
    ]
    return [*animal, Animal("avif", saved(flat, "AVIF", quality=95), flat, 4)]


def _gifs_and_bitmaps() -> list[Animal]:
    rgb, grey = quarters(), ramp()
    first = Image.fromarray(rgb).quantize(4)
    frames = [Image.new("P", first.size), Image.new("P", first.size, 1)]
    clear = Image.fromarray(rgb).quantize(4)
    index = int(np.asarray(clear)[0, 0])
    keyed = np.where(np.all(rgb == rgb[0, 0], axis=2, keepdims=True), np.uint8(255), rgb)
    return [
        Animal("gif", saved(first, "GIF"), rgb, 8),
        Animal("gif animated", saved(first, "GIF", save_all=True, append_images=frames), rgb, 8),
        Animal("gif transparent", saved(clear, "GIF", transparency=index), keyed, 8),
        Animal("bmp", saved(rgb, "BMP"), rgb),
        Animal("bmp 1 bit", saved(grey % 3 == 0, "BMP"), as_rgb((grey % 3 == 0) * 255)),
        Animal("ppm", saved(rgb, "PPM"), rgb),
        Animal("pgm", saved(grey, "PPM"), as_rgb(grey)),
    ]


def _tiffs() -> list[Animal]:
    rgb, grey = quarters(), ramp()
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(SIDE, SIDE)
    wild = np.arange(256, dtype=np.float32).reshape(SIDE, SIDE) + 0.25
    calm = as_rgb(grey)
    wild[0, :4] = (np.nan, np.inf, -np.inf, 1e30)
    calm[0, :4] = as_rgb(np.array([[0, 255, 0, 255]]))[0]
    alpha = np.dstack([rgb, ramp()])
    cmyk = Image.fromarray(np.dstack([255 - rgb, np.zeros((SIDE, SIDE), np.uint8)]), "CMYK")
    packed: list[Animal] = [
        Animal(f"tiff {packing}", saved(rgb, "TIFF", compression=packing), rgb)
        for packing in ("raw", "tiff_lzw", "tiff_deflate", "packbits")
    ]
    return [
        *packed,
        Animal("tiff grey", saved(grey, "TIFF"), as_rgb(grey)),
        Animal("tiff 1 bit", saved(grey % 3 == 0, "TIFF", compression="group4"), as_rgb((grey % 3 == 0) * 255)),
        Animal("tiff 16 bit", saved(deep, "TIFF"), as_rgb(grey)),
        Animal("tiff 32 bit", saved(deep.astype(np.int32), "TIFF"), as_rgb(grey)),
        Animal("tiff float", saved(wild, "TIFF"), calm),
        Animal("tiff float, 1 is white", saved(grey.astype(np.float32) / 255, "TIFF"), as_rgb(grey)),
        Animal("tiff RGBA", saved(alpha, "TIFF"), on_white(alpha), 1),
        Animal("tiff CMYK", saved(cmyk, "TIFF"), rgb, 1),
    ]


def _turned() -> list[Animal]:
    rgb = quarters()
    animals = []
    for value, stored in _STORED.items():
        turned, exif = np.ascontiguousarray(stored(rgb)), orientation(value)
        animals += [
            Animal(f"jpeg turned {value}", saved(turned, "JPEG", quality=100, subsampling=0, exif=exif), rgb, 4),
            Animal(f"png turned {value}", saved(turned, "PNG", exif=exif), rgb),
            Animal(f"webp turned {value}", saved(turned, "WEBP", lossless=True, exif=exif), rgb),
            Animal(f"tiff turned {value}", saved(turned, "TIFF", exif=exif), rgb),
            Animal(f"avif turned {value}", saved(turned, "AVIF", quality=100, subsampling="4:4:4", exif=exif), rgb, 6),
        ]
    return animals
