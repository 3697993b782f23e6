"""Sliced Wasserstein distance of patches."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import Images, blur, flat, shapes
from vae_core.evaluation.wasserstein import pyramid_patches, sliced_wasserstein


def distance(real: Images, made: Images) -> float:
    levels = sliced_wasserstein(pyramid_patches(real, 0), pyramid_patches(made, 1), 0)
    return float(np.mean(list(levels.values())))


def test_distance_is_zero_when_the_patches_are_the_same() -> None:
    patches = pyramid_patches(shapes(10, 1), 0)
    assert sliced_wasserstein(patches, patches, 0) == {32: 0.0, 16: 0.0}


@pytest.mark.parametrize(("size", "levels"), [(16, [16]), (32, [32, 16]), (64, [64, 32, 16]), (48, [48, 24])])
def test_levels_are_halved_down_to_sixteen_when_images_are_larger(size: int, levels: list[int]) -> None:
    patches = pyramid_patches(shapes(2, 1, size=size), 0)
    assert list(patches) == levels
    assert all(level.shape == (64, 3, 7, 7) for level in patches.values())
    assert all(level.std() == pytest.approx(1.0, abs=0.01) for level in patches.values())


def test_distance_of_shifted_sets_is_the_shift_when_patches_are_shifted() -> None:
    one = {16: np.random.default_rng(0).standard_normal((500, 3, 7, 7)).astype(np.float32)}
    # Along a random direction of unit length a shift of one in every coordinate is |sum of the direction|, on average
    # sqrt(2 / pi): the directions are normal.
    found = sliced_wasserstein(one, {16: one[16] + 1.0}, 0)
    assert found[16] == pytest.approx(np.sqrt(2 / np.pi), rel=0.12)


def test_blurred_noisy_and_one_coloured_sets_are_farther_than_real_ones_when_compared() -> None:
    real, other = shapes(120, 1), shapes(120, 2)
    floor = distance(real, other)
    assert distance(real, blur(other, 1.0)) > 2 * floor
    rough = other + np.random.default_rng(0).normal(0, 15, other.shape)
    assert distance(real, rough.clip(0, 255).astype(np.uint8)) > 2 * floor
    assert distance(real, shapes(120, 2, modes=(0,))) > 1.5 * floor


def test_distance_is_finite_when_images_are_flat() -> None:
    assert np.isfinite(distance(shapes(5, 1), flat(200, count=5)))
    assert distance(flat(200, count=5), flat(200, count=5)) < 0.5
