"""Checkpoints small enough to make and run in no time: a real network, untrained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from vae_core.model.build import build_network
from vae_core.model.config import ModelConfig
from vae_core.model.prior import Prior
from vae_core.model.resize_conv import ResizeConvNetwork
from vae_core.model.weights import save_network

TINY = ModelConfig(
    image_size=32,
    latent_dim=8,
    encoder_channels=(8, 16),
    decoder_channels=(16, 8),
    residual_max_size=0,
    coarse_size=8,
)


def write_tiny_checkpoint(path: Path, *, seed: int = 0, prior: Prior | None = None) -> str:
    """A checkpoint of a 32-pixel network with weights drawn from `seed`, and N(0, I) or another prior; its SHA-256."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(TINY).eval()
        # Untrained outputs are nearly grey; such weights make pictures that differ.
        assert isinstance(network, ResizeConvNetwork)
        nn.init.normal_(network.coarse_image.weight, std=0.3)
    return save_network(path, network, prior or Prior.standard(TINY.latent_dim), {"training": "none"})


def use_batch_norms(network: nn.Module, generator: torch.Generator, *, variances: tuple[float, float]) -> None:
    """Give every BatchNorm weights and statistics as training leaves them: none at its start value."""
    for norm in (part for part in network.modules() if isinstance(part, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
        nn.init.uniform_(norm.bias, -0.5, 0.5, generator=generator)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.uniform_(-0.2, 0.2, generator=generator)
        norm.running_var.uniform_(*variances, generator=generator)
