"""The distribution that latents are sampled from: a Gaussian mixture fitted to the encoded training set.

Sampling N(0, I) instead gives smudges: a well trained encoder does not fill it (Ghosh et al., "From Variational to
Deterministic Autoencoders", 2020, who fit such a mixture after training).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.model.checkpoint import CheckpointInfo
from vae_core.model.latents import normals, uniforms
from vae_core.model.tensors import read_tensors

TENSOR_NAMES = ("prior.weights", "prior.means", "prior.factors")
MAX_TEMPERATURE = 4.0
_UNIFORMS_BEFORE_NORMALS = 2  # one chooses the component; normals come in pairs


@dataclass(frozen=True, eq=False)
class Prior:
    """K Gaussians: weights (K,), means (K, Z), factors (K, Z, Z) lower triangular with covariance F F^T; float64."""

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    @property
    def latent_dim(self) -> int:
        """Z."""
        return int(self.means.shape[1])

    @classmethod
    def standard(cls, latent_dim: int) -> Prior:
        """N(0, I)."""
        return cls(np.ones(1), np.zeros((1, latent_dim)), np.eye(latent_dim)[None])

    def sample(self, seed: int, indices: Sequence[int], temperature: float = 1.0) -> np.ndarray:
        """The latent of each (seed, index), float32 (B, Z); it does not depend on the other indices.

        temperature: 0 to 4; scales the deviation from the mean of the component that the latent falls in, so lower
        means more typical. Raises InvalidValue for a seed, an index or a temperature out of range.
        """
        if not 0.0 <= temperature <= MAX_TEMPERATURE:
            raise InvalidValue(f"temperature {temperature} is out of range: 0 to {MAX_TEMPERATURE:g}")
        choice = uniforms(seed, indices, 1)[:, 0]
        edges = np.cumsum(self.weights)
        component = np.minimum(np.searchsorted(edges / edges[-1], choice, side="right"), len(edges) - 1)  # (B,)
        noise = normals(seed, indices, self.latent_dim, skip=_UNIFORMS_BEFORE_NORMALS)
        latents = np.empty((len(indices), self.latent_dim))
        for k in np.unique(component):
            rows = np.flatnonzero(component == k)
            # Not a matrix product: how BLAS sums may depend on the number of rows, and so on the neighbours.
            deviation = (self.factors[k] * noise[rows, None, :]).sum(axis=-1)  # (B_k, Z, Z) -> (B_k, Z)
            latents[rows] = self.means[k] + temperature * deviation
        return latents.astype(np.float32)

    def log_density(self, latents: np.ndarray) -> np.ndarray:
        """Natural logarithm of the density at each latent: (B, Z) -> (B,), float64."""
        parts = np.empty((len(latents), len(self.weights)))
        for k, (weight, mean, factor) in enumerate(zip(self.weights, self.means, self.factors, strict=True)):
            scaled = np.linalg.solve(factor, (latents - mean).T)  # (Z, B)
            log_scale = np.log(np.diagonal(factor)).sum() + 0.5 * self.latent_dim * np.log(2.0 * np.pi)
            parts[:, k] = np.log(weight) - 0.5 * np.square(scaled).sum(axis=0) - log_scale
        total: np.ndarray = np.logaddexp.reduce(parts, axis=1)
        return total

    def tensors(self) -> dict[str, np.ndarray]:
        """What a checkpoint stores of it, by tensor name, float32."""
        values = (self.weights, self.means, self.factors)
        return {name: value.astype(np.float32) for name, value in zip(TENSOR_NAMES, values, strict=True)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray], latent_dim: int, *, where: str) -> Prior:
        """The prior that `tensors` hold. Raises BadCheckpoint naming the tensor of `where` that is at fault."""
        weights, means, factors = (np.asarray(tensors[name], dtype=np.float64) for name in TENSOR_NAMES)
        if weights.ndim != 1 or len(weights) == 0 or (weights < 0).any() or not weights.sum() > 0:
            raise BadCheckpoint(f"{where}: tensor prior.weights of shape {weights.shape} is not a list of shares")
        K = len(weights)
        for name, array, expected in (
            ("prior.means", means, (K, latent_dim)),
            ("prior.factors", factors, (K, latent_dim, latent_dim)),
        ):
            if array.shape != expected:
                raise BadCheckpoint(f"{where}: tensor {name} has shape {array.shape}: {expected} is expected")
        if not np.isfinite(factors).all() or not (np.diagonal(factors, axis1=1, axis2=2) > 0.0).all():
            raise BadCheckpoint(f"{where}: tensor prior.factors holds a covariance that has no inverse")
        return cls(weights, means, factors)


def load_prior(info: CheckpointInfo) -> Prior:
    """The prior of a checkpoint, without torch. Raises BadCheckpoint."""
    return Prior.from_tensors(read_tensors(info, TENSOR_NAMES), info.config.latent_dim, where=str(info.path))
