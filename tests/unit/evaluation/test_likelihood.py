"""Bits and nats of cases that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.unit.evaluation.shapes import flat, shapes
from vae_core.evaluation.controls import pca_subject
from vae_core.evaluation.likelihood import (
    evidence_bound,
    likelihood_scores,
    pixel_code,
    prior_kl,
    scaled,
    standard_kl,
)
from vae_core.evaluation.subject import Moments
from vae_core.model.prior import Prior


def gaussian_images(sigma: float, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(128.0, sigma, (8, 32, 32, 3))
    return values.round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [4.0, 20.0])
def test_bits_are_a_gaussians_entropy_when_pixels_are_gaussian(sigma: float) -> None:
    found = pixel_code(gaussian_images(sigma), flat(128, count=8))
    assert found.bits == pytest.approx(math.log2(sigma * math.sqrt(2 * math.pi * math.e)), abs=0.02)
    assert found.sigma == pytest.approx(sigma, rel=0.02)


def test_bits_are_next_to_none_when_decoded_exactly_and_eight_at_most_when_noise_is_uniform() -> None:
    images = shapes(3, 1)
    assert pixel_code(images, images).bits < 0.001
    uniform = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    assert 7.9 < pixel_code(uniform, flat(128, count=4)).bits < 8.3


def test_probabilities_of_the_levels_add_up_to_one_when_the_tails_are_cut() -> None:
    # Every level once: the mean of -log2 p is what bits are; were p not normalised, a better than uniform code of all
    # levels at once would come out.
    every = np.arange(256, dtype=np.uint8).repeat(12).reshape(1, 32, 32, 3)
    for centre in (0, 3, 128, 255):
        assert pixel_code(every, flat(centre)).bits >= 8.0 - 1e-6


def test_kl_is_that_of_the_formula_when_posteriors_are_known() -> None:
    posterior = Moments(np.array([[0.0, 2.0]]), np.array([[1.0, 0.25]]))
    assert standard_kl(posterior)[0] == pytest.approx([0.0, 0.5 * (4.0 + 0.25 - 1.0 - math.log(0.25))])


def test_kl_to_a_prior_is_drawn_right_when_the_prior_is_one_gaussian() -> None:
    rng = np.random.default_rng(0)
    posterior = Moments(rng.standard_normal((400, 3)), np.full((400, 3), 0.5))
    shifted = Prior(np.ones(1), np.array([[1.0, 0.0, 0.0]]), 2.0 * np.eye(3)[None])
    exact = Moments((posterior.mean - shifted.means[0]) / 2.0, posterior.variance / 4.0)
    assert prior_kl(posterior, shifted, rng) == pytest.approx(standard_kl(exact).sum(axis=1).mean(), rel=0.03)
    assert prior_kl(posterior, Prior.standard(3), rng) == standard_kl(posterior).sum(axis=1).mean()


def test_bound_adds_the_latents_bits_to_the_pixels_when_both_are_known() -> None:
    subject, images = pca_subject(shapes(60, 1), 8), shapes(10, 2)
    posterior = subject.coder.encode(images)
    found = evidence_bound(subject.coder, subject.prior, images, posterior, seed=0)
    nats = float(standard_kl(posterior).sum(axis=1).mean())
    assert found.kl == found.standard_kl == pytest.approx(nats)
    assert found.bits == pytest.approx(found.code.bits + nats / (32 * 32 * 3) / math.log(2))
    narrow = scaled(posterior, 0.5)
    assert narrow.variance == pytest.approx(posterior.variance / 4)


def test_narrower_posterior_is_found_when_the_encoder_says_too_wide_a_one() -> None:
    subject, images = pca_subject(shapes(60, 1), 8), shapes(20, 2)
    posterior = subject.coder.encode(images)
    wide = likelihood_scores(subject.coder, subject.prior, images, scaled(posterior, 8.0), seed=0)
    assert wide.best_posterior_scale <= 1 / 4
    assert wide.best_elbo_bits_per_dim < wide.elbo_bits_per_dim - 0.03
    assert wide.elbo_bits_per_dim == wide.elbo_bits_per_dim_standard


def test_units_are_active_when_their_means_vary() -> None:
    subject, images = pca_subject(shapes(60, 1), 4), shapes(20, 2)
    posterior = subject.coder.encode(images)
    posterior.mean[:, 1] = 0.3
    found = likelihood_scores(subject.coder, subject.prior, images, posterior, seed=0)
    assert (found.active_units, found.latent_dim, len(found.kl_per_dimension)) == (3, 4, 4)
