"""Sampling from a Gaussian mixture by seed and index."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.model.latents import normals
from vae_core.model.prior import TENSOR_NAMES, Prior


def _two_components() -> Prior:
    factors = np.stack([np.array([[1.0, 0.0], [0.8, 0.6]]), 0.1 * np.eye(2)])
    return Prior(np.array([0.25, 0.75]), np.array([[-5.0, 0.0], [5.0, 1.0]]), factors)


def test_latents_are_standard_normal_when_the_prior_is() -> None:
    sampled = Prior.standard(6).sample(3, [1, 2], 1.0)
    assert sampled.dtype == np.float32
    np.testing.assert_array_equal(sampled, normals(3, [1, 2], 6, skip=2).astype(np.float32))


def test_latent_does_not_change_when_its_neighbours_do() -> None:
    prior = _two_components()
    together = prior.sample(11, range(40))
    for index in range(40):
        assert np.array_equal(prior.sample(11, [index])[0], together[index])
    assert np.array_equal(prior.sample(11, range(39, -1, -1))[::-1], together)


def test_shares_means_and_covariances_are_met_when_many_are_drawn() -> None:
    prior = _two_components()
    sampled = prior.sample(0, range(20_000))
    left = sampled[:, 0] < 0
    assert abs(left.mean() - 0.25) < 0.01
    np.testing.assert_allclose(sampled[left].mean(axis=0), prior.means[0], atol=0.05)
    np.testing.assert_allclose(np.cov(sampled[left].T), prior.factors[0] @ prior.factors[0].T, atol=0.06)


def test_latent_is_its_components_mean_when_temperature_is_zero() -> None:
    sampled = _two_components().sample(0, range(20), 0.0)
    assert {tuple(row) for row in sampled} == {(-5.0, 0.0), (5.0, 1.0)}


@pytest.mark.parametrize("temperature", [-0.1, 4.5, float("nan")])
def test_temperature_is_refused_when_out_of_range(temperature: float) -> None:
    with pytest.raises(InvalidValue, match="temperature"):
        Prior.standard(2).sample(0, [0], temperature)


def test_density_is_that_of_the_normal_distribution_when_the_prior_is_standard() -> None:
    points = np.array([[0.0, 0.0], [1.0, 2.0]])
    expected = -np.log(2 * np.pi) - 0.5 * (points**2).sum(axis=1)
    np.testing.assert_allclose(Prior.standard(2).log_density(points), expected)


def test_prior_comes_back_when_stored_as_tensors() -> None:
    prior = _two_components()
    found = Prior.from_tensors(prior.tensors(), 2, where="x")
    np.testing.assert_allclose(found.factors, prior.factors, rtol=1e-6)


@pytest.mark.parametrize("name", TENSOR_NAMES)
def test_tensor_is_named_when_its_shape_is_wrong(name: str) -> None:
    tensors = _two_components().tensors()
    tensors[name] = tensors[name][..., None]
    with pytest.raises(BadCheckpoint, match=name):
        Prior.from_tensors(tensors, 2, where="x")
