"""PSNR and SSIM at values that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.imaging.files import Pixels
from vae_core.imaging.similarity import MAX_PSNR_DB, psnr, ssim


def flat(value: int, side: int = 16) -> Pixels:
    return np.full((side, side, 3), value, np.uint8)


def noise(seed: int, side: int = 64) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [(0, 255, 0.0), (255, 0, 0.0), (100, 101, 48.1308), (100, 110, 28.1308), (7, 7, MAX_PSNR_DB)],
)
def test_psnr_is_that_of_the_formula_when_images_are_flat(one: int, other: int, expected: float) -> None:
    assert psnr(flat(one), flat(other)) == expected


def test_psnr_counts_all_channels_when_one_differs() -> None:
    other = flat(100)
    other[:, :, 1] = 110
    assert psnr(other, flat(100)) == round(10 * math.log10(255**2 / (100 / 3)), 4)


def test_psnr_is_at_most_100_when_images_differ_by_next_to_nothing() -> None:
    large = flat(100, side=512)
    other = large.copy()
    other[0, 0, 0] = 101
    assert psnr(other, large) == MAX_PSNR_DB


def test_ssim_is_one_when_images_are_equal() -> None:
    assert ssim(noise(1), noise(1)) == 1.0
    assert ssim(flat(0), flat(0)) == 1.0


def test_ssim_is_that_of_the_formula_when_images_are_flat() -> None:
    constant = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + constant) / (100**2 + 150**2 + constant)
    assert ssim(flat(100), flat(150)) == round(expected, 4)
    assert ssim(flat(0), flat(255)) == 0.0001


def test_ssim_is_about_zero_for_noise_and_negative_when_inverted() -> None:
    assert abs(ssim(noise(1), noise(2))) < 0.05
    inverted = ssim(255 - noise(1), noise(1))
    assert -1.0 <= inverted < -0.8


def test_values_do_not_depend_on_order_and_are_plain_floats_when_computed() -> None:
    dark = (noise(1) // 2).astype(np.uint8)
    assert psnr(dark, noise(1)) == psnr(noise(1), dark)
    assert ssim(dark, noise(1)) == ssim(noise(1), dark)
    assert type(psnr(dark, noise(1))) is float
    assert type(ssim(dark, noise(1))) is float
