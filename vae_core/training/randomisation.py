"""Domain randomisation: drawings changed beyond what is likely, so that photographs are one more such change.

After Tobin et al., "Domain Randomization for Transferring Deep Neural Networks from Simulation", 2017.
A network that has only seen drawings encodes a photograph far worse than its decoder could show it. What is learnt from
these images is above all to find the nearest code for a picture that is like none before.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_WHITE_FROM, _WHITE_TO = 0.80, 0.95  # a pixel counts as background the more, the nearer its darkest channel is to white
_BACKDROP_SHARE = 0.35
_CHECKER_SHARE = 0.3  # of backdrops: how a viewer shows transparency, as many cut-out pictures have it burnt in
_BAR_SHARE = 0.08
_MIXED_SHARE = 0.2


def randomised(images: Tensor, seed: int, number: int) -> tuple[Tensor, Tensor]:
    """Each of the images, float32 in [0, 1], (B, 3, H, W), changed strongly; a function of (images, seed, number).

    In turn: scale, aspect, slant, turn and place; another backdrop; exposure, contrast, saturation, white balance and
    gamma; uneven light; bars along an edge; a blend with another of the images. Returned are what the encoder is to
    see, and what the decoder is to show: the first has texture beside all that, which no latent could hold.
    """
    rng = np.random.default_rng((seed, number, 2))
    images = _warped(images, rng)
    images = _on_backdrop(images, rng)
    images = _toned(images, rng)
    images = images * torch.exp(_field(rng, images, 1, 3, 0.15) * _chosen(rng, 0.5, len(images)))
    images = _barred(images, rng)
    wanted = _blended(images, rng).clamp_(0.0, 1.0).contiguous(memory_format=torch.channels_last)
    return _textured(wanted, rng).contiguous(memory_format=torch.channels_last), wanted


def _uniform(rng: np.random.Generator, low: float, high: float, *shape: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, shape).astype(np.float32))


def _chosen(rng: np.random.Generator, share: float, count: int) -> Tensor:
    """1 for about this share of the images, else 0: (B, 1, 1, 1)."""
    return torch.from_numpy((rng.random((count, 1, 1, 1)) < share).astype(np.float32))


def _field(rng: np.random.Generator, images: Tensor, channels: int, cells: int, deviation: float) -> Tensor:
    """Smooth noise with about `cells` hills along a side: (B, channels, H, W)."""
    values = rng.standard_normal((len(images), channels, cells, cells)).astype(np.float32) * deviation
    return F.interpolate(torch.from_numpy(values), size=images.shape[2:], mode="bilinear", align_corners=False)


def _warped(images: Tensor, rng: np.random.Generator) -> Tensor:
    B = len(images)
    across = np.exp(rng.uniform(math.log(0.8), math.log(1.25), B))
    down = across * np.exp(rng.uniform(-0.18, 0.18, B))
    turn, slant = rng.uniform(-0.06, 0.06, B), rng.uniform(-0.05, 0.05, B)
    matrix = np.zeros((B, 2, 3), np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = np.cos(turn) / across, (slant - np.sin(turn)) / across
    matrix[:, 1, 0], matrix[:, 1, 1] = np.sin(turn) / down, np.cos(turn) / down
    matrix[:, :, 2] = rng.uniform(-0.12, 0.12, (B, 2))
    grid = F.affine_grid(torch.from_numpy(matrix), list(images.shape), align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _on_backdrop(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Some images with what is nearly white exchanged for a colour, a gradient, clutter or a chequered pattern."""
    B, H = len(images), images.shape[2]
    darkest = images.amin(dim=1, keepdim=True)  # (B, 1, H, W)
    mask = F.avg_pool2d(((darkest - _WHITE_FROM) / (_WHITE_TO - _WHITE_FROM)).clamp(0.0, 1.0), 3, 1, 1)
    plain = _uniform(rng, 0.0, 1.0, B, 1, 1, 1) + _uniform(rng, -0.2, 0.2, B, 3, 1, 1)
    hills = _field(rng, images, 3, 2, 0.12) + _field(rng, images, 1, 6, 0.1)
    clutter = _field(rng, images, 1, max(2, H // 6), 0.1) * _chosen(rng, 0.5, B)
    backdrop = (plain + hills + clutter).clamp(0.0, 1.0)
    checkers = _chosen(rng, _CHECKER_SHARE, B)
    backdrop = checkers * _checkers(images, rng) + (1.0 - checkers) * backdrop
    return images + (backdrop - images) * mask * _chosen(rng, _BACKDROP_SHARE, B)


def _checkers(images: Tensor, rng: np.random.Generator) -> Tensor:
    """White and light grey squares of 2 to 8 pixels in 128: (B, 1, H, W)."""
    B, H, W = len(images), images.shape[2], images.shape[3]
    side = _uniform(rng, 2.0, 8.0, B, 1, 1) * H / 128
    rows = torch.floor(torch.arange(H).reshape(1, H, 1) / side)
    columns = torch.floor(torch.arange(W).reshape(1, 1, W) / side)
    odd = torch.remainder(rows + columns, 2.0)[:, None]  # (B, 1, H, W)
    return 1.0 - odd * _uniform(rng, 0.03, 0.25, B, 1, 1, 1)


def _toned(images: Tensor, rng: np.random.Generator) -> Tensor:
    B = len(images)
    images = images * torch.exp(_uniform(rng, -0.4, 0.25, B, 1, 1, 1))
    level = images.mean(dim=(1, 2, 3), keepdim=True)
    images = level + (images - level) * torch.exp(_uniform(rng, -0.35, 0.35, B, 1, 1, 1))
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * _uniform(rng, 0.2, 1.6, B, 1, 1, 1)
    images = images * (1.0 + _uniform(rng, -0.15, 0.15, B, 3, 1, 1) * _chosen(rng, 0.5, B))
    return images.clamp(1e-4, 1.0).pow(torch.exp(_uniform(rng, -0.4, 0.4, B, 1, 1, 1)))


def _textured(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Some images with structure of three sizes laid over them, and noise."""
    B, H = len(images), images.shape[2]
    for cells, deviation in ((max(2, H // 8), 0.05), (max(2, H // 4), 0.06), (max(2, H // 2), 0.06), (H, 0.05)):
        images = images + _field(rng, images, 1, cells, deviation) * _chosen(rng, 0.3, B)
    return images.clamp(0.0, 1.0)


def _barred(images: Tensor, rng: np.random.Generator) -> Tensor:
    """A few images with a black bar along their upper or lower edge."""
    H = images.shape[2]
    for row in np.flatnonzero(rng.random(len(images)) < _BAR_SHARE):
        height = int(rng.uniform(0.02, 0.1) * H) + 1
        place = slice(0, height) if rng.random() < 0.3 else slice(H - height, H)
        images[row, :, place] = 0.0
    return images


def _blended(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Some images blended with another (Zhang et al., "mixup", 2018), so that the encoder is nearly linear between."""
    B = len(images)
    share = 1.0 - _uniform(rng, 0.0, 0.5, B, 1, 1, 1) * _chosen(rng, _MIXED_SHARE, B)
    others = images[torch.from_numpy(rng.permutation(B))]
    return share * images + (1.0 - share) * others
