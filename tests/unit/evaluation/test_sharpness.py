"""Sharpness of sets whose gradients are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import blur, flat, noise, shapes
from vae_core.evaluation.sharpness import gradients, sharpness


def test_gradients_are_those_of_the_slope_when_images_are_ramps() -> None:
    ramp = np.broadcast_to(3 * np.arange(32, dtype=np.uint8)[:, None, None], (2, 32, 32, 3))
    found = gradients(ramp)
    assert found.length == pytest.approx(3.0)
    assert found.energy == pytest.approx(9.0)


def test_sharpness_is_one_below_or_above_when_equal_blurred_or_noisy() -> None:
    originals = shapes(20, 1)
    real = gradients(originals)
    assert sharpness(real, real) == (1.0, 1.0)
    soft = sharpness(gradients(blur(originals, 1.5)), real)
    softer = sharpness(gradients(blur(originals, 3.0)), real)
    assert softer.length is not None and soft.length is not None and softer.length < soft.length < 0.8
    assert softer.energy is not None and soft.energy is not None and softer.energy < soft.energy < 0.4
    rough = (originals + np.random.default_rng(0).normal(0, 20, originals.shape)).clip(0, 255).astype(np.uint8)
    noisy = sharpness(gradients(rough), real)
    assert noisy.length is not None and noisy.length > 1.5


def test_sharpness_is_unknown_when_originals_are_flat() -> None:
    assert sharpness(gradients(noise(2, 1)), gradients(flat(9, count=2))) == (None, None)
