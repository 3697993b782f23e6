"""Fits: where the image lands on the square, and what is left out or filled."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.unit.imaging.files import Pixels, quarters
from vae_core.imaging.fitting import fit_image

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
FITS = ("pad", "squash", "crop")


def solid(width: int, height: int, colour: tuple[int, int, int] = RED) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def framed(width: int, height: int) -> Image.Image:
    """Green, the ends of its longer side red up to the largest centred square."""
    image = solid(width, height)
    side = min(width, height)
    image.paste(GREEN, ((width - side) // 2, (height - side) // 2, (width + side) // 2, (height + side) // 2))
    return image


def box_of(image: Pixels, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels of exactly this colour, which have to fill that box."""
    there = np.all(image == colour, axis=2)
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    assert there[top:bottom, left:right].all()
    return int(left), int(top), int(right), int(bottom)


@pytest.mark.parametrize("fit", FITS)
def test_pixels_are_untouched_when_size_is_right(fit: str) -> None:
    fitted = fit_image(Image.fromarray(quarters()), 16, fit)
    assert np.array_equal(fitted, quarters())
    assert fitted.flags.writeable


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(64, 32), (32, 64), (7, 3), (100, 100), (1, 1), (33, 32)])
def test_result_is_square_rgb_bytes_when_fitted(size: tuple[int, int], fit: str) -> None:
    fitted = fit_image(solid(*size), 32, fit)
    assert fitted.shape == (32, 32, 3)
    assert fitted.dtype == np.uint8
    assert tuple(fitted[15, 15]) == RED


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((64, 32), (0, 8, 32, 24)),
        ((32, 64), (8, 0, 24, 32)),
        ((16, 8), (0, 8, 32, 24)),
        ((320, 30), (0, 14, 32, 17)),
        ((3, 4), (4, 0, 28, 32)),
        ((1, 1), (0, 0, 32, 32)),
        ((1, 5000), (15, 0, 16, 32)),
        ((5000, 1), (0, 15, 32, 16)),
    ],
)
def test_image_is_whole_and_centred_on_white_when_padded(size: tuple[int, int], box: tuple[int, ...]) -> None:
    fitted = fit_image(solid(*size), 32, "pad")
    assert box_of(fitted, RED) == box
    assert np.sum(np.all(fitted == WHITE, axis=2)) == 32 * 32 - (box[2] - box[0]) * (box[3] - box[1])


@pytest.mark.parametrize("size", [(64, 32), (32, 64), (300, 100), (100, 300), (1, 5000), (5000, 1), (2, 4)])
def test_only_the_centred_square_is_left_when_cropped(size: tuple[int, int]) -> None:
    assert box_of(fit_image(framed(*size), 32, "crop"), GREEN) == (0, 0, 32, 32)


def test_everything_is_there_without_white_when_squashed() -> None:
    fitted = fit_image(framed(64, 32), 32, "squash").astype(int)
    assert np.abs(fitted[:, :6] - RED).max() < 8
    assert np.abs(fitted[:, 10:22] - GREEN).max() < 8
    assert np.abs(fitted[:, 26:] - RED).max() < 8


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (1, 2), (9999, 3)])
@pytest.mark.parametrize("fit", FITS)
def test_colour_is_kept_when_aspect_is_extreme(size: tuple[int, int], fit: str) -> None:
    fitted = fit_image(solid(*size), 64, fit)
    assert set(map(tuple, fitted.reshape(-1, 3).tolist())) <= ({RED, WHITE} if fit == "pad" else {RED})
    assert RED in set(map(tuple, fitted.reshape(-1, 3).tolist()))
