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
    _structure,
    kl_divergence,
    laplacian_term,
    published_loss,
    structure_term,
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


def _textured() -> Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_structure_costs_nothing_only_when_the_image_is_met() -> None:
    images = _textured()
    assert float(structure_term(images, images)) == pytest.approx(0.0, abs=1e-5)
    assert float(structure_term(images, images.flip(3))) > 0.5
    assert float(structure_term(images, torch.full_like(images, 0.5))) > 0.5


def test_full_contrast_costs_less_than_the_pale_image_of_least_squares() -> None:
    """Half of the contrast is known: squares are least when only that is shown, structure when it is raised to all."""
    known = 0.2 * (_textured() - 0.5)
    unknown = known[torch.arange(4) - 1]
    images = 0.5 + known + unknown
    costs = {scale: float(structure_term(images, 0.5 + scale * known)) for scale in (0.7, 1.0, 1.4)}
    assert costs[1.4] < costs[1.0] < costs[0.7]
    made_up = 0.5 + known + known[torch.arange(4) - 2]
    assert float(structure_term(images, made_up)) > costs[1.4]


def test_structure_is_that_of_ssim_when_windows_do_not_overlap() -> None:
    images, decoded = _textured()[:1, :, :8, :8], _textured()[1:2, :, :8, :8]
    x, y = images.reshape(3, 64).double(), decoded.reshape(3, 64).double()
    covariance = ((x - x.mean(1, keepdim=True)) * (y - y.mean(1, keepdim=True))).mean(1)
    expected = (2 * covariance + 9e-4) / (x.var(1, correction=0) + y.var(1, correction=0) + 9e-4)
    assert float(_structure(images, decoded)) == pytest.approx(float(expected.mean()), abs=1e-5)


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
    config = preset("autoencoder")
    weights = {"sharpness": config.sharpness, "structure": config.structure}
    bare = vae_loss(images, decoded, posterior, beta=0.0, free_bits=0.0, **weights)
    torch.testing.assert_close(found.total, bare.total)
    assert float(found.kl) == 0.0
    assert not objective.draws


def test_default_objective_is_the_bound_with_the_configs_weights() -> None:
    images, decoded, posterior = _batch()
    config = changed(TrainingConfig(), beta=5.0, free_bits=0.7, sharpness=0.3, structure=0.4)
    found = objective_of(config).loss(images, decoded, posterior, 0.5)
    expected = vae_loss(images, decoded, posterior, beta=2.5, free_bits=0.7, sharpness=0.3, structure=0.4)
    torch.testing.assert_close(found.total, expected.total)
