"""Sliced Wasserstein distance of small patches at each level of a Laplacian pyramid: Karras et al., 2018, section 5."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vae_core.evaluation.subject import Images
from vae_core.training.data import to_tensor

MIN_LEVEL_PX = 16
_PATCH = 7
_PATCHES_PER_IMAGE = 32
_DIRECTIONS = 256
_BATCH = 32
_MIN_DEVIATION = 1e-6
_BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)

# One array for each level, by its side in pixels: float32 (N * 32, 3, 7, 7).
Patches = dict[int, NDArray[np.float32]]


def pyramid_patches(images: Images, seed: int) -> Patches:
    """Patches of 7x7 pixels at random places of every level of each image, uint8 (N, S, S, 3).

    Levels go from S pixels down by halves to at least 16; each holds what the next one lacks, the last all that is
    left (Burt and Adelson, 1983). As in the paper, the set's channels are brought to mean 0 and deviation 1.
    """
    parts: dict[int, list[Tensor]] = {}
    for start in range(0, len(images), _BATCH):
        for level in _pyramid(to_tensor(images[start : start + _BATCH])):
            parts.setdefault(level.shape[-1], []).append(level)
    return {
        size: _cut(torch.cat(levels).numpy(), np.random.default_rng((seed, size))) for size, levels in parts.items()
    }


def sliced_wasserstein(real: Patches, made: Patches, seed: int) -> dict[int, float]:
    """Distance at each level, by its side in pixels, averaged over 256 directions; both sets hold equally many patches.

    The unit is the deviation of patches. It is biased upwards by few images: compare only sets of equal sizes.
    """
    return {size: _distance(real[size], made[size], np.random.default_rng((seed, size))) for size in real}


def _distance(real: NDArray[np.float32], made: NDArray[np.float32], rng: np.random.Generator) -> float:
    directions = rng.standard_normal((real[0].size, _DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    lines = []
    for patches in (real, made):
        flat = patches.reshape(len(patches), -1)  # (P, 3, 7, 7) -> (P, 147)
        lines.append(np.sort((flat @ directions).T, axis=1))  # (256, P)
    return float(np.abs(lines[0] - lines[1]).mean())


def _pyramid(images: Tensor) -> list[Tensor]:
    levels = []
    while images.shape[-1] >= 2 * MIN_LEVEL_PX and images.shape[-1] % 2 == 0:
        coarse = _smooth(images)[:, :, ::2, ::2]  # (B, 3, s / 2, s / 2)
        spread = torch.zeros_like(images)
        spread[:, :, ::2, ::2] = coarse
        levels.append(images - 4.0 * _smooth(spread))
        images = coarse
    return [*levels, images]


def _smooth(images: Tensor) -> Tensor:
    weights = torch.tensor(_BINOMIAL) / sum(_BINOMIAL)
    kernel = torch.outer(weights, weights).expand(3, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=3)


def _cut(level: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """(N, 3, s, s) to (N * 32, 3, 7, 7), standardised."""
    count, _, size, _ = level.shape
    windows = np.lib.stride_tricks.sliding_window_view(level, (_PATCH, _PATCH), axis=(2, 3))
    image = np.repeat(np.arange(count), _PATCHES_PER_IMAGE)
    y, x = rng.integers(0, size - _PATCH + 1, (2, len(image)))
    patches = np.ascontiguousarray(windows[image, :, y, x])
    patches -= patches.mean(axis=(0, 2, 3), keepdims=True)
    patches /= patches.std(axis=(0, 2, 3), keepdims=True) + _MIN_DEVIATION
    return patches
