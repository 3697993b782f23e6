"""Attempts at a part, noted in the bucket while they last: a note that stays is of one that did not come back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from vae_core.errors import BadCheckpoint, InvalidValue, ObjectMissing, StoreUnavailable
from vae_core.jobs.codec import from_json, to_json
from vae_core.jobs.job import Failure
from vae_core.jobs.layout import JobKeys
from vae_core.storage.base import Store

log = logging.getLogger(__name__)

LONE_DEATHS = 2


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`attempts/00000/<token>`.

    number: 1 for the first attempt at the part, one more than those that were noted when it began. worker: `host:pid`.
    item: position of the item in hand, where the items are worked on one at a time; None before the first one and after
    the last. failure: what the attempt ended with, where it could still say so.
    """

    number: int = 1
    worker: str = ""
    one_by_one: bool = False
    item: int | None = None
    failure: Failure | None = None


class Course(NamedTuple):
    """How the next attempt is to go.

    number: its own. one_by_one: one item at a time, so that one that kills its process is found. killers: positions of
    those that were found, not to be touched again. given_up: why there is to be no further attempt.
    """

    number: int
    one_by_one: bool
    killers: frozenset[int] = frozenset()
    given_up: Failure | None = None


def course_after(attempts: Sequence[Attempt], max_attempts: int) -> Course:
    """What the attempts that did not come back suggest.

    From `max_attempts` of them on, the items are worked on one at a time. An item that was in hand, alone, in
    LONE_DEATHS attempts that died is a killer, unless one in between got past it: whoever kills processes at random
    hardly hits the same item twice. The part is given up only for what is wrong outside of any item, or where the
    checkpoint cannot be loaded.
    """
    number = len(attempts) + 1
    if len(attempts) < max_attempts:
        return Course(number, one_by_one=False)
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None]
    unloaded = [failure for failure in failures if failure.code == BadCheckpoint.code]
    if len(unloaded) >= max_attempts:
        return Course(number, one_by_one=False, given_up=unloaded[0])
    alone = sorted((attempt for attempt in attempts if attempt.one_by_one), key=lambda attempt: attempt.number)
    outside = [attempt for attempt in alone if attempt.item is None]
    failure = next((attempt.failure for attempt in outside if attempt.failure is not None), None)
    if failure is None and len(outside) >= max_attempts:
        failure = Failure(
            code="worker_died",
            message=f"{len(attempts)} attempts at the part did not come back: see the worker's log",
        )
    return Course(number, one_by_one=True, killers=_killers(alone), given_up=failure)


def _killers(alone: Sequence[Attempt]) -> frozenset[int]:
    """alone: in the order in which they began. Items are taken in order, so a later one clears those before."""
    deaths: dict[int, int] = {}
    for attempt in alone:
        if attempt.item is None:
            continue
        deaths = {item: count for item, count in deaths.items() if item >= attempt.item or count >= LONE_DEATHS}
        deaths[attempt.item] = deaths.get(attempt.item, 0) + 1
    return frozenset(item for item, count in deaths.items() if count >= LONE_DEATHS)


class AttemptNotes:
    """The notes of one worker process."""

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._left: list[str] = []

    def of_part(self, job_id: str, part: int) -> list[Attempt]:
        """All that are noted at the part."""
        found = []
        for note in self._store.list(JobKeys(job_id).attempts(part)):
            try:
                found.append(from_json(self._store.read(note.key).data, Attempt, note.key))
            except ObjectMissing:
                continue  # it came back after all
            except InvalidValue:
                found.append(Attempt())  # of another version of this code: it died all the same
        return found

    def begin(self, job_id: str, part: int, token: str, course: Course) -> AttemptNote:
        """Notes an attempt. Raises the store's errors."""
        key = JobKeys(job_id).attempt(part, token)
        note = AttemptNote(self._store, key, course, self._worker)
        note.write()
        return note

    def remove(self, note: AttemptNote) -> None:
        """The attempt came back. If it cannot be removed now, it is later: that must not replace what it came to."""
        self._left.append(note.key)
        try:
            self.remove_left()
        except StoreUnavailable as error:
            log.warning("the note of an attempt is deleted later: %s", error)

    def remove_left(self) -> None:
        """Removes what could not be removed before. Raises the store's errors."""
        if self._left:
            self._store.delete(self._left)
            self._left.clear()


class AttemptNote:
    """The note of an attempt that goes on."""

    def __init__(self, store: Store, key: str, course: Course, worker: str) -> None:
        self.key = key
        self._store = store
        self._attempt = Attempt(number=course.number, worker=worker, one_by_one=course.one_by_one)

    def write(self, *, item: int | None = None, failure: Failure | None = None) -> None:
        """Notes what is in hand, or what the attempt ended with. Raises the store's errors."""
        attempt = msgspec.structs.replace(self._attempt, item=item, failure=failure)
        self._store.write(self.key, to_json(attempt), content_type="application/json")
