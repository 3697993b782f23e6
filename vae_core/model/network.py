"""What every variational autoencoder (Kingma and Welling, 2013) of this project offers, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from vae_core.model.config import ModelConfig


class Posterior(NamedTuple):
    """A Gaussian with a diagonal covariance for each image. mean, log_variance: (B, Z)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One latent of each posterior, (B, Z), through which gradients flow."""
        noise = torch.empty_like(self.mean).normal_(generator=generator)
        return self.mean + noise * torch.exp(0.5 * self.log_variance)


class Network(nn.Module, ABC):
    """Encoder and decoder. Images are float32 in [0, 1], (B, 3, H, W); latents float32, (B, Z).

    `vae_core.model.build.build_network` makes the one that a config asks for. whitens: whether `whiten` can be called.
    """

    whitens: ClassVar[bool] = True

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @abstractmethod
    def encode(self, images: Tensor) -> Posterior:
        """Posterior of each image."""

    @abstractmethod
    def decode(self, latents: Tensor) -> Tensor:
        """The mean image of each latent, in [0, 1]."""

    def forward(self, images: Tensor) -> Tensor:
        """The reconstruction of each image from its posterior mean."""
        return self.decode(self.encode(images).mean)

    @abstractmethod
    def whiten(self, mean: Tensor, covariance: Tensor, noise: Tensor) -> None:
        """Change the latents' coordinates so that a distribution of this mean (Z,) and covariance (Z, Z) becomes
        one of mean 0 and covariance 1. Reconstructions stay the same up to rounding.

        noise: (Z,), mean variance of the posteriors, by which one of the many such maps is chosen. Raises ValueError
        when the covariance is not positive definite, or when the network cannot (`whitens`).
        """

    @abstractmethod
    def fold(self) -> Network:
        """Replace every BatchNorm, in place, by weights that do the same: evaluation only from here on.

        Returns itself.
        """
