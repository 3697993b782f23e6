"""Gaussian mixtures fitted by expectation-maximisation, with covariances shrunk so that few points do not mislead."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vae_core.model.prior import Prior

_ITERATIONS = 60
_CENTRE_ITERATIONS = 10
_TOLERANCE = 1e-3
_MIN_VARIANCE = 1e-6  # so that points which are all the same have a Gaussian too


def fit_mixture(points: np.ndarray, components: int, *, shrinkage: float = 0.1, seed: int = 0) -> Prior:
    """The mixture of `components` Gaussians that fits `points` (N, Z), by EM (Dempster et al., 1977).

    shrinkage: share, 0 to 1, of each covariance that is replaced by the covariance of all points; a component that owns
    few points is shrunk more, as if Z further points had the common covariance.
    """
    rows = torch.from_numpy(np.asarray(points, dtype=np.float64))
    common = torch.cov(rows.T, correction=0).reshape(rows.shape[1], -1)  # (Z, Z), also when Z is 1
    least = 1e-6 * common.diagonal().mean().clamp(min=_MIN_VARIANCE)
    common += least * torch.eye(len(common), dtype=torch.float64)
    shares = _initial_shares(rows, components, seed)
    previous = -math.inf
    for _ in range(_ITERATIONS):
        weights, means, factors = _maximise(rows, shares, common, shrinkage)
        log_parts = _log_densities(rows, weights, means, factors)
        log_total = log_parts.logsumexp(dim=1, keepdim=True)  # (N, 1)
        shares = torch.exp(log_parts - log_total)
        score = float(log_total.mean())
        if score - previous < _TOLERANCE:
            break
        previous = score
    return Prior(weights.numpy(), means.numpy(), factors.numpy())


def best_mixture(points: np.ndarray, held_out: np.ndarray, counts: Sequence[int], *, seed: int = 0) -> Prior:
    """Of one mixture for each number of components, that under which `held_out` (M, Z) is most likely."""
    fitted = [fit_mixture(points, count, seed=seed) for count in counts]
    return max(fitted, key=lambda prior: float(prior.log_density(held_out).mean()))


def _initial_shares(points: Tensor, components: int, seed: int) -> Tensor:
    """Each point given to the nearest of some k-means centres: (N, K) of zeros and ones."""
    chosen = np.random.default_rng(seed).choice(len(points), components, replace=False)
    centres = points[torch.from_numpy(chosen)].clone()
    for _ in range(_CENTRE_ITERATIONS):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        for k in range(components):
            if (nearest == k).any():
                centres[k] = points[nearest == k].mean(dim=0)
    return torch.nn.functional.one_hot(torch.cdist(points, centres).argmin(dim=1), components).double()


def _maximise(points: Tensor, shares: Tensor, common: Tensor, shrinkage: float) -> tuple[Tensor, Tensor, Tensor]:
    """The M step: weights (K,), means (K, Z), Cholesky factors (K, Z, Z). shares: (N, K), rows sum to 1."""
    K, Z = shares.shape[1], points.shape[1]
    counts = shares.sum(dim=0) + 1e-9  # (K,)
    means = (shares.T @ points) / counts[:, None]  # (K, Z)
    factors = torch.empty((K, Z, Z), dtype=torch.float64)
    for k in range(K):
        centred = points - means[k]
        covariance = (centred * shares[:, k, None]).T @ centred / counts[k]
        # One component alone is the common Gaussian.
        keep = 0.0 if K == 1 else (1.0 - shrinkage) * float(counts[k] / (counts[k] + Z))
        factors[k] = torch.linalg.cholesky(torch.lerp(common, covariance, keep))
    return counts / counts.sum(), means, factors


def _log_densities(points: Tensor, weights: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """log(weight_k N(z; mean_k, F_k F_k^T)) of each point and component: (N, K)."""
    columns = []
    for weight, mean, factor in zip(weights, means, factors, strict=True):
        scaled = torch.linalg.solve_triangular(factor, (points - mean).T, upper=False)  # (Z, N)
        log_scale = factor.diagonal().log().sum() + 0.5 * len(mean) * math.log(2.0 * math.pi)
        columns.append(weight.log() - 0.5 * scaled.square().sum(dim=0) - log_scale)
    return torch.stack(columns, dim=1)
