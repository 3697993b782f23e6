"""Pictures of how a training is doing: reconstructions and samples, as PNG grids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from vae_core.model.network import Network
from vae_core.model.prior import Prior
from vae_core.training.data import to_tensor

_COLUMNS = 8
_SAMPLE_SEED = 1
_BESIDE = 32


@torch.inference_mode()
def reconstruction_sheet(network: Network, images: np.ndarray) -> Tensor:
    """Rows of originals, each above a row of reconstructions. images: uint8 (N, H, W, 3). Returns (3, h, w)."""
    originals = to_tensor(images)
    decoded = network.eval()(originals.to(network.device)).cpu()
    return _grid(_rows_by_turns(originals, decoded))


@torch.inference_mode()
def sample_sheet(network: Network, prior: Prior, count: int, temperature: float = 1.0) -> Tensor:
    """Decoded samples of the prior, always of the same seed: a grid (3, h, w)."""
    latents = torch.from_numpy(prior.sample(_SAMPLE_SEED, range(count), temperature))
    decoded = network.eval().decode(latents.to(network.device)).cpu()
    return _grid(decoded)


@torch.inference_mode()
def beside_originals_sheet(network: Network, prior: Prior, images: np.ndarray, temperature: float = 1.0) -> Tensor:
    """Rows of samples, each above a row of as many originals, uint8 (N, H, W, 3), at random: a grid (3, h, w).

    They have nothing to do with each other: the eye compares the two kinds.
    """
    count = min(_BESIDE, len(images))
    chosen = np.random.default_rng(_SAMPLE_SEED).choice(len(images), count, replace=False)
    originals = to_tensor(images[np.sort(chosen)])
    latents = torch.from_numpy(prior.sample(_SAMPLE_SEED, range(count), temperature))
    return _grid(_rows_by_turns(network.eval().decode(latents.to(network.device)).cpu(), originals))


def _rows_by_turns(first: Tensor, second: Tensor) -> Tensor:
    """A row of the first images, then a row of the second, and so on: two (N, 3, H, W) -> (2 N, 3, H, W)."""
    starts = range(0, len(first), _COLUMNS)
    return torch.cat([images[start : start + _COLUMNS] for start in starts for images in (first, second)])


def _grid(images: Tensor) -> Tensor:
    grid: Tensor = make_grid(images, nrow=_COLUMNS, padding=2, pad_value=1.0)  # (N, 3, H, W) -> (3, h, w)
    return grid


def save_sheet(sheet: Tensor, path: Path) -> None:
    """Write the grid as a PNG, in one step, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    save_image(sheet, partial, format="png")
    partial.replace(path)
