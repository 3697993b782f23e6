"""Foreground masks at places that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from tests.unit.evaluation.shapes import Images, flat
from vae_core.evaluation.foreground import Mask, fit_background, foreground_mask

SIZE = 64


def box(image: Images, colour: tuple[int, int, int]) -> tuple[Images, Mask]:
    """The image with a box on it, and where it is."""
    image = image.copy()
    where = np.zeros((SIZE, SIZE), dtype=bool)
    where[20:44, 14:50] = True
    image[where] = colour
    return image, where


def shaded() -> Images:
    """A studio's background: lighter towards the middle of its height, a little lighter to the right."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    grey = 190 + 50 * (1 - (2 * y - 1) ** 2) + 10 * x
    image: Images = np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)
    return image


@pytest.mark.parametrize(
    "background", [flat(255, size=SIZE)[0], flat(0, size=SIZE)[0], flat(128, size=SIZE)[0], shaded()]
)
def test_mask_is_the_box_widened_by_a_pixel_when_the_background_is_smooth(background: Images) -> None:
    image, where = box(background, (180, 40, 40))
    assert np.array_equal(foreground_mask(image), binary_dilation(where, np.ones((3, 3))))


def test_mask_holds_what_is_as_white_as_the_background_when_an_outline_surrounds_it() -> None:
    image, where = box(flat(255, size=SIZE)[0], (90, 90, 90))
    image[22:42, 16:48] = 255
    mask = foreground_mask(image)
    assert mask[where].all()


def test_mask_is_found_when_the_box_touches_the_border() -> None:
    image = flat(250, size=SIZE)[0]
    image[30:, :40] = (20, 40, 160)
    mask = foreground_mask(image)
    assert mask[32:, :38].all()
    assert not mask[:28].any()


def test_mask_is_empty_when_the_picture_is_flat_or_has_specks_alone() -> None:
    image = flat(240, size=SIZE)[0]
    assert not foreground_mask(image).any()
    image[30, 30] = 0
    assert not foreground_mask(image).any()


def test_mask_stays_the_box_when_compression_has_left_noise() -> None:
    image, where = box(flat(245, size=SIZE)[0], (180, 40, 40))
    rough = np.random.default_rng(0).integers(-3, 4, image.shape)
    mask = foreground_mask((image + rough).clip(0, 255).astype(np.uint8))
    assert (mask != binary_dilation(where, np.ones((3, 3)))).mean() < 0.01


def test_background_is_clean_when_its_border_is_smooth_and_not_when_it_is_busy() -> None:
    assert fit_background(box(shaded(), (180, 40, 40))[0]).clean
    busy = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert not fit_background(busy).clean
    half = flat(250, size=SIZE)[0]
    half[:, :20] = busy[:, :20]
    assert not fit_background(half).clean
