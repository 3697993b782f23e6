"""What a soak has come to, and what of it is wrong.

Throughput may not sag: of the items that the first quarter after the warm-up makes, the last quarter makes LEAST_RATIO
at least, each by the CPU time that other programs left. Where no others run, that is the ratio of the items a minute;
where they do, it still falls when the work takes more CPU time than it did, or leaves time unused that it did not.
Quarters of less than a minute hold too few jobs to be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.load.crew import Crew
from tests.load.ends import end_problems
from tests.load.events import ACCEPTED, Ended
from tests.load.orders import Order
from tests.load.processes import Sample, Trends, Watch, trends_of
from tests.load.trends import descriptors_grow, memory_grows, threads_grow

LEAST_RATIO = 0.85
SHORT_QUARTER_S = 60.0
WARM_UP = 1 / 3


@dataclass(frozen=True, slots=True)
class Rate:
    """Of a quarter of the time, by the jobs that ended in it.

    jobs, items: a minute. cpu_s: what the machine used for an item. free_items: for each CPU second that was there.
    """

    jobs: float
    items: float
    cpu_s: float
    free_items: float


@dataclass
class Outcome:
    """All that a soak has come to. judged_s: after the warm-up. keys: in Redis, at each sample from the beginning."""

    store: str
    minutes: float
    judged_s: float
    first: Rate
    last: Rate
    jobs: int
    items: int
    errors: int
    removed: int
    trends: Mapping[str, Trends]
    series: Mapping[str, Sequence[Sample]]
    keys: Sequence[int]
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems

    @property
    def ratio(self) -> float:
        """Of the throughput at the beginning, what there is at the end, for the CPU time that was there."""
        return self.last.free_items / self.first.free_items if self.first.free_items else 0.0

    @property
    def sags(self) -> bool:
        return self.judged_s / 4 >= SHORT_QUARTER_S and self.ratio < LEAST_RATIO


def judge(
    store: str, crew: Crew, orders: Sequence[Order], watch: Watch, span: tuple[float, float], keys: Sequence[int]
) -> Outcome:
    """span: when the clock started and ended, in monotonic seconds. keys: as in Outcome."""
    began, ended = span
    judged = began + (ended - began) * WARM_UP
    quarter = (ended - judged) / 4
    trends = {name: trends_of(samples) for name, samples in watch.since(judged).items() if len(samples) > 1}
    outcome = Outcome(
        store=store,
        minutes=(ended - began) / 60,
        judged_s=ended - judged,
        first=_rate(crew.ended, watch, judged, judged + quarter),
        last=_rate(crew.ended, watch, ended - quarter, ended),
        jobs=len(crew.ended),
        items=sum(one.done for one in crew.ended),
        errors=sum(one.errors for one in crew.ended),
        removed=len(crew.removed),
        trends=trends,
        series=watch.series,
        keys=keys,
        problems=[*crew.problems, *(f"process {name} has ended" for name in watch.gone)],
    )
    outcome.problems.extend(_submission_problems(crew))
    outcome.problems.extend(end_problems(crew.ended, orders))
    outcome.problems.extend(growth_problems(trends))
    if outcome.sags:
        outcome.problems.append(f"throughput sags to {outcome.ratio:.2f} of what it was, under {LEAST_RATIO:g}")
    return outcome


def growth_problems(trends: Mapping[str, Trends]) -> list[str]:
    """Processes that hold more and more."""
    found = [f"process {name}: its memory grows" for name, trend in trends.items() if memory_grows(trend.rss)]
    for name, trend in trends.items():
        fds, threads = trend.fds, trend.threads
        if descriptors_grow(fds):
            found.append(f"process {name}: its descriptors become more, from {fds.begin:g} to {fds.end:g}")
        if threads_grow(threads):
            found.append(f"process {name}: its threads become more, from {threads.begin:g} to {threads.end:g}")
    return found


def _rate(ended: Sequence[Ended], watch: Watch, begin: float, end: float) -> Rate:
    within = [one for one in ended if begin <= one.at < end]
    items, minutes = sum(one.done for one in within), (end - begin) / 60
    used_s, free_s = watch.used_s(begin, end), watch.free_s(begin, end)
    return Rate(
        jobs=len(within) / minutes,
        items=items / minutes,
        cpu_s=used_s / items if items else 0.0,
        free_items=items / free_s if free_s else 0.0,
    )


def _submission_problems(crew: Crew) -> list[str]:
    """Jobs that were not taken at once, and those that have not ended."""
    found = [f"job {one.job_id} ({one.order}) was {one.outcome}: {one.said}" for one in crew.asked if one.said]
    ends = {one.job_id for one in crew.ended}
    accepted = (one for one in crew.asked if one.outcome == ACCEPTED)
    found.extend(f"job {one.job_id} ({one.order}) has not ended" for one in accepted if one.job_id not in ends)
    return found
