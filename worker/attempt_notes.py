"""Attempts at a part, noted in the bucket while they last: a note that stays is of one that did not come back."""

from __future__ import annotations

import logging
import threading

import msgspec

from vae_core.errors import InvalidValue, ObjectMissing, QueueUnavailable, StoreError, StoreUnavailable
from vae_core.jobs.codec import from_json, to_json
from vae_core.jobs.job import Failure
from vae_core.jobs.layout import JobKeys
from vae_core.storage.base import Store
from worker.attempts import Attempt, Course
from worker.hints import Hints

log = logging.getLogger(__name__)


class AttemptNotes:
    """The notes that one process reads, writes and takes back."""

    def __init__(self, store: Store, hints: Hints, worker: str) -> None:
        self._store = store
        self._hints = hints
        self._worker = worker
        self._left: list[str] = []
        self._lock = threading.Lock()  # the end of one part and the beginning of the next may come here at once

    def of_part(self, job_id: str, part: int) -> list[Attempt]:
        """All that are noted at the part. Raises the store's errors."""
        found: dict[str, Attempt] = {}
        for note in self._store.list(JobKeys(job_id).attempts(part)):
            token = note.key.rpartition("/")[2]
            try:
                found[token] = from_json(self._store.read(note.key).data, Attempt, note.key)
            except ObjectMissing:
                continue  # it came back after all
            except InvalidValue:
                found[token] = Attempt()  # of another version of this code: it died all the same
        crashed = self._crashed(job_id) if found else set()
        return [msgspec.structs.replace(attempt, crashed=token in crashed) for token, attempt in found.items()]

    def begin(self, job_id: str, part: int, token: str, course: Course) -> AttemptNote:
        """Notes an attempt. Raises the store's errors."""
        key = JobKeys(job_id).attempt(part, token)
        note = AttemptNote(self._store, key, course, self._worker)
        try:
            note.write()
        except StoreUnavailable:
            self._leave(key)  # it may have been written for all that
            raise
        return note

    def remove(self, note: AttemptNote) -> None:
        """The attempt came back. If the note cannot be removed now, it is later."""
        self._leave(note.key)
        self.remove_left()

    def _leave(self, key: str) -> None:
        with self._lock:
            self._left.append(key)

    def remove_left(self) -> None:
        """Removes what could not be removed before; if that fails once more, nothing else is to suffer from it."""
        with self._lock:
            left, self._left = self._left, []
        if not left:
            return
        try:
            self._store.delete(left)
        except (StoreUnavailable, StoreError) as error:
            log.warning("the note of an attempt is deleted later: %s", error)
            with self._lock:
                self._left.extend(left)

    def _crashed(self, job_id: str) -> set[str]:
        try:
            return self._hints.crashed(job_id)
        except QueueUnavailable:
            return set()  # then it takes more deaths to tell


class AttemptNote:
    """The note of an attempt that goes on."""

    def __init__(self, store: Store, key: str, course: Course, worker: str) -> None:
        self.key = key
        self._store = store
        self._attempt = Attempt(number=course.number, worker=worker, one_by_one=course.alone_from is not None)

    def write(self) -> None:
        """Raises the store's errors, as all do that write it again."""
        self._store.write(self.key, to_json(self._attempt), content_type="application/json")

    def take(self, item: int) -> None:
        """The item is in hand, alone."""
        self._change(item=item)

    def items_over(self) -> None:
        """No item is in hand any more; the part is not committed yet."""
        self._change(item=None, outside=True)

    def fail(self, failure: Failure, *, outside: bool) -> None:
        """The attempt ends with this. outside: it is not the fault of the item in hand."""
        if outside:
            self._change(item=None, outside=True, failure=failure)
        else:
            self._change(failure=failure)

    def _change(self, **fields: object) -> None:
        self._attempt = msgspec.structs.replace(self._attempt, **fields)
        self.write()
