"""What a soak has come to, as a table for people and as plain data."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator
from typing import Any

from tests.load.processes import Trends
from tests.load.soak_verdict import Outcome
from tests.load.trends import MIB, SHORTEST_H, allowed_bytes_an_hour

_HEADS = (
    ("RSS MiB", 18),
    ("an hour (95 %)", 30),
    ("allowed", 8),
    ("USS MiB", 18),
    ("descriptors", 18),
    ("threads", 18),
)


def lines(outcome: Outcome) -> Iterator[str]:
    """The table, and below it what is wrong."""
    judged, verdict = outcome.judged_s / 60, "passed" if outcome.passed else "FAILED"
    yield f"soak on {outcome.store}: {outcome.minutes:.1f} minutes, the last {judged:.1f} judged: {verdict}"
    yield (
        f"  jobs ended {outcome.jobs:,}, removed {outcome.removed:,}, "
        f"items made {outcome.items:,}, listed as errors {outcome.errors:,}"
    )
    yield ""
    yield f"  {'':<20}{'first quarter':>15}{'last quarter':>15}{'ratio':>8}"
    for what, first, last in (
        ("jobs a minute", outcome.first.jobs, outcome.last.jobs),
        ("items a minute", outcome.first.items, outcome.last.items),
        ("CPU ms an item", 1000 * outcome.first.cpu_s, 1000 * outcome.last.cpu_s),
        ("items a free CPU s", outcome.first.free_items, outcome.last.free_items),
    ):
        ratio = f"{last / first:.2f}" if first else "-"
        yield f"  {what:<20}{first:>15,.1f}{last:>15,.1f}{ratio:>8}"
    yield ""
    yield f"  {'':<11}{''.join(head.rjust(width) for head, width in _HEADS)}"
    memory, handles = f"{'begin':>9}{'end':>9}", f"{'begin':>6}{'end':>6}{'peak':>6}"
    yield f"  {'':<11}{memory}{'':>38}{memory}{handles}{handles}"
    for name, trends in outcome.trends.items():
        yield f"  {name:<11}{_row(trends)}"
    if outcome.judged_s < 3600 * SHORTEST_H:
        yield f"  so short that memory may grow in all by what is allowed in {60 * SHORTEST_H:.0f} minutes"
    if outcome.keys:
        quarter = max(1, len(outcome.keys) // 4)
        begin, end = statistics.median(outcome.keys[:quarter]), statistics.median(outcome.keys[-quarter:])
        yield f"  keys in Redis: {begin:g} in the first quarter, {end:g} in the last, {max(outcome.keys)} at most"
    yield ""
    yield from (f"  {problem}" for problem in outcome.problems)


def _row(trends: Trends) -> str:
    rss, uss = trends.rss, trends.uss
    slope = f"{rss.slope / MIB:+.1f} ({rss.low / MIB:+.1f} to {rss.high / MIB:+.1f})"
    own = f"{uss.begin / MIB:>9.1f}{uss.end / MIB:>9.1f}" if uss is not None else f"{'-':>9}{'-':>9}"
    handles = "".join(f"{one.begin:>6g}{one.end:>6g}{one.peak:>6g}" for one in (trends.fds, trends.threads))
    allowed = allowed_bytes_an_hour(rss.begin) / MIB
    return f"{rss.begin / MIB:>9.1f}{rss.end / MIB:>9.1f}{slope:>30}{allowed:>8.1f}{own}{handles}"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """For `--json`: memory in bytes, times in monotonic seconds."""
    return {
        "store": outcome.store,
        "passed": outcome.passed,
        "minutes": round(outcome.minutes, 2),
        "judged_s": round(outcome.judged_s, 1),
        "jobs": outcome.jobs,
        "items": outcome.items,
        "errors": outcome.errors,
        "removed": outcome.removed,
        "first_quarter": dataclasses.asdict(outcome.first),
        "last_quarter": dataclasses.asdict(outcome.last),
        "ratio": round(outcome.ratio, 4),
        "trends": {name: _trends_as_data(trends) for name, trends in outcome.trends.items()},
        "samples": {name: [one._asdict() for one in series] for name, series in outcome.series.items()},
        "keys_in_redis": list(outcome.keys),
        "problems": outcome.problems,
    }


def _trends_as_data(trends: Trends) -> dict[str, Any]:
    return {what: None if one is None else dataclasses.asdict(one) for what, one in trends._asdict().items()}
