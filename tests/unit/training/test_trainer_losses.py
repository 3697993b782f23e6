"""The terms of the objective."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from vae_core.model.network import Posterior
from vae_core.model.reference import REFERENCE_CONFIG
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.losses import (
    MIN_LOG_SIGMA,
    _detail,
    detail_term,
    kl_divergence,
    laplacian_term,
    published_loss,
    vae_loss,
)
from vae_core.training.objectives import objective_of
from vae_core.training.presets import preset


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


def _edge(place: int, width: int = 1) -> Tensor:
    """Black, then from column `place` on white, over so many columns: (1, 3, 32, 32)."""
    ramp = ((torch.arange(32) - place + 1) / width).clamp(0.0, 1.0)
    return ramp.expand(1, 3, 32, 32).clone()


def test_displaced_edge_costs_less_detail_than_a_blurred_one() -> None:
    edge = _edge(20)
    errors = []
    for decoded in (edge, _edge(21), 0.5 * _edge(20) + 0.25):
        found = decoded.requires_grad_()
        term = detail_term(edge, found)
        term.backward()  # type: ignore[no-untyped-call]
        assert found.grad is not None
        errors.append(float((_detail(found.detach()) - _detail(edge.detach())).abs().mean()))
    assert errors[0] == 0.0
    assert errors[1] < 1e-6 < 0.01 < errors[2]


def test_detail_pushes_contrast_up_when_there_is_too_little_of_it() -> None:
    edge, faint = _edge(20), (0.5 * _edge(20) + 0.25).requires_grad_()
    detail_term(edge, faint).backward()  # type: ignore[no-untyped-call]
    assert faint.grad is not None
    assert (faint.grad[..., 20] < 0).all()
    assert (faint.grad[..., 19] > 0).all()


def test_detail_grows_with_the_warm_up_when_the_config_asks_for_it() -> None:
    images, decoded, posterior = _batch()
    loss = objective_of(changed(preset("autoencoder"), detail=0.5, sharpness=0.0)).loss
    totals = [float(loss(images, decoded, posterior, warmth).total) for warmth in (0.0, 0.5, 1.0)]
    assert totals[2] - totals[1] == pytest.approx(totals[1] - totals[0], rel=1e-4)
    assert totals[2] - totals[0] == pytest.approx(0.5, rel=1e-4)  # the term is its own unit


def _batch() -> tuple[Tensor, Tensor, Posterior]:
    generator = torch.Generator().manual_seed(0)
    images, decoded = torch.rand(2, 2, 3, 8, 8, generator=generator)
    return images, decoded, Posterior(*torch.randn(2, 2, 3, generator=generator))


def test_published_objective_is_met_when_the_preset_is_the_reference() -> None:
    images, decoded, (mean, log_variance) = _batch()
    objective = objective_of(preset("reference"))
    found = objective.loss(images, decoded, Posterior(mean, log_variance), 1.0)
    means = torch.tensor([0.48043839, 0.44820218, 0.39760034]).reshape(1, 3, 1, 1)
    deviations = torch.tensor([0.27698959, 0.26908774, 0.28216029]).reshape(1, 3, 1, 1)
    B, C, H, W = images.shape
    kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum() / (B * C * H * W)
    torch.testing.assert_close(found.total, ((decoded - (images - means) / deviations) ** 2).mean() + kl)
    torch.testing.assert_close(found.mse, ((decoded - images) ** 2).mean())
    torch.testing.assert_close(found.kl, kl * C * H * W)
    assert objective.draws


def test_output_is_compared_with_the_image_when_the_reference_is_fixed() -> None:
    images, decoded, posterior = _batch()
    fixed = objective_of(preset("reference-fixed")).loss(images, decoded, posterior, 1.0)
    expected = published_loss(images, decoded, posterior, target=images, beta=1.0)
    torch.testing.assert_close(fixed.total, expected.total)
    assert fixed.total < objective_of(preset("reference")).loss(images, decoded, posterior, 1.0).total
    assert REFERENCE_CONFIG.normalises


def test_latents_cost_nothing_when_it_is_an_autoencoder() -> None:
    images, decoded, posterior = _batch()
    objective = objective_of(preset("autoencoder"))
    found = objective.loss(images, decoded, posterior, 0.0)
    bare = vae_loss(images, decoded, posterior, beta=0.0, free_bits=0.0, sharpness=preset("autoencoder").sharpness)
    torch.testing.assert_close(found.total, bare.total)
    assert float(found.kl) == 0.0
    assert not objective.draws


def test_default_objective_is_the_bound_with_the_configs_weights() -> None:
    images, decoded, posterior = _batch()
    config = changed(TrainingConfig(), beta=5.0, free_bits=0.7, sharpness=0.3, detail=0.4)
    found = objective_of(config).loss(images, decoded, posterior, 0.5)
    expected = vae_loss(images, decoded, posterior, beta=2.5, free_bits=0.7, sharpness=0.3, detail=0.2)
    torch.testing.assert_close(found.total, expected.total)
