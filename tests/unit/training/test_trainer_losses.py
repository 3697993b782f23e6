"""The terms of the objective."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vae_core.model.network import Posterior
from vae_core.training.losses import MIN_LOG_SIGMA, kl_divergence, laplacian_term, vae_loss


def _posterior(mean: float, log_variance: float) -> Posterior:
    return Posterior(torch.full((2, 3), mean), torch.full((2, 3), log_variance))


def _loss(images: Tensor, decoded: Tensor, *, beta: float = 0.0, free_bits: float = 0.0) -> float:
    posterior = _posterior(1.0, 0.0)
    return float(vae_loss(images, decoded, posterior, beta=beta, free_bits=free_bits, sharpness=0.0).total)


def test_pixel_term_is_the_normal_likelihood_of_best_variance() -> None:
    images, decoded = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.1)
    expected = -torch.distributions.Normal(0.1, 0.1).log_prob(torch.tensor(0.0))
    assert _loss(images, decoded) == pytest.approx(float(expected), abs=1e-5)


def test_gradient_does_not_run_through_the_variance() -> None:
    images, decoded = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.1, requires_grad=True)
    vae_loss(images, decoded, _posterior(0.0, 0.0), beta=0.0, free_bits=0.0, sharpness=0.0).total.backward()  # type: ignore[no-untyped-call]
    assert decoded.grad is not None
    torch.testing.assert_close(decoded.grad * 96, torch.full((2, 3, 4, 4), 0.1 / 0.01))


def test_loss_stays_finite_when_the_image_is_met_exactly() -> None:
    images = torch.rand(2, 3, 4, 4)
    assert _loss(images, images.clone()) == pytest.approx(MIN_LOG_SIGMA + 0.5 * math.log(2 * math.pi), abs=1e-4)


def test_kl_is_that_of_two_normals() -> None:
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(0.7, math.exp(-0.5)), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_divergence(_posterior(0.7, -1.0)), expected.expand(2, 3))


def test_kl_costs_its_share_above_the_free_bits() -> None:
    images, decoded = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.1)
    bare = _loss(images, decoded)
    assert _loss(images, decoded, beta=2.0) - bare == pytest.approx(2.0 * 3 * 0.5 / 48, abs=1e-5)
    assert _loss(images, decoded, beta=2.0, free_bits=5.0) - bare == pytest.approx(2.0 * 3 * 5.0 / 48, abs=1e-5)


def test_sharpness_pushes_towards_an_edge_more_when_it_is_blurred() -> None:
    edge = torch.zeros(1, 3, 16, 16)
    edge[..., 8:] = 1.0
    blurred = torch.linspace(0, 1, 16).expand(1, 3, 16, 16).clone().requires_grad_()
    laplacian_term(edge, blurred).backward()  # type: ignore[no-untyped-call]
    assert blurred.grad is not None
    assert (blurred.grad[..., 7] > 0).all()
    assert (blurred.grad[..., 8] < 0).all()
    assert float(laplacian_term(edge, edge)) == 0.0
