"""Encoding: the same bytes for the same pixels, in every process, and files that decode."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import PIL
import pytest
from PIL import Image

from vae_core.imaging.encoding import CONTENT_TYPES, encode_image, encoder_name
from vae_core.imaging.similarity import psnr
from vae_core.jobs.spec import FORMATS

_SHA256 = """
import hashlib, numpy as np
from vae_core.imaging.encoding import encode_image
from vae_core.imaging.sheets import Tile, atlas, contact_sheet
pixels = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
for made in (
    *(encode_image(pixels, name) for name in ("png", "jpeg", "webp")),
    atlas([pixels] * 3),
    contact_sheet([Tile((pixels,), "a.jpg  31.5 dB")] * 3, title="3 inputs", columns=2),
):
    print(hashlib.sha256(made).hexdigest())
"""


def picture(height: int = 40, width: int = 40) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Smooth enough for lossy formats."""
    down, across = np.mgrid[0:height, 0:width]
    return np.dstack([down * 5 % 256, across * 5 % 256, (down + across) * 2 % 256]).astype(np.uint8)


@pytest.mark.parametrize("image_format", FORMATS)
def test_bytes_are_the_same_when_encoded_again(image_format: str) -> None:
    assert encode_image(picture(), image_format) == encode_image(picture().copy(), image_format)
    assert encode_image(picture(), image_format) == encode_image(np.asfortranarray(picture()), image_format)


def test_bytes_are_the_same_when_encoded_in_another_process() -> None:
    def run(seed: str) -> list[str]:
        environment = {"PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo" if seed == "1" else "UTC"}
        command = [sys.executable, "-c", _SHA256]
        child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
        return child.stdout.split()

    first = run("1")
    assert len(set(first)) == 5
    assert run("2") == first


@pytest.mark.parametrize("shape", [(40, 40), (1, 1), (3, 200), (128, 128)])
def test_pixels_come_back_exactly_when_png(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    with Image.open(io.BytesIO(encode_image(pixels, "png"))) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(("image_format", "name"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_file_decodes_to_nearly_the_pixels_when_encoded(image_format: str, name: str) -> None:
    with Image.open(io.BytesIO(encode_image(picture(), image_format))) as image:
        assert image.format == name
        assert image.size == (40, 40)
        assert psnr(np.asarray(image.convert("RGB")), picture()) > 30


def test_png_holds_no_time_and_no_text_when_encoded() -> None:
    data, names, at = encode_image(picture(), "png"), [], 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        names.append(data[at + 4 : at + 8])
        at += 12 + length
    assert set(names) == {b"IHDR", b"fdEC", b"IDAT", b"IEND"}  # fdEC: says that fpng made it, always in the same way


@pytest.mark.parametrize("image_format", ["jpeg", "webp"])
def test_file_holds_no_exif_and_no_comment_when_encoded(image_format: str) -> None:
    with Image.open(io.BytesIO(encode_image(picture(), image_format))) as image:
        image.load()
        assert not image.getexif()
        assert not {"comment", "exif", "xmp", "icc_profile"} & set(image.info)


def test_encoder_is_named_with_versions_when_asked() -> None:
    names = [encoder_name(image_format) for image_format in FORMATS]
    assert len(set(names)) == len(FORMATS)
    assert names[0] == f"png fpng {version('fpng')}"
    assert names[1] == f"jpeg simplejpeg {version('simplejpeg')}"
    assert PIL.__version__ in names[2]
    assert "?" not in names[2]
    assert [name.split()[0] for name in names] == list(FORMATS)
    assert set(CONTENT_TYPES) == set(FORMATS)


def test_error_is_raised_when_format_is_unknown() -> None:
    with pytest.raises(KeyError):
        encode_image(picture(), "gif")


def test_bytes_differ_when_one_pixel_does() -> None:
    other = picture()
    other[0, 0, 0] ^= 1
    hashes = {hashlib.sha256(encode_image(pixels, "png")).hexdigest() for pixels in (picture(), other)}
    assert len(hashes) == 2
