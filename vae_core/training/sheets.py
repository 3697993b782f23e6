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


@torch.inference_mode()
def reconstruction_sheet(network: Network, images: np.ndarray) -> Tensor:
    """Rows of originals, each above a row of reconstructions. images: uint8 (N, H, W, 3). Returns (3, h, w)."""
    originals = to_tensor(images)
    decoded = network.eval()(originals.to(network.device)).cpu()
    rows = [
        row
        for start in range(0, len(originals), _COLUMNS)
        for row in (originals[start : start + _COLUMNS], decoded[start : start + _COLUMNS])
    ]
    return _grid(torch.cat(rows))


@torch.inference_mode()
def sample_sheet(network: Network, prior: Prior, count: int, temperature: float = 1.0) -> Tensor:
    """Decoded samples of the prior, always of the same seed: a grid (3, h, w)."""
    latents = torch.from_numpy(prior.sample(_SAMPLE_SEED, range(count), temperature))
    decoded = network.eval().decode(latents.to(network.device)).cpu()
    return _grid(decoded)


def _grid(images: Tensor) -> Tensor:
    grid: Tensor = make_grid(images, nrow=_COLUMNS, padding=2, pad_value=1.0)  # (N, 3, H, W) -> (3, h, w)
    return grid


def save_sheet(sheet: Tensor, path: Path) -> None:
    """Write the grid as a PNG, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(sheet, path)
