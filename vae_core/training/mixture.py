"""Gaussian mixtures fitted by expectation-maximisation, with covariances shrunk so that few points do not mislead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vae_core.model.prior import Prior, component_log_densities

_ITERATIONS = 60
_TOLERANCE = 1e-4


def fit_mixture(points: np.ndarray, components: int, *, shrinkage: float = 0.1, seed: int = 0) -> Prior:
    """The mixture of `components` Gaussians that fits `points` (N, Z), by EM (Dempster et al., 1977).

    shrinkage: share, 0 to 1, of each covariance that is replaced by the covariance of all points; a component that owns
    few points is shrunk more, as if Z further points had the common covariance.
    """
    points = np.asarray(points, dtype=np.float64)
    common = np.cov(points, rowvar=False, bias=True).reshape(points.shape[1], -1)
    common += 1e-6 * np.trace(common) / len(common) * np.eye(len(common))
    shares = _initial_shares(points, components, seed)
    previous = -np.inf
    for _ in range(_ITERATIONS):
        prior = _maximise(points, shares, common, shrinkage if components > 1 else 0.0)
        log_parts = component_log_densities(prior, points)
        log_total = np.logaddexp.reduce(log_parts, axis=1, keepdims=True)
        shares = np.exp(log_parts - log_total)
        score = float(log_total.mean())
        if score - previous < _TOLERANCE:
            break
        previous = score
    return prior


def best_mixture(points: np.ndarray, held_out: np.ndarray, counts: Sequence[int], *, seed: int = 0) -> Prior:
    """Of one mixture for each number of components, that under which `held_out` (M, Z) is most likely."""
    fitted = [fit_mixture(points, count, seed=seed) for count in counts]
    return max(fitted, key=lambda prior: float(prior.log_density(held_out).mean()))


def _initial_shares(points: np.ndarray, components: int, seed: int) -> np.ndarray:
    """Each point given to the nearest of some k-means centres: (N, K) of zeros and ones."""
    rng = np.random.default_rng(seed)
    centres = points[rng.choice(len(points), components, replace=False)]
    for _ in range(10):
        nearest = _squared_distances(points, centres).argmin(axis=1)
        for k in range(components):
            if (nearest == k).any():
                centres[k] = points[nearest == k].mean(axis=0)
    shares: np.ndarray = np.eye(components)[_squared_distances(points, centres).argmin(axis=1)]
    return shares


def _squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, Z), (K, Z) -> (N, K)."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(centres).sum(axis=1)
    distances: np.ndarray = squares - 2.0 * (points @ centres.T)
    return distances


def _maximise(points: np.ndarray, shares: np.ndarray, common: np.ndarray, shrinkage: float) -> Prior:
    """The M step. shares: (N, K), rows sum to 1."""
    Z = points.shape[1]
    counts = shares.sum(axis=0) + 1e-9  # (K,)
    means = (shares.T @ points) / counts[:, None]  # (K, Z)
    factors = np.empty((len(counts), Z, Z))
    for k, count in enumerate(counts):
        centred = points - means[k]
        covariance = (centred * shares[:, k, None]).T @ centred / count
        keep = (1.0 - shrinkage) * (1.0 if len(counts) == 1 else count / (count + Z))
        factors[k] = np.linalg.cholesky(keep * covariance + (1.0 - keep) * common)
    return Prior(counts / counts.sum(), means, factors)
