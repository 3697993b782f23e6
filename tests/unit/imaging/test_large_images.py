"""Large images: decoded to the same pixels as small ones, a few at a time, and without many copies of them."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.unit.imaging.files import Pixels, orientation, quarters, saved
from vae_core.imaging.decoding import decode_fitted
from vae_core.imaging.fitting import fit_image
from vae_core.imaging.flattening import LARGE_PIXELS, flatten
from vae_core.imaging.room import Room

SIZE = 32
WIDE, HIGH = 1536, 1024


def enlarged(pixels: Any) -> Any:
    return np.repeat(np.repeat(pixels, HIGH // 16, axis=0), WIDE // 16, axis=1)


def decoded(data: bytes, fit: str = "squash") -> Pixels:
    return decode_fitted(data, size=SIZE, fit=fit, max_pixels=10**8)


@cache
def images() -> dict[str, bytes]:
    """The quarters, red above blue and green above yellow, in every mode; where it has alpha, half of it is clear."""
    rgb = enlarged(quarters())
    grey = np.asarray(Image.fromarray(rgb).convert("L"))
    half = np.full((HIGH, WIDE, 1), 255, np.uint8)
    half[HIGH // 2 :] = 0
    return {
        "RGB": saved(rgb, "PNG", compress_level=1),
        "RGBA": saved(np.dstack([rgb, half]), "PNG", compress_level=1),
        "P": saved(Image.fromarray(rgb).quantize(4), "PNG"),
        "P, transparent": saved(Image.fromarray(rgb).quantize(4), "PNG", transparency=0),
        "L": saved(grey, "PNG", compress_level=1),
        "1": saved(grey > 100, "PNG"),
        "I;16": saved(grey.astype(np.uint16) * 257, "PNG", compress_level=1),
        "F": saved(grey.astype(np.float32) / 255, "TIFF"),
        "F, bright at its end": saved(_ending_bright(grey), "TIFF"),
        "CMYK": saved(Image.fromarray(rgb).convert("CMYK"), "TIFF"),
        "turned": saved(rgb, "PNG", compress_level=1, exif=orientation(6)),
    }


def _ending_bright(grey: Any) -> Any:
    values = grey.astype(np.float32)
    values[: HIGH // 2] = 0.5
    return values


@pytest.mark.parametrize("fit", ["pad", "squash", "crop"])
@pytest.mark.parametrize("name", images())
def test_pixels_are_those_of_a_small_copy_when_the_image_is_large(name: str, fit: str) -> None:
    data = images()[name]
    assert WIDE * HIGH > LARGE_PIXELS
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        whole = flatten(image, least=2**30)  # nothing is reduced
        turn = Image.Transpose.ROTATE_270 if name == "turned" else None
        expected = fit_image(whole.transpose(turn) if turn is not None else whole, SIZE, fit)
    difference = np.abs(decoded(data, fit).astype(int) - expected)
    assert difference.mean() < 0.5
    assert difference.max() < 24  # at edges: means first, then a sharper filter


def test_image_is_whole_when_its_sides_are_no_multiples() -> None:
    data = saved(np.full((1031, 1543, 3), 90, np.uint8), "PNG", compress_level=1)
    assert (decoded(data) == 90).all()
    assert (decoded(data, "crop") == 90).all()


def test_image_is_decoded_when_it_is_long_and_thin() -> None:
    assert (decoded(saved(np.full((3, 500_000), 90, np.uint8), "PNG"))[10:20] == 90).all()


def test_no_more_pixels_are_held_than_there_is_room_when_many_threads_decode() -> None:
    room, lock = Room(100), threading.Lock()
    held, most = 0, 0

    def hold(pixels: int) -> None:
        nonlocal held, most
        with room.taken(pixels):
            with lock:
                held += pixels
                most = max(most, held)
            threading.Event().wait(0.001)
            with lock:
                held -= pixels

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(hold, [1, 30, 60, 99, 100] * 20))
    assert most <= 100
    assert held == 0


def test_image_larger_than_the_room_is_alone_when_its_turn_comes() -> None:
    room = Room(100)
    entered = threading.Event()

    def hold() -> None:
        with room.taken(1000):
            entered.set()

    with ThreadPoolExecutor(1) as pool:
        with room.taken(1):
            done = pool.submit(hold)
            assert not entered.wait(0.05)
        done.result(10)
    assert entered.is_set()


def test_room_is_given_back_when_decoding_fails() -> None:
    room = Room(1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), room.taken(1):
            raise ValueError("broken")
