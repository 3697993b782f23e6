"""Gaussian mixtures fitted by expectation-maximisation, with covariances shrunk so that few points do not mislead.

Each covariance is drawn towards the mean of all of them, as in regularised discriminant analysis (Friedman, 1989).
Towards that of all points, which also holds how far the means lie apart, every component would be widened, and samples
would fall between the clusters: on 20,586 drawn cars that makes 2.1 to 2.6 times the Fréchet distance of real images
into 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.cluster import kmeans_plusplus
from torch import Tensor

from vae_core.errors import InvalidValue
from vae_core.model.prior import Prior

_ITERATIONS = 60
_CENTRE_ITERATIONS = 10
_TOLERANCE = 1e-3
_NEGLIGIBLE = 1e-9
_MIN_VARIANCE = 1e-6  # so that points which are all the same have a Gaussian too


def fit_mixture(points: np.ndarray, components: int, *, shrinkage: float = 0.25, seed: int = 0) -> Prior:
    """The mixture of `components` Gaussians that fits `points` (N, Z), by EM (Dempster et al., 1977).

    shrinkage: at least 0; each component counts as if it had `shrinkage` x Z points more, of the mean covariance.

    Raises InvalidValue where a point is not finite.
    """
    if not np.isfinite(points).all():
        raise InvalidValue("a mixture can be fitted to finite points only: some hold NaN or infinity")
    rows = torch.from_numpy(np.asarray(points, dtype=np.float64))
    spread = rows.var(dim=0, correction=0).mean()
    least = 1e-6 * spread.clamp(min=_MIN_VARIANCE) * torch.eye(rows.shape[1], dtype=torch.float64)  # (Z, Z)
    shares = _initial_shares(rows, components, seed)
    previous = -math.inf
    for _ in range(_ITERATIONS):
        weights, means, factors = _maximise(rows, shares, least, shrinkage)
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
    """Each point given to the nearest of some k-means centres, which start far apart: (N, K) of zeros and ones."""
    centres = torch.from_numpy(kmeans_plusplus(points.numpy(), components, random_state=seed)[0])  # (K, Z)
    for _ in range(_CENTRE_ITERATIONS):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        for k in range(components):
            if (nearest == k).any():
                centres[k] = points[nearest == k].mean(dim=0)
    return torch.nn.functional.one_hot(torch.cdist(points, centres).argmin(dim=1), components).double()


def _maximise(points: Tensor, shares: Tensor, least: Tensor, shrinkage: float) -> tuple[Tensor, Tensor, Tensor]:
    """The M step: weights (K,), means (K, Z), Cholesky factors (K, Z, Z).

    shares: (N, K), rows sum to 1. least: (Z, Z), added to covariances so that they have inverses.
    """
    Z = points.shape[1]
    counts = shares.sum(dim=0) + 1e-9  # (K,)
    means = (shares.T @ points) / counts[:, None]  # (K, Z)
    scatters = torch.stack([_scatter(points, mean, share) for mean, share in zip(means, shares.T, strict=True)])
    pooled = scatters.sum(dim=0) / len(points) + least  # (Z, Z)
    further = shrinkage * Z
    covariances = (scatters + further * pooled) / (counts + further)[:, None, None]  # (K, Z, Z)
    return counts / counts.sum(), means, torch.linalg.cholesky(covariances + least)


def _scatter(points: Tensor, mean: Tensor, shares: Tensor) -> Tensor:
    """Sum of the outer products of the deviations from `mean`, weighted by `shares` (N,): (Z, Z)."""
    own = shares > _NEGLIGIBLE  # a few of the points, as clusters in many dimensions hardly overlap
    centred = points[own] - mean
    return (centred * shares[own, None]).T @ centred


def _log_densities(points: Tensor, weights: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """log(weight_k N(z; mean_k, F_k F_k^T)) of each point and component: (N, K)."""
    columns = []
    for weight, mean, factor in zip(weights, means, factors, strict=True):
        scaled = torch.linalg.solve_triangular(factor, (points - mean).T, upper=False)  # (Z, N)
        log_scale = factor.diagonal().log().sum() + 0.5 * len(mean) * math.log(2.0 * math.pi)
        columns.append(weight.log() - 0.5 * scaled.square().sum(dim=0) - log_scale)
    return torch.stack(columns, dim=1)
