"""Removing a job and everything that lies below its own keys, so that breaking it off does no harm."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import ClassVar

from producer.calling import call_workers
from producer.ending import JobBusy, finish_lease, request_cancel
from producer.hints import Hints
from producer.lookup import LATEST, find_job
from producer.request import user_at_host
from producer.status import JobReader
from vae_core.documents import read_job
from vae_core.errors import BadDocument, InvalidValue, NoSuchJob, ObjectMissing, QueueUnavailable, TransientError
from vae_core.jobs.channels import FINISH_TASK
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.ids import JOB_ID
from vae_core.jobs.job import End, Job
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.settings import Settings
from vae_core.storage.base import Store
from vae_core.submission import ensure_open

LEASES_S = 30.0  # longer than a worker that was cut off keeps its claim
_PAUSE_S = 0.2
_ROUNDS = 20
_REMOVING = to_pretty_json({"asked_by": "vaejob rm", "removing": True})


class NotRemoved(TransientError):
    """A job cannot be removed as it is: a worker is at it, or none is there to end it."""

    code: ClassVar[str] = "not_removed"


def find_removable(store: Store, name: str, *, whole: bool) -> str:
    """The id of the job that is meant, which may be one that an earlier removal left half removed.

    whole: a beginning of an id is refused: asked twice for `a`, it would be `a-2` the second time.
    Raises NoSuchJob, and InvalidValue for a name that could be no id, that is a beginning, or of several jobs.
    """
    if name == LATEST or not JOB_ID.fullmatch(name):
        return find_job(store, name).job_id
    if next(store.list(JobKeys(name).root), None) is not None or store.stat(open_key(name)) is not None:
        return name
    found = find_job(store, name).job_id
    if whole:
        raise InvalidValue(f"JOB {name!r} is the beginning of an id: with --yes give all of it, {found}")
    return found


class Remover:
    """Removes one job after another.

    wait_s: how long an open job may take to end once it is cancelled. force: remove it even if no worker ends it.
    on_object: called for each object that is about to be removed.
    """

    def __init__(
        self,
        store: Store,
        hints: Hints,
        settings: Settings,
        *,
        wait_s: float,
        force: bool,
        on_object: Callable[[], object],
    ) -> None:
        self._store = store
        self._hints = hints
        self._settings = settings
        self._wait_s = wait_s
        self._force = force
        self._on_object = on_object

    def remove(self, job_id: str) -> int:
        """Ends the job if it is open, then removes it; the number of objects that it had.

        Raises NotRemoved or JobBusy, with nothing removed, while a worker is at the job or none is there to end it.
        """
        try:
            job = read_job(self._store, job_id)
        except BadDocument:
            job = None  # nobody can work on it: it can only be removed
        if job is not None:
            if not self._has_ended(job_id) and not self._is_half_removed(job_id):
                self._end(job)
            self._request_cancel(job_id)
        with self._alone(job_id) as keep:
            return self._sweep(JobKeys(job_id), keep)

    def _end(self, job: Job) -> None:
        job_id = job.job_id
        self._request_cancel(job_id)
        ensure_open(self._store, job_id)
        missing = call_workers(self._hints, self._settings, self._store.url, FINISH_TASK, job)
        if missing is None and self._ends(job_id):
            return
        if not self._force:
            why = missing or f"it did not end within {self._wait_s:g} s"
            raise NotRemoved(
                f"job {job_id} is open, and {why}; nothing was removed, and the job is cancelled as soon as a worker "
                "sees it: remove it then, or with --force if you know that no worker is at it"
            )
        with self._alone(job_id):
            end = to_pretty_json(End(state="cancelled", items=0, done=0, errors=0))
            self._store.create(JobKeys(job_id).end, end, content_type="application/json")

    def _has_ended(self, job_id: str) -> bool:
        return self._store.stat(JobKeys(job_id).end) is not None

    def _is_half_removed(self, job_id: str) -> bool:
        try:
            return self._store.read(JobKeys(job_id).cancel).data == _REMOVING
        except ObjectMissing:
            return False

    def _ends(self, job_id: str) -> bool:
        """Waits for the end; False if it does not come in time."""
        deadline = time.monotonic() + self._wait_s
        while not self._has_ended(job_id):
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_S)
        return True

    def _request_cancel(self, job_id: str) -> None:
        """Also beside the end of a job: whoever is still at one of its parts leaves it, and nobody begins another."""
        asked_at = datetime.now(UTC).isoformat(timespec="seconds")
        request_cancel(self._store, self._hints, job_id, asked_by=user_at_host(), asked_at=asked_at)

    @contextmanager
    def _alone(self, job_id: str) -> Iterator[Callable[[], None]]:
        """Once nobody but this process has a claim on the job; to be called now and then meanwhile.

        A worker that claims a part after that finds the end or the request to cancel, and leaves it. Without Redis
        nobody can claim anything, and a claim from before lapses.
        """
        deadline = time.monotonic() + LEASES_S
        with ExitStack() as stack:
            while True:
                try:
                    keep = stack.enter_context(finish_lease(self._hints, job_id))
                    break
                except JobBusy:  # whoever has just ended it tidies up
                    if time.monotonic() >= deadline:
                        raise
                time.sleep(_PAUSE_S)
            self._wait_for_workers(job_id, deadline)
            yield keep

    def _wait_for_workers(self, job_id: str, deadline: float) -> None:
        with suppress(QueueUnavailable):
            while claimed := [what for what in self._hints.leases(job_id) if what != "finish"]:
                if time.monotonic() >= deadline:
                    what = "its plan" if claimed[0] == "plan" else f"its part {claimed[0]}"
                    raise NotRemoved(
                        f"a worker is still at job {job_id}, on {what}: nothing was removed; try again later"
                    )
                time.sleep(_PAUSE_S)

    def _sweep(self, keys: JobKeys, keep: Callable[[], None]) -> int:
        """Removes the results first, and what the job is known by last.

        Broken off before that, the job is as ended as it was, with results missing. Without its end it has a request to
        cancel it still, so that whoever finds what is left cannot set it off again.
        """
        store, job_id = self._store, keys.job_id
        last = (keys.end, keys.job, keys.cancel)
        store.delete([open_key(job_id)])
        removed = 0

        def results() -> Iterator[str]:
            nonlocal removed
            for found in store.list(keys.root):
                if found.key not in last:
                    keep()
                    removed += 1
                    self._on_object()
                    yield found.key

        for _ in range(_ROUNDS):
            before = removed
            store.delete(results())
            if removed == before:
                break
        else:
            raise NotRemoved(f"something keeps writing to {store.url}/{keys.root}: stop it, and remove the job again")
        with suppress(QueueUnavailable):  # what Redis remembers expires by itself
            self._hints.forget(job_id)
        store.delete([open_key(job_id)])  # somebody who looked at the job meanwhile may have put it there again
        there = [key for key in (keys.end, keys.job) if store.stat(key) is not None]
        if keys.job in there:
            store.write(keys.cancel, _REMOVING, content_type="application/json")
        for key in last:  # in this order, so not together
            store.delete([key])
        return removed + len(there)


def describe(store: Store, job_id: str) -> str:
    """The job and how it stands, for the question whether to remove it."""
    try:
        return f"{job_id} ({JobReader(store, find_job(store, job_id)).read(None).state})"
    except (NoSuchJob, BadDocument):
        return f"{job_id} (half removed, or damaged)"
