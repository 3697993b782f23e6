"""Slopes, what counts as growth, and percentiles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.load.trends import (
    MIB,
    descriptors_grow,
    handle_trend_of,
    memory_grows,
    percentiles,
    threads_grow,
    trend_of,
)

HALF_HOUR_S = np.arange(0, 1800, 5.0)
MINUTE_S = np.arange(0, 60, 1.0)


def noise(count: int, deviation: float) -> np.ndarray:
    return np.random.default_rng(1).normal(0, deviation, count)


def test_slope_is_found_an_hour_when_values_rise_evenly() -> None:
    trend = trend_of(HALF_HOUR_S, 100 + HALF_HOUR_S / 3600 * 12)
    assert trend.slope == pytest.approx(12)
    assert trend.low == pytest.approx(12)
    assert trend.hours == pytest.approx(0.5, abs=0.01)
    assert trend.begin == pytest.approx(100.75, abs=0.1)
    assert trend.end == pytest.approx(105.25, abs=0.1)


def test_interval_holds_the_slope_when_values_are_noisy() -> None:
    trend = trend_of(HALF_HOUR_S, 100 + HALF_HOUR_S / 3600 * 12 + noise(len(HALF_HOUR_S), 3))
    assert trend.low < 12 < trend.high
    assert trend.low > 0


def test_slope_is_flat_when_there_are_spikes_alone() -> None:
    values = np.full(len(HALF_HOUR_S), 50.0)
    values[::17] = 500
    trend = trend_of(HALF_HOUR_S, values)
    assert trend.slope == 0
    assert trend.peak == 500


def test_slope_is_refused_when_there_is_one_measurement() -> None:
    with pytest.raises(ValueError, match="two at least"):
        trend_of([0.0], [1.0])


def test_memory_grows_when_it_leaks_more_than_is_allowed() -> None:
    leak = 60 * MIB + HALF_HOUR_S / 3600 * 15 * MIB + noise(len(HALF_HOUR_S), MIB / 2)
    assert memory_grows(trend_of(HALF_HOUR_S, leak))


def test_memory_does_not_grow_when_the_leak_is_within_its_share() -> None:
    leak = 600 * MIB + HALF_HOUR_S / 3600 * 40 * MIB
    assert not memory_grows(trend_of(HALF_HOUR_S, leak))


def test_memory_does_not_grow_when_it_steps_once_and_stays() -> None:
    steps = np.where(HALF_HOUR_S < 120, 60.0, 68.0) * MIB
    assert not memory_grows(trend_of(HALF_HOUR_S, steps))


def test_memory_does_not_grow_when_a_short_run_settles() -> None:
    settling = (60 + MINUTE_S / 60 * 3) * MIB  # 180 MiB an hour, were it to go on
    assert not memory_grows(trend_of(MINUTE_S, settling))


def test_memory_grows_when_a_short_run_leaks_much() -> None:
    leak = (60 + MINUTE_S / 60 * 8) * MIB
    assert memory_grows(trend_of(MINUTE_S, leak))


def test_threads_grow_when_three_more_stay() -> None:
    assert threads_grow(handle_trend_of(MINUTE_S, np.where(MINUTE_S < 30, 20, 23)))
    assert not threads_grow(handle_trend_of(MINUTE_S, np.where(MINUTE_S < 30, 20, 22)))


def test_descriptors_grow_when_more_stay_than_a_store_keeps_open() -> None:
    assert descriptors_grow(handle_trend_of(MINUTE_S, np.where(MINUTE_S < 30, 20, 31)))
    assert not descriptors_grow(handle_trend_of(MINUTE_S, np.where(MINUTE_S < 30, 20, 28)))


def test_threads_do_not_grow_when_they_come_and_go() -> None:
    assert not threads_grow(handle_trend_of(MINUTE_S, 20 + 6 * ((MINUTE_S % 5 > 0) & (MINUTE_S > 30))))


def test_percentiles_are_found_when_there_are_values() -> None:
    assert percentiles(list(range(101)), [50, 90, 99, 100]) == [50, 90, 99, 100]


def test_percentiles_are_unknown_when_there_are_none() -> None:
    assert all(math.isnan(value) for value in percentiles([], [50, 99]))
