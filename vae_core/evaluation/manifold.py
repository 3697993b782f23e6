"""Precision, recall, density and coverage: how two sets of points overlap, by nearest neighbours."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from vae_core.evaluation.subject import Floats

NEIGHBOURS = 5


class Overlap(NamedTuple):
    """precision, recall: shares of points in the other set's manifold (Kynkäänniemi et al., 2019). density, coverage:
    their robust kin (Naeem et al., 2020); density may be above 1.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def overlap(real: Floats, made: Floats, neighbours: int = NEIGHBOURS) -> Overlap:
    """How the points `made`, (M, D), overlap with `real`, (N, D); N and M above `neighbours`, else ValueError.

    A point lies in a set's manifold when it is nearer to one of its points than that point's `neighbours`-th neighbour
    within the set is. Precision and density suffer from bad images, recall and coverage from missing ones.
    """
    if min(len(real), len(made)) <= neighbours:
        raise ValueError(f"{len(real)} and {len(made)} points are too few for {neighbours} neighbours")
    real_radius, made_radius = _radius(real, neighbours), _radius(made, neighbours)
    distance = cdist(real, made)  # (N, M)
    in_real = distance < real_radius[:, None]
    return Overlap(
        precision=float(in_real.any(axis=0).mean()),
        recall=float((distance < made_radius[None, :]).any(axis=1).mean()),
        density=float(in_real.sum(axis=0).mean()) / neighbours,
        coverage=float(in_real.any(axis=1).mean()),
    )


def expected_coverage(real: int, made: int, neighbours: int = NEIGHBOURS) -> float:
    """Coverage that two sets of these sizes of the same distribution have on average (Naeem et al., 2020, lemma 2).

    One minus the chance that the `neighbours` points nearest to a real one are all real: about 1 - 0.5^neighbours.
    """
    return 1.0 - math.prod((real - place) / (real + made - place) for place in range(1, neighbours + 1))


def _radius(points: Floats, neighbours: int) -> Floats:
    """Distance of each point to its `neighbours`-th neighbour, (N,)."""
    distance = cdist(points, points)
    # The nearest is the point itself, whatever rounding makes of that distance.
    np.fill_diagonal(distance, -1.0)
    radius: Floats = np.partition(distance, neighbours, axis=1)[:, neighbours]
    return radius
