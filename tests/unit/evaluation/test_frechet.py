"""Fréchet distance at values that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.evaluation.frechet import frechet_distance
from vae_core.evaluation.subject import Floats


def gaussian(count: int, mean: list[float], covariance: list[list[float]], seed: int = 0) -> Floats:
    """Points whose own mean and covariance are exactly these."""
    points = np.random.default_rng(seed).standard_normal((count, len(mean)))
    points -= points.mean(axis=0)
    points = np.linalg.solve(np.linalg.cholesky(np.cov(points, rowvar=False).reshape(len(mean), -1)), points.T).T
    made: Floats = points @ np.linalg.cholesky(np.array(covariance)).T + mean
    return made


def test_distance_is_zero_when_sets_are_identical() -> None:
    points = np.random.default_rng(1).normal(3.0, 2.0, (50, 6))
    assert frechet_distance(points, points) == pytest.approx(0.0, abs=1e-9)


def test_distance_is_that_of_the_formula_when_covariances_commute() -> None:
    one = gaussian(40, [0.0, 0.0], [[4.0, 0.0], [0.0, 9.0]])
    other = gaussian(70, [3.0, -4.0], [[1.0, 0.0], [0.0, 25.0]], seed=1)
    assert frechet_distance(one, other) == pytest.approx(25.0 + (2 - 1) ** 2 + (3 - 5) ** 2)


def test_distance_is_that_of_the_formula_when_covariances_do_not_commute() -> None:
    first, second = [[2.0, 1.0], [1.0, 3.0]], [[5.0, -2.0], [-2.0, 4.0]]
    found = frechet_distance(gaussian(40, [0.0, 0.0], first), gaussian(40, [0.0, 0.0], second, seed=1))
    a, b = np.array(first), np.array(second)
    # For two rows and columns the trace of the root is sqrt(tr + 2 sqrt(det)) of the product.
    root = np.sqrt(np.trace(a @ b) + 2.0 * np.sqrt(np.linalg.det(a @ b)))
    assert found == pytest.approx(np.trace(a) + np.trace(b) - 2.0 * root)
    assert found == pytest.approx(
        frechet_distance(gaussian(40, [0.0, 0.0], second), gaussian(40, [0.0, 0.0], first, seed=1))
    )


def test_distance_is_finite_when_covariances_are_singular() -> None:
    rng = np.random.default_rng(0)
    line = np.outer(rng.standard_normal(30), np.ones(5))
    point = np.zeros((30, 5))
    assert frechet_distance(point, point) == 0.0
    spread = float(np.trace(np.cov(line, rowvar=False)) + 5 * line[:, 0].mean() ** 2)
    assert frechet_distance(line, point) == pytest.approx(spread)
    assert frechet_distance(line[:, :1], line[:, :1]) == pytest.approx(0.0, abs=1e-9)


def test_distance_grows_when_sets_of_one_distribution_shrink() -> None:
    points = np.random.default_rng(0).standard_normal((2000, 8))
    assert frechet_distance(points[:50], points[50:100]) > 3 * frechet_distance(points[:1000], points[1000:])
