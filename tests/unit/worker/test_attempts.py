"""What becomes of a part whose attempts do not come back, and of the items in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vae_core.jobs.job import Failure
from vae_core.jobs.layout import JobKeys
from vae_core.storage.folder import FolderStore
from worker.attempts import Attempt, AttemptNotes, Course, course_after

DIED = Attempt(number=1)
FAILED = Failure(code="failed", message="RuntimeError: no")


def alone(number: int, item: int | None, failure: Failure | None = None) -> Attempt:
    return Attempt(number=number, one_by_one=True, item=item, failure=failure)


def after(*attempts: Attempt) -> Course:
    return course_after([DIED, DIED, DIED, *attempts], 3)


@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_all_items_are_done_together_when_few_attempts_have_died(deaths: int) -> None:
    assert course_after([DIED] * deaths, 3) == Course(deaths + 1, one_by_one=False)


def test_items_are_done_one_by_one_when_three_attempts_have_died() -> None:
    assert after() == Course(4, one_by_one=True)


def test_item_is_no_killer_when_it_was_in_hand_at_one_death() -> None:
    assert after(alone(4, 7)) == Course(5, one_by_one=True)


def test_item_is_a_killer_when_it_was_in_hand_at_two_deaths() -> None:
    assert after(alone(4, 7), alone(5, 7)) == Course(6, one_by_one=True, killers=frozenset({7}))


def test_item_is_no_killer_when_an_attempt_between_its_deaths_got_past_it() -> None:
    assert after(alone(4, 7), alone(5, 9), alone(6, 7)) == Course(7, one_by_one=True)


def test_killer_stays_one_when_a_later_attempt_that_left_it_out_got_further() -> None:
    course = after(alone(4, 7), alone(5, 7), alone(6, 9), alone(7, 9), alone(8, 12))
    assert course == Course(9, one_by_one=True, killers=frozenset({7, 9}))


def test_order_is_that_of_the_numbers_when_notes_are_listed_in_another() -> None:
    assert after(alone(6, 7), alone(4, 7), alone(5, 9)).killers == frozenset()


def test_part_is_given_up_when_it_fails_outside_of_its_items_one_by_one() -> None:
    assert after(alone(4, None, FAILED)).given_up == FAILED


def test_part_is_not_given_up_when_it_died_outside_of_its_items_twice() -> None:
    assert after(alone(4, None), alone(5, None)).given_up is None


def test_part_is_given_up_when_it_died_outside_of_its_items_three_times() -> None:
    given_up = after(alone(4, None), alone(5, None), alone(6, None)).given_up
    assert given_up is not None
    assert given_up.code == "worker_died"
    assert "6 attempts" in given_up.message


def test_part_is_given_up_when_no_machine_can_load_the_checkpoint() -> None:
    failure = Failure(code="bad_checkpoint", message="it is gone")
    assert course_after([Attempt(failure=failure)] * 3, 3).given_up == failure


def test_notes_tell_what_was_in_hand_when_they_are_read_by_another(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path))
    notes = AttemptNotes(store, "box:1")
    note = notes.begin("j", 2, "t", Course(4, one_by_one=True))
    note.write(item=5)
    found = AttemptNotes(store, "box:2").of_part("j", 2)
    assert found == [Attempt(number=4, worker="box:1", one_by_one=True, item=5)]
    notes.remove(note)
    assert notes.of_part("j", 2) == []


@pytest.mark.parametrize("content", [b"", b"RuntimeError", b'{"number": "x"}'])
def test_attempt_counts_when_its_note_is_of_another_version(tmp_path: Path, content: bytes) -> None:
    store = FolderStore(str(tmp_path))
    store.write(JobKeys("j").attempt(0, "t"), content)
    assert AttemptNotes(store, "box:1").of_part("j", 0) == [Attempt()]
