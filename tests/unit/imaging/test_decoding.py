"""Decoding: every accepted kind of file becomes the right pixels, at once in many threads, and leaves nothing open."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tests.unit.imaging.files import SIDE, Pixels, as_rgb, chunk, orientation, png, png_rows, quarters, ramp, saved
from tests.unit.imaging.rare import rare
from tests.unit.imaging.zoo import Animal, zoo
from vae_core.errors import BadImage
from vae_core.imaging.decoding import decode_fitted

ZOO = [*zoo(), *rare()]


def decoded(data: bytes, size: int = SIDE, fit: str = "pad") -> Pixels:
    return decode_fitted(data, size=size, fit=fit, max_pixels=100_000_000)


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_pixels_are_right_when_format_is_accepted(animal: Animal) -> None:
    pixels = decoded(animal.data)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert np.abs(pixels - animal.pixels.astype(np.float64)).max() <= animal.within


def test_turned_image_is_fitted_upright_when_not_square() -> None:
    wide = np.zeros((8, 32, 3), np.uint8)
    upright = decoded(saved(wide, "PNG", exif=orientation(6)), size=32)  # shown 8 wide, 32 high
    assert np.array_equal(upright[:, 12:20], np.zeros((32, 8, 3), np.uint8))
    assert (upright[:, :12] == 255).all()


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_image_stays_as_it_is_when_orientation_is_no_orientation(value: int) -> None:
    assert np.array_equal(decoded(saved(quarters(), "PNG", exif=orientation(value))), quarters())


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells stderr of the broken EXIF
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0nonsense", b"Exif\0\0MM\0\xff\0\0\0\x08", b"Exif\0\0II*\0\0\0\0\0"]
)
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
def test_image_is_decoded_as_it_is_when_its_exif_is_broken(image_format: str, exif: bytes) -> None:
    best: dict[str, dict[str, Any]] = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    data = saved(quarters(), image_format, exif=exif, **best.get(image_format, {}))
    assert np.abs(decoded(data).astype(int) - quarters()).max() <= (4 if image_format == "JPEG" else 0)


def test_jpeg_keeps_its_detail_when_decoded_at_a_reduced_size() -> None:
    columns = np.repeat(np.linspace(0, 255, 1024)[None], 1024, axis=0)
    small = decoded(saved(as_rgb(columns), "JPEG", quality=95), size=32)
    expected = columns.reshape(32, 32, 32, 32).mean(axis=(1, 3))
    assert np.abs(small[:, 1:-1, 0] - expected[:, 1:-1]).max() < 3


def test_image_is_decoded_when_it_has_exactly_the_pixels_allowed() -> None:
    data = saved(quarters(), "PNG")
    assert np.array_equal(decode_fitted(data, size=SIDE, fit="pad", max_pixels=SIDE * SIDE), quarters())
    with pytest.raises(BadImage, match=r"^16x16 is 256 pixels; at most 255 are decoded$"):
        decode_fitted(data, size=SIDE, fit="pad", max_pixels=SIDE * SIDE - 1)


def test_text_in_a_png_does_not_matter_when_decoded() -> None:
    data = png(SIDE, SIDE, png_rows(ramp()), color=0, extra=[chunk(b"tEXt", b"Comment\0" + b"\xff" * 5000)])
    assert np.array_equal(decoded(data), as_rgb(ramp()))


def test_pixels_are_the_same_when_eight_threads_decode() -> None:
    alone = [decoded(animal.data, 24, "crop").tobytes() for animal in ZOO]
    with ThreadPoolExecutor(8) as pool:
        rounds = [pool.submit(lambda data: decoded(data, 24, "crop").tobytes(), animal.data) for animal in ZOO * 8]
        assert [done.result() for done in rounds] == alone * 8


_FIRST_TOUCH = """
import hashlib, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from vae_core.errors import BadImage
from vae_core.imaging.decoding import decode_fitted

gate = threading.Barrier(8)

def one(path):
    gate.wait()
    try:
        return hashlib.sha256(decode_fitted(path.read_bytes(), size=24, fit="pad", max_pixels=10**6)).hexdigest()
    except BadImage as error:
        return f"{error.reason}: {error}"

with ThreadPoolExecutor(8) as pool:
    print(*pool.map(one, map(Path, sys.argv[1:])), sep="\\n")
"""


def test_pixels_are_the_same_when_eight_threads_are_the_first_to_decode(tmp_path: os.PathLike[str]) -> None:
    names = ["avif", "webp lossless", "tiff raw", "png RGB", "jpeg two pictures", "gif", "ppm"]
    data = {name: next(animal.data for animal in ZOO if animal.name == name) for name in names} | {"text": b"no image"}
    paths = []
    for name, content in data.items():
        paths.append(os.path.join(tmp_path, name))  # noqa: PTH118  # these are arguments of a process
        with open(paths[-1], "wb") as file:  # noqa: PTH123
            file.write(content)
    command = [sys.executable, "-W", "error", "-c", _FIRST_TOUCH, *paths]
    child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    *pictures, refusal = child.stdout.splitlines()
    assert pictures == [hashlib.sha256(decoded(data[name], 24).tobytes()).hexdigest() for name in names]
    assert refusal.startswith("not_an_image: ")
    assert child.stderr == ""


def test_nothing_stays_open_when_good_and_bad_images_are_decoded() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for animal in ZOO:
        decoded(animal.data)
        with pytest.raises(BadImage):
            decoded(animal.data[:30])
        with pytest.raises(BadImage):
            decode_fitted(animal.data, size=SIDE, fit="pad", max_pixels=1)
    gc.collect()  # a file that was forgotten warns here, and warnings are errors
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
