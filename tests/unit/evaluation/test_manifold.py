"""Precision, recall, density and coverage at their known values."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.evaluation.manifold import expected_coverage, overlap


def points(count: int, seed: int, dimensions: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimensions))


def test_coverage_and_density_are_as_expected_when_both_sets_are_of_one_distribution() -> None:
    found = overlap(points(1000, 1), points(1000, 2))
    assert expected_coverage(1000, 1000) == pytest.approx(1 - 0.5**5, abs=0.001)
    assert found.coverage == pytest.approx(expected_coverage(1000, 1000), abs=0.02)
    assert found.density == pytest.approx(1.0, abs=0.08)
    assert found.precision == pytest.approx(found.recall, abs=0.05)


def test_coverage_is_expected_by_the_formula_when_numbers_are_small() -> None:
    # Two real and one made: the neighbour of a real point is the made one in every second case.
    assert expected_coverage(2, 1, 1) == pytest.approx(0.5)
    assert expected_coverage(3, 3, 2) == pytest.approx(1 - (2 / 5) * (1 / 4))


def test_sets_overlap_wholly_or_not_at_all_when_equal_or_far_apart() -> None:
    real = points(60, 1)
    same = overlap(real, real)
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    assert overlap(real, real + 100.0) == (0.0, 0.0, 0.0, 0.0)


def test_recall_and_coverage_fall_when_modes_are_dropped_and_precision_stays() -> None:
    centres = 12.0 * np.eye(4, 8)
    real = points(400, 1) + np.repeat(centres, 100, axis=0)
    other = points(400, 2) + np.repeat(centres, 100, axis=0)
    half = points(400, 3) + np.repeat(centres[:2], 200, axis=0)
    full, dropped = overlap(real, other), overlap(real, half)
    assert dropped.coverage < 0.55 < 0.9 < full.coverage
    assert dropped.recall < 0.6 < 0.9 < full.recall
    assert dropped.precision > 0.9


def test_precision_and_density_fall_when_points_are_scattered() -> None:
    real = points(300, 1)
    scattered = overlap(real, 3.0 * points(300, 2))
    assert scattered.precision < 0.3
    assert scattered.density < 0.3
    assert scattered.recall > 0.8


def test_overlap_is_refused_when_there_are_no_more_points_than_neighbours() -> None:
    with pytest.raises(ValueError, match="5 and 9 points are too few"):
        overlap(points(5, 1), points(9, 2))
    assert overlap(points(6, 1), points(6, 2)).density >= 0.0
