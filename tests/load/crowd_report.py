"""What a crowd has come to, as a table for people and as plain data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.load.crowd_checks import by_id
from tests.load.events import ACCEPTED, COMMAND, CONFLICT, OTHER_SPEC, REFUSED, SAME_SPEC, WARM, Asked, Ended
from tests.load.trends import percentiles

SHARES = (50.0, 90.0, 99.0, 100.0)
_SHOWN = 20
_NUMBERS = re.compile(r"\b[\w.-]*\d[\w.-]*\b")


@dataclass
class Outcome:
    """All that a crowd has come to.

    began, stopped: when jobs began and ceased to be submitted, in monotonic seconds. look_s: how often a submitter
    looks whether its jobs have ended. left: keys in Redis at the end, by what they are about. warnings: lines of the
    workers' logs.
    """

    store: str
    machines: int
    submitters: int
    began: float
    stopped: float
    look_s: float
    asked: Sequence[Asked]
    ended: Sequence[Ended]
    left: Mapping[str, int]
    warnings: Sequence[str]
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems

    def counted(self, outcome: str, by: str) -> int:
        return sum(one.outcome == outcome and one.by == by for one in self.asked)

    def jobs(self) -> Mapping[str, Ended]:
        """The end of each job, as whoever saw it first did."""
        return {one.job_id: one for one in sorted(self.ended, key=lambda one: one.at, reverse=True)}

    def seconds(self) -> Mapping[str, Sequence[float]]:
        """What is told by percentiles, in seconds."""
        taken = [one for one in self.asked if one.outcome == ACCEPTED]
        warm = [one for one in taken if one.by == WARM]
        return {
            "submission, warm, to the store": [one.accepted_at - one.began_at for one in warm],
            "submission, warm, to the workers": [one.told_at - one.began_at for one in warm],
            "submission, whole command": [one.told_at - one.began_at for one in taken if one.by == COMMAND],
            f"acceptance to end, within {self.look_s:g} s": [one.at - one.accepted_at for one in self.jobs().values()],
        }

    def items_a_second(self) -> float:
        """From the beginning to the last end."""
        jobs = self.jobs().values()
        last = max((one.at for one in jobs), default=self.began)
        return sum(one.done for one in jobs) / (last - self.began) if last > self.began else 0.0

    def meetings(self, kind: str) -> Mapping[str, int]:
        """How many ids were given twice, how often both submissions went on at once, and what came of it."""
        pairs = [pair for pair in by_id(self.asked).values() if pair[0].meeting == kind and len(pair) == 2]
        return {
            "ids": len(pairs),
            "at_once": sum(max(a.began_at, b.began_at) < min(a.accepted_at, b.accepted_at) for a, b in pairs),
            "conflicts": sum(one.outcome == CONFLICT for pair in pairs for one in pair),
            "both_told_new": sum(a.created and b.created for a, b in pairs),
        }


def lines(outcome: Outcome) -> Iterator[str]:
    """The table, and below it what is wrong."""
    yield (
        f"crowd on {outcome.store}: {outcome.machines} workers, {outcome.submitters} submitters, "
        f"{(outcome.stopped - outcome.began) / 60:.1f} minutes: {'passed' if outcome.passed else 'FAILED'}"
    )
    jobs = outcome.jobs()
    yield (
        f"  submissions accepted {outcome.counted(ACCEPTED, WARM) + outcome.counted(ACCEPTED, COMMAND):,} "
        f"({outcome.counted(ACCEPTED, COMMAND):,} by the command), refused "
        f"{outcome.counted(REFUSED, WARM) + outcome.counted(REFUSED, COMMAND):,}; "
        f"jobs ended {len(jobs):,}, items made {sum(one.done for one in jobs.values()):,}, "
        f"{outcome.items_a_second():,.1f} a second"
    )
    same, other = outcome.meetings(SAME_SPEC), outcome.meetings(OTHER_SPEC)
    yield (
        f"  one id from two submitters with the same spec {same['ids']:,} ({same['at_once']:,} at once, both were told "
        f"that it is new {same['both_told_new']:,}); with another spec {other['ids']:,} ({other['at_once']:,} at once, "
        f"told the conflict {other['conflicts']:,})"
    )
    yield ""
    yield f"  {'seconds':<34}{'times':>7}{'p50':>9}{'p90':>9}{'p99':>9}{'most':>9}"
    for what, seconds in outcome.seconds().items():
        found = "".join(f"{value:>9.3f}" for value in percentiles(seconds, SHARES)) if seconds else ""
        yield f"  {what:<34}{len(seconds):>7,}{found}"
    yield ""
    said = Counter(one.said for one in outcome.asked if one.said and one.outcome == ACCEPTED)
    yield from (f"  submitters were told {times} times: {text}" for text, times in said.most_common(_SHOWN))
    for text, times in _kinds(outcome.warnings).most_common(_SHOWN):
        yield f"  workers warned {times} times: {text}"
    if outcome.left:
        yield f"  keys left in Redis: {', '.join(f'{what} {count}' for what, count in sorted(outcome.left.items()))}"
    yield from (f"  {problem}" for problem in outcome.problems[:_SHOWN])
    if len(outcome.problems) > _SHOWN:
        yield f"  and {len(outcome.problems) - _SHOWN} problems more"


def _kinds(warnings: Sequence[str]) -> Counter[str]:
    """Without what differs from one line to the next."""
    return Counter(_NUMBERS.sub("…", line.partition(" WARNING ")[2].strip()) for line in warnings)


def as_data(outcome: Outcome) -> dict[str, Any]:
    """For `--json`."""
    jobs = outcome.jobs()
    return {
        "store": outcome.store,
        "passed": outcome.passed,
        "minutes": round((outcome.stopped - outcome.began) / 60, 2),
        "machines": outcome.machines,
        "submitters": outcome.submitters,
        "accepted": outcome.counted(ACCEPTED, WARM) + outcome.counted(ACCEPTED, COMMAND),
        "accepted_by_command": outcome.counted(ACCEPTED, COMMAND),
        "refused": outcome.counted(REFUSED, WARM) + outcome.counted(REFUSED, COMMAND),
        "jobs_ended": len(jobs),
        "items": sum(one.done for one in jobs.values()),
        "items_a_second": round(outcome.items_a_second(), 2),
        "same_spec": dict(outcome.meetings(SAME_SPEC)),
        "other_spec": dict(outcome.meetings(OTHER_SPEC)),
        "seconds": {
            what: {
                "times": len(seconds),
                **{
                    f"p{share:g}": round(value, 4)
                    for share, value in zip(SHARES, percentiles(seconds, SHARES), strict=True)
                },
            }
            for what, seconds in outcome.seconds().items()
            if seconds
        },
        "keys_left_in_redis": dict(outcome.left),
        "warnings": dict(_kinds(outcome.warnings)),
        "problems": outcome.problems,
    }
