"""What a series of measurements comes to, and when it counts as growth.

Memory is judged by the Theil-Sen slope of the medians of a few blocks, so that neither a spike nor a single step makes
a trend, and samples that hang together do not narrow its interval. Even its lower 95 % bound, over the time that was
watched, must exceed what is allowed: 10 % of the memory at the beginning or 10 MiB, whichever is more, an hour. Less
than twenty minutes are given as much as twenty: an allocator's steps are no leak. Of descriptors and threads the fewest
in a quarter of the time count, as what leaks is never given back: in the last quarter two threads more than in the
first at most, and ten descriptors, as a store keeps up to eight folders open that it has just written to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import theilslopes

Numbers = Sequence[float] | NDArray[Any]

MIB = 2**20
GROWTH_SHARE = 0.1  # an hour
GROWTH_BYTES = 10 * MIB  # an hour
SHORTEST_H = 1 / 3
MORE_THREADS = 2
MORE_DESCRIPTORS = 10
_BLOCKS = 12


@dataclass(frozen=True, slots=True)
class Trend:
    """begin, end: level of the first and of the last quarter. peak: of all.

    slope: an hour, and the bounds of its 95 % interval. hours: from the first measurement to the last.
    """

    begin: float
    end: float
    peak: float
    slope: float
    low: float
    high: float
    hours: float


def trend_of(times_s: Numbers, values: Numbers, level: Callable[[NDArray[Any]], Any] = np.median) -> Trend:
    """times_s: ascending, of each value. level: of the values of a quarter, for `begin` and `end`.

    Raises ValueError where there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} measurements have no trend: two at least are expected")
    hours = np.asarray(times_s, dtype=float) / 3600
    found = np.asarray(values, dtype=float)
    blocks = np.array_split(np.arange(len(found)), min(_BLOCKS, len(found)))
    at = [float(np.mean(hours[block])) for block in blocks]
    medians = [float(np.median(found[block])) for block in blocks]
    slope, _, low, high = (float(value) for value in theilslopes(medians, at, 0.95))
    quarter = math.ceil(len(found) / 4)
    return Trend(
        begin=float(level(found[:quarter])),
        end=float(level(found[-quarter:])),
        peak=float(found.max()),
        slope=slope,
        low=low,
        high=high,
        hours=float(hours[-1] - hours[0]),
    )


def handle_trend_of(times_s: Numbers, values: Numbers) -> Trend:
    """Of numbers of descriptors or threads, which come and go: `begin` and `end` are the fewest."""
    return trend_of(times_s, values, np.min)


def allowed_bytes_an_hour(begin_bytes: float) -> float:
    return max(GROWTH_SHARE * begin_bytes, GROWTH_BYTES)


def memory_grows(trend: Trend) -> bool:
    """Whether memory, in bytes, grows by more than is allowed, beyond its noise."""
    allowed = allowed_bytes_an_hour(trend.begin) * max(trend.hours, SHORTEST_H)
    return trend.low * trend.hours > allowed


def descriptors_grow(trend: Trend) -> bool:
    return trend.end - trend.begin > MORE_DESCRIPTORS


def threads_grow(trend: Trend) -> bool:
    return trend.end - trend.begin > MORE_THREADS


def percentiles(values: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Of each share in [0, 100]; NaN where there are no values."""
    if not values:
        return [math.nan] * len(shares)
    return [float(value) for value in np.percentile(np.asarray(values, dtype=float), list(shares))]
