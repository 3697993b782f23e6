"""Midpoints, and how far they are from real images."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.evaluation.interpolation import interpolation_scores, midpoints, spherical_midpoints


def test_midpoints_lie_half_way_when_pairs_are_formed() -> None:
    latents = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 2.0], [0.0, 6.0], [9.0, 9.0]])
    assert midpoints(latents).tolist() == [[2.0, 1.0], [1.0, 3.0]]


def test_spherical_midpoints_keep_the_length_when_ends_have_it() -> None:
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((40, 64))
    lengths = np.linalg.norm(latents, axis=1)
    found = spherical_midpoints(latents)
    assert np.linalg.norm(found, axis=1) == pytest.approx((lengths[:20] + lengths[20:]) / 2)
    quarter = spherical_midpoints(np.array([[1.0, 0.0], [0.0, 1.0]]))
    assert quarter[0] == pytest.approx([np.sqrt(0.5)] * 2)


def test_spherical_midpoint_is_the_straight_one_when_ends_are_opposite_or_zero() -> None:
    assert spherical_midpoints(np.array([[1.0, 0.0], [-1.0, 0.0]])).tolist() == [[0.0, 0.0]]
    assert spherical_midpoints(np.zeros((2, 3))).tolist() == [[0.0, 0.0, 0.0]]


def test_ratio_is_above_one_when_midpoints_leave_the_real_images() -> None:
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, 200)
    ring = 10.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples = ring[:50] + rng.normal(0, 0.5, (50, 2))
    found = interpolation_scores(ring, samples, np.zeros((20, 2)), samples[:20])
    assert found.encoded_midpoint_distance == pytest.approx(10.0)
    assert found.encoded_ratio is not None and found.encoded_ratio > 5
    assert found.generated_ratio == pytest.approx(1.0, abs=0.5)


def test_ratio_is_unknown_when_samples_are_real_images() -> None:
    real = np.eye(4)
    found = interpolation_scores(real, real, real, real)
    assert (found.encoded_ratio, found.generated_ratio) == (None, None)
