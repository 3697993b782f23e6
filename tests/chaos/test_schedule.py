"""A schedule is a function of its seed."""

from __future__ import annotations

from collections import Counter

from tests.chaos.faults import ALL_KINDS, kinds_for
from tests.chaos.grounds import STORES
from tests.chaos.leases import Claim, Handover, Span, recoveries
from tests.chaos.schedule import make_schedule

KINDS = ("a", "b", "c", "d", "e")


def test_schedule_is_the_same_when_the_seed_is() -> None:
    assert make_schedule(1, 200, KINDS, 2) == make_schedule(1, 200, KINDS, 2)


def test_schedule_is_another_when_the_seed_is() -> None:
    assert make_schedule(1, 200, KINDS, 2) != make_schedule(2, 200, KINDS, 2)


def test_schedule_begins_the_same_when_it_is_longer() -> None:
    assert make_schedule(3, 200, KINDS, 2)[:12] == make_schedule(3, 12, KINDS, 2)


def test_every_kind_comes_equally_often_when_there_are_many_faults() -> None:
    counts = Counter(fault.kind for fault in make_schedule(4, 52, KINDS, 2))
    assert set(counts) == set(KINDS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_every_machine_is_hit_when_there_are_many_faults() -> None:
    assert {fault.machine for fault in make_schedule(5, 50, KINDS, 2)} == {0, 1}


def test_every_kind_is_for_some_store() -> None:
    assert {kind for store in STORES for kind in kinds_for(store)} == set(ALL_KINDS)


def test_recovery_is_counted_from_the_fault_that_hit_the_holder() -> None:
    faults = [Span(10.0, 10.1), Span(20.0, 24.0), Span(30.0, 30.1)]
    part = Claim("job", "00003")
    found = [
        Handover(part, alive_at=9.5, at=14.0),  # renewed before the first fault, and never after it
        Handover(part, alive_at=22.0, at=27.0),  # lived on for a while in the second, which went on
        Handover(part, alive_at=29.0, at=33.5),
        Handover(part, alive_at=35.0, at=39.0),  # nothing was done to it
    ]
    assert [(number, round(seconds, 1)) for number, seconds, _ in recoveries(found, faults)] == [
        (0, 4.0),
        (1, 7.0),
        (2, 3.5),
    ]
