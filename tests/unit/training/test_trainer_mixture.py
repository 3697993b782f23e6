"""Fitting Gaussian mixtures."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.errors import InvalidValue
from vae_core.training.mixture import best_mixture, fit_mixture


def _clusters(count: int, seed: int) -> np.ndarray:
    """Points around (-4, 0, 0), a quarter of them, and around (4, 1, 0), stretched along the third axis."""
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((count // 4, 3)) * [0.5, 0.5, 0.5] + [-4, 0, 0]
    right = rng.standard_normal((count - count // 4, 3)) * [0.5, 0.5, 2.0] + [4, 1, 0]
    return np.concatenate([left, right])


def test_mean_and_covariance_are_those_of_the_points_when_one_component_is_fitted() -> None:
    points = _clusters(500, 0)
    prior = fit_mixture(points, 1)
    np.testing.assert_allclose(prior.means[0], points.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(prior.factors[0] @ prior.factors[0].T, np.cov(points.T, bias=True), rtol=1e-3, atol=1e-4)


def test_clusters_are_found_when_two_components_are_fitted() -> None:
    prior = fit_mixture(_clusters(4000, 1), 2, shrinkage=0.0)
    order = np.argsort(prior.weights)
    np.testing.assert_allclose(prior.weights[order], [0.25, 0.75], atol=0.01)
    np.testing.assert_allclose(prior.means[order], [[-4, 0, 0], [4, 1, 0]], atol=0.15)


def test_as_many_components_are_kept_as_the_held_out_points_bear_out() -> None:
    prior = best_mixture(_clusters(2000, 2), _clusters(500, 3), (1, 2))
    assert len(prior.weights) == 2
    normal = np.random.default_rng(4).standard_normal((300, 3))
    assert len(best_mixture(normal[:150], normal[150:], (1, 32)).weights) == 1


@pytest.mark.parametrize("components", [1, 5])
def test_factors_can_be_inverted_when_a_dimension_is_unused(components: int) -> None:
    points = np.random.default_rng(5).standard_normal((60, 4))
    points[:, 2] = 0.0
    prior = fit_mixture(points, components)
    assert np.isfinite(prior.log_density(points)).all()


def test_fit_repeats_when_the_seed_does() -> None:
    points = _clusters(300, 6)
    assert np.array_equal(fit_mixture(points, 3, seed=1).means, fit_mixture(points, 3, seed=1).means)


def test_gaussian_is_a_point_when_all_points_are_equal() -> None:
    prior = fit_mixture(np.full((30, 3), 2.0), 1)
    assert np.allclose(prior.sample(0, range(4)), 2.0, atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_are_refused_when_one_is_not_finite(value: float) -> None:
    points = _clusters(40, 9)
    points[17, 2] = value
    with pytest.raises(InvalidValue, match="finite points only"):
        fit_mixture(points, 2)


def test_components_stay_as_narrow_as_their_clusters_when_these_lie_far_apart() -> None:
    rng = np.random.default_rng(7)
    centres = 100.0 * rng.standard_normal((4, 16))
    points = np.concatenate([centre + rng.standard_normal((20, 16)) for centre in centres])
    prior = fit_mixture(points, 4)
    variances = np.square(prior.factors).sum(axis=-1)  # (K, Z)
    assert prior.weights == pytest.approx([0.25] * 4)
    assert variances.max() < 3.0
    assert variances.min() > 0.2


def test_each_component_leans_on_the_others_the_more_the_fewer_points_it_has() -> None:
    rng = np.random.default_rng(8)
    points = np.concatenate([rng.standard_normal((2000, 2)), 0.1 * rng.standard_normal((4, 2)) + 50.0])
    prior = fit_mixture(points, 2, shrinkage=2.0)
    few, many = np.square(prior.factors).sum(axis=-1)[np.argsort(prior.weights)]
    assert many == pytest.approx([1.0, 1.0], abs=0.1)
    assert few == pytest.approx([0.5, 0.5], abs=0.1)  # four points of variance 0.01, and four as if of 1
