"""What becomes of a part whose attempts do not come back, and of the items in it."""

from __future__ import annotations

import random

import pytest

from vae_core.jobs.job import Failure
from worker.attempts import CRASHES_ALONE, DEATHS_ALONE, Attempt, Course, course_after

FAILED = Failure(code="failed", message="RuntimeError: no")
FIRST = 100  # position of the part's first item


def alone(item: int | None, *, crashed: bool = False, failure: Failure | None = None, outside: bool = False) -> Attempt:
    return Attempt(number=4, one_by_one=True, item=item, crashed=crashed, failure=failure, outside=outside)


def after(*attempts: Attempt) -> Course:
    """The course after three attempts that died with all items together, and these."""
    return course_after([Attempt(number=number) for number in (1, 2, 3)] + list(attempts), FIRST, 3)


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_all_items_are_done_in_batches_when_few_attempts_have_died(deaths: int) -> None:
    attempts = [Attempt(number=number + 1, crashed=True) for number in range(deaths)]
    assert course_after(attempts, FIRST, 3) == Course(deaths + 1)


def test_items_are_worked_on_alone_when_three_attempts_have_died() -> None:
    assert after() == Course(4, alone_from=FIRST)


def test_items_that_got_through_alone_are_done_in_batches_when_a_later_one_was_in_hand() -> None:
    assert after(alone(130), alone(117)) == Course(5, alone_from=130)


def test_item_is_a_killer_when_two_attempts_crashed_on_it() -> None:
    assert after(alone(107, crashed=True)).killers == {}
    course = after(alone(107, crashed=True), alone(107, crashed=True))
    assert {item: failure.code for item, failure in course.killers.items()} == {107: "worker_died"}
    assert course.given_up is None


def test_item_is_listed_with_what_it_raised_when_two_attempts_failed_on_it() -> None:
    assert after(alone(107, failure=FAILED), alone(107, failure=FAILED)).killers == {107: FAILED}


def test_item_is_a_killer_when_it_was_in_hand_at_many_deaths_of_unknown_cause() -> None:
    assert after(*[alone(107)] * (DEATHS_ALONE - 1)).killers == {}
    assert set(after(*[alone(107)] * DEATHS_ALONE).killers) == {107}


def test_killers_stay_killers_when_later_items_are_in_hand() -> None:
    course = after(*[alone(107, crashed=True)] * 2, *[alone(109, crashed=True)] * 2, alone(140))
    assert (set(course.killers), course.alone_from) == ({107, 109}, 140)


def test_number_is_above_all_others_when_a_note_before_was_taken_back() -> None:
    assert course_after([Attempt(number=1), Attempt(number=5)], FIRST, 3).number == 6


def test_all_items_are_worked_on_alone_again_when_those_that_got_through_crash_together() -> None:
    assert after(alone(130), alone(None, crashed=True), alone(None, crashed=True)).alone_from == FIRST


def test_part_is_given_up_when_it_fails_outside_of_its_items() -> None:
    assert after(alone(None, failure=FAILED, outside=True)).given_up == FAILED


def test_part_is_given_up_when_it_dies_three_times_with_all_items_done() -> None:
    assert after(*[alone(None, outside=True)] * 2).given_up is None
    given_up = after(*[alone(None, outside=True)] * 3).given_up
    assert given_up is not None
    assert (given_up.code, "3 attempts" in given_up.message) == ("worker_died", True)


def test_part_is_given_up_when_no_machine_can_load_the_checkpoint() -> None:
    failure = Failure(code="bad_checkpoint", message="it is gone")
    assert course_after([Attempt(failure=failure)] * 3, FIRST, 3).given_up == failure
    assert after(alone(None, failure=failure, outside=True)).given_up is None


def test_part_is_given_up_when_the_first_items_all_seem_to_be_killers() -> None:
    crashes = [alone(item, crashed=True) for item in (100, 100, 101, 101)]
    assert after(*crashes).given_up is None
    given_up = after(*crashes, *[alone(102, crashed=True)] * 2).given_up
    assert given_up is not None
    assert "may not be the items" in given_up.message


def test_part_is_not_given_up_when_as_many_killers_lie_among_good_items() -> None:
    assert after(*[alone(item, crashed=True) for item in (100, 100, 101, 101, 103, 103)]).given_up is None


def test_part_is_given_up_when_killers_have_no_end() -> None:
    assert after(*[alone(item, crashed=True) for item in range(101, 133, 2) for _ in range(2)]).given_up is not None


@pytest.mark.parametrize("items_between_kills", [20, 50, 200])
def test_no_innocent_item_is_listed_when_processes_are_killed_at_random(items_between_kills: int) -> None:
    draw = random.Random(items_between_kills)
    for _ in range(200):
        attempts = [Attempt(number=number) for number in (1, 2, 3)]
        while True:
            course = course_after(attempts, FIRST, 3)
            assert course.killers == {}
            assert course.given_up is None
            assert course.alone_from is not None
            killed_at = course.alone_from + int(draw.expovariate(1 / items_between_kills))
            if killed_at >= FIRST + 512:
                break
            attempts.append(Attempt(number=course.number, one_by_one=True, item=killed_at))


@pytest.mark.parametrize("crashes", [True, False])
def test_only_the_killer_is_listed_when_it_kills_each_process(crashes: bool) -> None:
    attempts = [Attempt(number=number, crashed=crashes) for number in (1, 2, 3)]
    while 123 not in (course := course_after(attempts, FIRST, 3)).killers:
        attempts.append(Attempt(number=course.number, one_by_one=True, item=123, crashed=crashes))
    assert set(course.killers) == {123}
    assert len(attempts) == 3 + (CRASHES_ALONE if crashes else DEATHS_ALONE)
