"""Checkpoints small enough to make and run in no time: a real network, untrained."""

from __future__ import annotations

from pathlib import Path

import torch

from vae_core.model.build import build_network
from vae_core.model.config import ModelConfig
from vae_core.model.prior import Prior
from vae_core.model.weights import save_network

TINY = ModelConfig(image_size=32, latent_dim=8, encoder_channels=(8, 16), decoder_channels=(16, 8), residual_max_size=0)


def write_tiny_checkpoint(path: Path, *, seed: int = 0) -> str:
    """A checkpoint of a 32-pixel network with weights drawn from `seed`; its SHA-256."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(TINY).eval()
    # Untrained outputs are nearly grey; larger weights in the latents' layer make pictures that differ.
    return save_network(path, network, Prior.standard(TINY.latent_dim), {"training": "none"})
