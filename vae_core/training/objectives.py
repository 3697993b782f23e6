"""The objectives that a training config names, each as one function of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from vae_core.model.network import Posterior
from vae_core.training.config import TrainingConfig
from vae_core.training.losses import Loss, published_loss, vae_loss

LossFunction = Callable[[Tensor, Tensor, Posterior, float], Loss]


class Objective(NamedTuple):
    """loss: of clean images, decoded ones, their posterior, and how far the warm-up is, 0 to 1.

    draws: whether the decoder is given a draw from the posterior; its mean if not.
    """

    loss: LossFunction
    draws: bool = True


def objective_of(config: TrainingConfig) -> Objective:
    """The objective that the config names.

    sigma-vae: the evidence bound under the best sigma, with free bits and terms for sharpness. autoencoder: the same
    without KL term and without noise on the latents. published: the published one, which compares the output with the
    normalised images. published-fixed: that one, comparing with the images themselves.
    """
    if config.objective == "published":
        return Objective(_published(config, normalised=True))
    if config.objective == "published-fixed":
        return Objective(_published(config, normalised=False))
    if config.objective == "autoencoder":
        return Objective(_without_kl(config), draws=False)
    return Objective(_sigma_vae(config))


def _sigma_vae(config: TrainingConfig) -> LossFunction:
    def loss(images: Tensor, decoded: Tensor, posterior: Posterior, warmth: float) -> Loss:
        return vae_loss(
            images,
            decoded,
            posterior,
            beta=warmth * config.beta,
            free_bits=config.free_bits,
            sharpness=config.sharpness,
            structure=config.structure,
        )

    return loss


def _without_kl(config: TrainingConfig) -> LossFunction:
    def loss(images: Tensor, decoded: Tensor, posterior: Posterior, warmth: float) -> Loss:
        total, mse, _ = vae_loss(
            images,
            decoded,
            posterior,
            beta=0.0,
            free_bits=0.0,
            sharpness=config.sharpness,
            structure=config.structure,
        )
        return Loss(total, mse, torch.zeros((), device=images.device))

    return loss


def _published(config: TrainingConfig, *, normalised: bool) -> LossFunction:
    mean = torch.tensor(config.model.input_mean).reshape(1, 3, 1, 1)
    std = torch.tensor(config.model.input_std).reshape(1, 3, 1, 1)

    def loss(images: Tensor, decoded: Tensor, posterior: Posterior, warmth: float) -> Loss:
        target = (images - mean.to(images.device)) / std.to(images.device) if normalised else images
        return published_loss(images, decoded, posterior, target=target, beta=warmth * config.beta)

    return loss
