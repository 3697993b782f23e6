"""Notes of attempts: read by others as they were written, and taken back."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Bench
from vae_core.jobs.job import Failure
from vae_core.jobs.layout import JobKeys
from worker.attempt_notes import AttemptNotes
from worker.attempts import Attempt, Course


def test_notes_tell_what_was_in_hand_when_they_are_read_by_another(bench: Bench) -> None:
    notes = AttemptNotes(bench.store, bench.hints, "box:1")
    others = AttemptNotes(bench.store, bench.hints, "box:2")
    note = notes.begin("j", 2, "t", Course(4, alone_from=0))
    began = Attempt(number=4, worker="box:1", one_by_one=True)
    assert others.of_part("j", 2) == [began]
    note.take(5)
    assert [attempt.item for attempt in others.of_part("j", 2)] == [5]
    note.items_over()
    assert [(attempt.item, attempt.outside) for attempt in others.of_part("j", 2)] == [(None, True)]
    notes.remove(note)
    assert others.of_part("j", 2) == []


def test_failure_is_held_against_the_item_in_hand_when_it_is_not_from_outside(bench: Bench) -> None:
    notes = AttemptNotes(bench.store, bench.hints, "box:1")
    failure = Failure(code="failed", message="no")
    for token, outside in (("a", False), ("b", True)):
        note = notes.begin("j", 2, token, Course(4, alone_from=0))
        note.take(5)
        note.fail(failure, outside=outside)
    assert [(attempt.item, attempt.outside) for attempt in notes.of_part("j", 2)] == [(5, False), (None, True)]


def test_attempt_has_crashed_when_its_parent_has_said_so(bench: Bench) -> None:
    notes = AttemptNotes(bench.store, bench.hints, "box:1")
    for part, crashed in enumerate((True, False)):
        assert bench.hints.acquire("j", f"{part:05d}", "mine-1", 30, part)
        notes.begin("j", part, "mine-1", Course())
        bench.hints.release_of_dead("j", part, "other-", crashed=True)
        assert bench.hints.is_leased("j", f"{part:05d}")
        bench.hints.release_of_dead("j", part, "mine-", crashed=crashed)
        assert not bench.hints.is_leased("j", f"{part:05d}")
        if not crashed:
            bench.hints.forget("j")  # the one before had the same token
            bench.hints.release_of_dead("j", part, "mine-", crashed=crashed)
        assert [attempt.crashed for attempt in notes.of_part("j", part)] == [crashed]


@pytest.mark.parametrize("content", [b"", b"RuntimeError", b'{"number": "x"}'])
def test_attempt_counts_when_its_note_is_of_another_version(bench: Bench, content: bytes) -> None:
    bench.store.write(JobKeys("j").attempt(0, "t"), content)
    assert AttemptNotes(bench.store, bench.hints, "box:1").of_part("j", 0) == [Attempt()]
