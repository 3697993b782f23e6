"""What becomes of a part whose attempts did not come back, and of the items in it. Pure: notes in, a course out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from vae_core.errors import BadCheckpoint
from vae_core.jobs.job import Failure

CRASHES_ALONE = 2
DEATHS_ALONE = 6
DEATHS_OUTSIDE = 3
KILLERS_FROM_THE_FIRST = 3
KILLERS = 16

_KILLER = Failure(
    code="worker_died",
    message="each process that worked on it alone died: see the worker's log, and leave it out or mend it",
)
_SICK = Failure(
    code="worker_died",
    message=(
        "too many items kill the processes that work on them, so it may not be the items: see the worker's log, then "
        "`vaejob resume`"
    ),
)


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`attempts/00000/<token>`: an attempt that goes on, or that did not come back.

    number: 1 for the first attempt at the part, one more than the highest of those that were noted when it began.
    worker: `host:pid`. one_by_one: whether items are worked on alone. item: position of the one in hand, alone.
    outside: all items are done, or what failed had nothing to do with any. failure: what the attempt ended with, where
    it could still say so. crashed: the process ended by its own doing, as by a fault in a C library, and by no signal
    from outside, as far as its parent could tell; Redis remembers that, not the note.
    """

    number: int = 1
    worker: str = ""
    one_by_one: bool = False
    item: int | None = None
    outside: bool = False
    failure: Failure | None = None
    crashed: bool = False


class Course(NamedTuple):
    """How the next attempt is to go.

    number: its own. alone_from: the position from which on each item is worked on alone, so that one that kills its
    process is found; the ones before it got through alone already. None: all in batches. killers: what is to be listed
    of those that were found, by position; they are not touched again. given_up: why there is to be no further attempt.
    """

    number: int = 1
    alone_from: int | None = None
    killers: Mapping[int, Failure] = MappingProxyType({})
    given_up: Failure | None = None


def course_after(attempts: Sequence[Attempt], first: int, max_attempts: int) -> Course:
    """What the attempts that did not come back suggest. first: position of the part's first item.

    From `max_attempts` of them on, each item is worked on alone, from the furthest that was in hand so far. A killer is
    one that was in hand in CRASHES_ALONE attempts that crashed or failed, or in DEATHS_ALONE that died of whatever: who
    kills processes at random hardly hits one item so often. The part is given up only for what is not the fault of
    single items: a checkpoint that cannot be loaded, what fails outside of items, killers wherever one looks.
    """
    number = max((attempt.number for attempt in attempts), default=0) + 1
    if len(attempts) < max_attempts:
        return Course(number)
    unloaded = [failure for failure in _failures(attempts) if failure.code == BadCheckpoint.code]
    if len(unloaded) >= max_attempts:
        return Course(number, given_up=unloaded[0])
    alone = [attempt for attempt in attempts if attempt.one_by_one]
    furthest = max((attempt.item for attempt in alone if attempt.item is not None), default=first)
    killers = _killers(alone)
    passed = furthest - first - sum(item < furthest for item in killers)
    among_passed = sum(_crashed(attempt) for attempt in alone if attempt.item is None and not attempt.outside)
    return Course(
        number,
        alone_from=furthest if among_passed < CRASHES_ALONE else first,
        killers=killers,
        given_up=_reason_to_give_up([attempt for attempt in alone if attempt.outside], len(killers), passed),
    )


def _killers(alone: Sequence[Attempt]) -> dict[int, Failure]:
    deaths: dict[int, list[Attempt]] = {}
    for attempt in alone:
        if attempt.item is not None:
            deaths.setdefault(attempt.item, []).append(attempt)
    return {
        item: next(iter(_failures(found)), _KILLER)
        for item, found in sorted(deaths.items())
        if sum(map(_crashed, found)) >= CRASHES_ALONE or len(found) >= DEATHS_ALONE
    }


def _reason_to_give_up(outside: Sequence[Attempt], killers: int, passed: int) -> Failure | None:
    """outside: attempts that died or failed there. passed: how many items got through alone."""
    failures = [failure for failure in _failures(outside) if failure.code != BadCheckpoint.code]
    if failures:
        return failures[0]
    if len(outside) >= DEATHS_OUTSIDE:
        message = f"{len(outside)} attempts died with all items of the part done: see the worker's log"
        return Failure(code="worker_died", message=message)
    if killers >= KILLERS or (killers >= KILLERS_FROM_THE_FIRST and not passed):
        return _SICK
    return None


def _crashed(attempt: Attempt) -> bool:
    return attempt.crashed or attempt.failure is not None


def _failures(attempts: Sequence[Attempt]) -> list[Failure]:
    return [attempt.failure for attempt in attempts if attempt.failure is not None]
