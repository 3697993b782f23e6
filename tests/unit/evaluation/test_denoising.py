"""Noise and what is left of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import flat, shapes
from vae_core.evaluation.denoising import denoising_scores, noisy


def test_noise_has_the_strength_asked_for_when_nothing_is_cut_off() -> None:
    grey = flat(128, count=4, size=64)
    found = denoising_scores(grey, noisy(grey, seed=1, sigma=0.1), grey)
    assert found.noisy_psnr_db == pytest.approx(20.0, abs=0.1)
    assert found.psnr_db == 100.0
    assert found.gain_db == pytest.approx(100.0 - found.noisy_psnr_db)


def test_noise_is_weaker_when_it_is_cut_off_at_white() -> None:
    white = flat(255, count=8, size=128)
    found = denoising_scores(white, noisy(white, seed=1), white)
    assert found.noisy_psnr_db == pytest.approx(-20 * np.log10(0.2) + 10 * np.log10(2), abs=0.1)


def test_noise_is_the_same_when_drawn_again_and_differs_between_images() -> None:
    images = shapes(3, 1)
    assert np.array_equal(noisy(images, seed=1), noisy(images, seed=1))
    assert np.array_equal(noisy(images, seed=1)[:1], noisy(images[:1], seed=1))
    twins = noisy(flat(128, count=2), seed=1)
    assert not np.array_equal(twins[0], twins[1])
