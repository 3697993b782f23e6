"""Files that are no image, or not one within the limits, each with the stable reason for which it is refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np

from tests.unit.imaging.files import bmp_header, chunk, png, quarters, saved, tiff_header

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
JPEG, PNG = saved(NOISE, "JPEG", quality=95), saved(NOISE, "PNG")
HUGE = 30_000


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", PNG)
    return buffer.getvalue()


def _damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 40]) + data[at + 40 :]


BAD = [
    ("empty", b"", "empty"),
    ("one byte", b"\0", "not_an_image"),
    ("text", b"just some words\n" * 20, "not_an_image"),
    ("HTML", b"<!DOCTYPE html><html><img src='a.png'></html>", "not_an_image"),
    ("SVG", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "not_an_image"),
    ("JSON", b'{"width": 16, "height": 16}', "not_an_image"),
    ("ZIP", _zip(), "not_an_image"),
    ("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "not_an_image"),
    ("EPS, which Pillow would hand to a program", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
    ("ICO, which is not on the list", saved(quarters(), "ICO"), "not_an_image"),
    ("JPEG start mark alone", b"\xff\xd8\xff", "not_an_image"),
    ("JPEG cut in its header", JPEG[:100], "undecodable"),
    ("JPEG cut in its pixels", JPEG[: len(JPEG) // 2], "undecodable"),
    ("JPEG without its last byte of pixels", JPEG[:-60], "undecodable"),
    ("progressive JPEG cut", saved(NOISE, "JPEG", progressive=True)[:-200], "undecodable"),
    ("PNG signature alone", PNG[:8], "not_an_image"),
    ("PNG header alone", PNG[:33], "not_an_image"),
    ("PNG cut in its pixels", PNG[: len(PNG) // 2], "undecodable"),
    ("PNG with damaged pixels", _damaged(PNG, len(PNG) // 2), "undecodable"),
    ("PNG with a damaged chunk name", PNG[:37] + b"\xff\xff\xff\xff" + PNG[41:], "not_an_image"),
    ("PNG with a wrong check sum of its header", PNG[:29] + b"\0\0\0\0" + PNG[33:], "not_an_image"),
    ("PNG without size", png(0, 0, b""), "not_an_image"),
    ("PNG without width", png(0, 5, b""), "not_an_image"),
    (
        "PNG with a text bomb",
        png(4, 4, b"", extra=[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**24)))]),
        "undecodable",
    ),
    ("PNG bomb", png(HUGE, HUGE, b"\0"), "too_many_pixels"),
    ("BMP bomb", bmp_header(HUGE, HUGE), "too_many_pixels"),
    ("upside-down BMP bomb", bmp_header(HUGE, -HUGE), "too_many_pixels"),
    ("TIFF bomb", tiff_header(HUGE, HUGE), "too_many_pixels"),
    (
        "GIF bomb",
        b"GIF89a" + struct.pack("<HHBBB", HUGE, HUGE, 0, 0, 0) + saved(quarters(), "GIF")[13:],
        "too_many_pixels",
    ),
    ("PPM bomb", f"P6 {HUGE} {HUGE} 255\n".encode(), "too_many_pixels"),
    ("wide bomb", png(2**31 - 1, 1, b"\0"), "too_many_pixels"),
    ("BMP header alone", bmp_header(16, 16), "undecodable"),
    ("BMP without size", bmp_header(0, 0), "not_an_image"),
    ("PPM header alone", b"P6 16 16 255\n", "undecodable"),
    ("PPM with words for numbers", b"P6 sixteen 16 255\n", "undecodable"),
    ("GIF cut", saved(NOISE, "GIF")[:-500], "undecodable"),
    ("WebP cut", saved(NOISE, "WEBP")[:-500], "undecodable"),
    ("WebP damaged", _damaged(saved(NOISE, "WEBP", lossless=True), 20), "undecodable"),
    ("AVIF cut", saved(NOISE, "AVIF")[:-500], "not_an_image"),
    ("TIFF cut", saved(NOISE, "TIFF")[:5000], "undecodable"),
    ("TIFF without size", tiff_header(0, 0), "not_an_image"),
]
