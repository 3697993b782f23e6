"""What stages cost, and what a machine can do at most at that price: arithmetic alone."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

Costs = Mapping[str, float]
"""Core-seconds for an image, by stage."""


def median_costs(runs: Sequence[Costs]) -> dict[str, float]:
    """The median of each stage over runs that have the same stages."""
    return {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}


def limit(costs: Costs, cores: int) -> float:
    """Images a second of a machine whose cores do nothing but these stages, and never wait."""
    return cores / sum(costs.values())


def slowest(costs: Costs) -> str:
    """The stage that binds."""
    return max(costs, key=lambda stage: costs[stage])
