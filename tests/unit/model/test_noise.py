"""Noise laid on inputs."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.model.noise import noisy

_GREY = np.full((64, 64, 3), 128, dtype=np.uint8)


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    difference = noisy(_GREY, 0.1, 5).astype(np.float64) - 128.0
    assert difference.mean() == pytest.approx(0.0, abs=1.0)
    assert difference.std() == pytest.approx(25.5, rel=0.02)


def test_noise_is_the_same_for_the_same_item_and_another_for_another() -> None:
    assert np.array_equal(noisy(_GREY, 0.1, 5), noisy(_GREY, 0.1, 5))
    assert not np.array_equal(noisy(_GREY, 0.1, 5), noisy(_GREY, 0.1, 6))


def test_values_stay_in_range_when_the_noise_is_strong() -> None:
    made = noisy(_GREY, 1.0, 0)
    assert made.dtype == np.uint8
    assert (made == 0).mean() > 0.2
    assert (made == 255).mean() > 0.2
