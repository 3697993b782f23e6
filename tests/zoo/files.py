"""The files of the zoo by the names they are stored under: good ones with their pixels, bad ones with their code."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from tests.unit.imaging.bad import BAD, JPEG, NOISE, PNG
from tests.unit.imaging.files import chunk, png, saved
from tests.unit.imaging.rare import rare
from tests.unit.imaging.zoo import Animal, zoo

MAX_INPUT_BYTES = 1_000_000
CUTS = 10


def good_files() -> dict[str, Animal]:
    """Every kind that is accepted. The names say nothing of it, or what is not so: only the content counts."""
    endings = ("", ".jpg", ".png", ".txt", ".JPEG", ".tar.gz")
    animals = [*zoo(), *rare()]
    return {f"{number:03d} {animal.name}{endings[number % 6]}": animal for number, animal in enumerate(animals)}


def bad_files() -> dict[str, tuple[bytes, str]]:
    """The content and the expected code of each."""
    files = {f"{what}.jpg": (data, code) for what, data, code in BAD}
    progressive = saved(NOISE, "JPEG", progressive=True, quality=95)
    for what, data in (("JPEG", JPEG), ("progressive JPEG", progressive), ("PNG", PNG)):
        for cut in range(CUTS):
            share = (2 * cut + 1) / (2 * CUTS)
            files[f"{what} cut at {share:.0%}"] = (data[: int(len(data) * share)], "undecodable")
    files["PNG that says 50000x50000"] = (png(50_000, 50_000, b"\0"), "too_many_pixels")
    files["PNG that is 11000x10000"] = (_wide_png(11_000, 10_000), "too_many_pixels")
    files["JPEG over the limit of bytes.jpg"] = (JPEG.ljust(MAX_INPUT_BYTES + 1, b"\0"), "too_large")
    return files


def large_files() -> dict[str, bytes]:
    """Grey ones that take a few kilobytes as files, and up to 24 million pixels when they are decoded."""
    return {f"wide {number}.png": _wide_png(6_000, 4_000) for number in range(4)}


def _wide_png(width: int, height: int) -> bytes:
    """A whole PNG of one bit a pixel, all of them white."""
    row = b"\0" + b"\xff" * (-(-width // 8))
    packer = zlib.compressobj()
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def plain_picture() -> bytes:
    """For where the name is what matters."""
    return saved(np.full((8, 8, 3), 90, np.uint8), "PNG")
