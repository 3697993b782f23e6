"""What a run has come to, as a table for people and as plain data."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

from tests.chaos.campaign import Outcome, Survived
from tests.chaos.faults import kinds_for


def lines(outcome: Outcome) -> Iterator[str]:
    """The table, and below it what is wrong."""
    yield f"store {outcome.store}, seed {outcome.seed}: {'passed' if outcome.passed else 'FAILED'}"
    yield f"  faults survived {len(outcome.faults)}, jobs {outcome.jobs}, items {outcome.items:,}"
    yield (
        f"  items lost {outcome.lost}, files or lines that differ {outcome.differing}, jobs stuck {outcome.stuck}, "
        f"items done twice {outcome.done_twice:,}"
    )
    yield (
        f"  machines that gave up and were started again {outcome.given_up}, "
        f"leases that changed hands without a fault {outcome.unattributed}, seconds {outcome.seconds:,.0f}"
    )
    yield ""
    yield f"  {'':<20}{'lost and taken again*':>24}{'next commit':>22}"
    yield f"  {'fault':<14}{'times':>6}{'times':>8}{'median s':>9}{'most s':>7}{'median s':>15}{'most s':>7}"
    for kind in kinds_for(outcome.store):
        if kind in outcome.not_possible:
            yield f"  {kind:<14}  not possible here: {outcome.not_possible[kind]}"
            continue
        faults = [fault for fault in outcome.faults if fault.planned.kind == kind]
        yield f"  {kind:<14}{len(faults):>6}{_figures(faults)}"
    yield "  * where another worker was up, if not idle, and before the next fault"
    yield ""
    yield from (f"  {problem}" for problem in outcome.problems)


def _figures(faults: Sequence[Survived]) -> str:
    recovered = [seconds for fault in faults if fault.others_up for seconds in fault.recovered_s]
    commits = [fault.next_commit_s for fault in faults if fault.next_commit_s]
    return f"{len(recovered):>8}{_median(recovered):>9}{_most(recovered):>7}{_median(commits):>15}{_most(commits):>7}"


def _median(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f}" if seconds else "-"


def _most(seconds: Sequence[float]) -> str:
    return f"{max(seconds):.1f}" if seconds else "-"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """For `--json`."""
    return {
        "store": outcome.store,
        "seed": outcome.seed,
        "passed": outcome.passed,
        "seconds": round(outcome.seconds, 1),
        "jobs": outcome.jobs,
        "items": outcome.items,
        "items_lost": outcome.lost,
        "differing": outcome.differing,
        "jobs_stuck": outcome.stuck,
        "items_done_twice": outcome.done_twice,
        "machines_given_up": outcome.given_up,
        "leases_changed_without_fault": outcome.unattributed,
        "not_possible": dict(outcome.not_possible),
        "problems": outcome.problems,
        "faults": [
            {
                "number": fault.planned.number,
                "kind": fault.planned.kind,
                "note": fault.note,
                "lasted_s": round(fault.span.ended_at - fault.span.began_at, 2),
                "next_commit_s": round(fault.next_commit_s, 2),
                "others_up": fault.others_up,
                "recovered_s": [round(seconds, 2) for seconds in fault.recovered_s],
                "overlapped_s": [round(seconds, 2) for seconds in fault.overlapped_s],
            }
            for fault in outcome.faults
        ],
    }
