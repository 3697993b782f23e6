"""Fréchet distance of two sets of points, each taken as a Gaussian."""

from __future__ import annotations

import numpy as np

from vae_core.evaluation.subject import Floats


def frechet_distance(points: Floats, others: Floats) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets of points, (N, D) and (M, D), N and M at least 2.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2): Dowson and Landau, "The Fréchet distance between multivariate
    normal distributions", 1982. Covariances may be singular. It is biased upwards by few points: compare only distances
    of sets of equal sizes.
    """
    first, second = _covariance(points), _covariance(others)
    root = _root(first)
    cross = np.linalg.eigvalsh(root @ second @ root)
    shift = points.mean(axis=0) - others.mean(axis=0)
    distance = shift @ shift + np.trace(first) + np.trace(second) - 2.0 * np.sqrt(cross.clip(min=0.0)).sum()
    return max(0.0, float(distance))


def _covariance(points: Floats) -> Floats:
    return np.cov(points, rowvar=False).reshape(points.shape[1], -1)  # (D, D), also when D is 1


def _root(covariance: Floats) -> Floats:
    """The symmetric square root of a covariance, (D, D); rounding may have made small eigenvalues negative."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    return root
