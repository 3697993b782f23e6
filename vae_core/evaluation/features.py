"""The feature space that sets of images are compared in: a random convolutional network, nothing downloaded.

Random filters see edges, colours and their layout at several scales, and favour no model under test. Distances in it
are of this project alone: never compare them with a FID, which is measured in a network trained on photographs.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from torch import Tensor

from vae_core.evaluation.subject import Floats, Images
from vae_core.training.data import to_tensor

NAME = "our features"
DIMENSIONS = 64
_WIDTHS = (32, 64, 128, 128)
_GRID = 4
_SEED = 0
_BATCH = 32


class FeatureSpace:
    """The principal components, on real images, of what a fixed random network makes of them.

    Four 3x3 convolutions of stride 2 with ReLU, weights drawn as He et al. (2015) do, from a fixed seed; each stage's
    maps are averaged over a 4x4 grid. Nothing is standardised, so that a direction counts by how much real images vary
    along it: on drawn cars this puts noise and blur that nobody sees at the floor, and visible blur, lost modes,
    smudges and a Gaussian of PCA well above it, the more the worse they look.
    """

    def __init__(self, images: Images) -> None:
        """images: real ones, uint8 (N, S, S, 3), N at least 2: at most 64 and at most N - 1 components are kept."""
        raw = _random_features(images)
        count = min(DIMENSIONS, len(images) - 1, raw.shape[1])
        with np.errstate(invalid="ignore", divide="ignore"):  # the share of no variance, where all images are equal
            self._pca = PCA(count, svd_solver="randomized", random_state=_SEED).fit(raw)
        self.dimensions = count
        self.fitted: Floats = self._pca.transform(raw).astype(np.float64)

    def project(self, images: Images) -> Floats:
        """uint8 (N, S, S, 3) to points, (N, dimensions)."""
        points: Floats = self._pca.transform(_random_features(images)).astype(np.float64)
        return points


@torch.inference_mode()
def _random_features(images: Images) -> NDArray[np.float32]:
    kernels = _kernels()
    parts = [_pooled(to_tensor(images[start : start + _BATCH]), kernels) for start in range(0, len(images), _BATCH)]
    return torch.cat(parts).numpy()


def _kernels() -> list[Tensor]:
    rng = np.random.default_rng(_SEED)
    kernels, channels = [], 3
    for width in _WIDTHS:
        weights = rng.standard_normal((width, channels, 3, 3)) * np.sqrt(2.0 / (9 * channels))
        kernels.append(torch.from_numpy(weights.astype(np.float32)))
        channels = width
    return kernels


def _pooled(images: Tensor, kernels: list[Tensor]) -> Tensor:
    """(B, 3, S, S) in [0, 1] to (B, features)."""
    maps, found = 2.0 * images - 1.0, []
    for kernel in kernels:
        maps = F.relu(F.conv2d(maps, kernel, stride=2, padding=1))  # (B, C, s / 2, s / 2)
        found.append(F.adaptive_avg_pool2d(maps, min(_GRID, maps.shape[-1])).flatten(1))  # (B, C * 16)
    return torch.cat(found, dim=1)
