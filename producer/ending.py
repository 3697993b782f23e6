"""Cancelling a job, and starting an ended one again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

from producer.hints import Hints
from producer.status import JobStatus
from vae_core.errors import InvalidValue, QueueUnavailable, TransientError
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.storage.base import Store

LEASE_S = 60.0  # longer than removing what an ended job left; should this process die, it lapses by itself
RESUMABLE = ("failed", "cancelled")


class JobBusy(TransientError):
    """A worker is finishing this job right now."""

    code: ClassVar[str] = "job_busy"


def cancel(store: Store, hints: Hints, status: JobStatus, *, asked_by: str, asked_at: str) -> None:
    """Asks for the end of an unfinished job. Workers see it before each part and between batches.

    Raises InvalidValue for a job that has succeeded or failed: there is nothing left to stop.
    """
    if status.state in {"succeeded", "failed"}:
        raise InvalidValue(f"job {status.job_id} has {status.state} already: there is nothing to cancel")
    request_cancel(store, hints, status.job_id, asked_by=asked_by, asked_at=asked_at)


def request_cancel(store: Store, hints: Hints, job_id: str, *, asked_by: str, asked_at: str) -> None:
    """Writes what workers look for, whatever state the job is in."""
    request = to_pretty_json({"asked_by": asked_by, "asked_at": asked_at})
    store.create(JobKeys(job_id).cancel, request, content_type="application/json")
    with suppress(QueueUnavailable):  # a fast path only: the key in the store is the request
        hints.flag_cancelled(job_id)


def resume(store: Store, hints: Hints, status: JobStatus) -> None:
    """Makes an ended job an unfinished one again; what it has committed stays.

    Whatever point this is broken off at, it can be called again: the marker is written first, and the end goes last.
    Raises InvalidValue for a job that did not fail and was not cancelled, JobBusy while a worker is finishing it.
    """
    if status.state not in RESUMABLE:
        raise InvalidValue(f"job {status.job_id} is {status.state}: only a failed or cancelled job can be resumed")
    keys = JobKeys(status.job_id)
    with finish_lease(hints, status.job_id):
        store.write(open_key(status.job_id), b"")
        for prefix in (keys.all_attempts, keys.dead_parts):
            store.delete(entry.key for entry in store.list(prefix))
        store.delete([keys.cancel, keys.paused, keys.success])
        with suppress(QueueUnavailable):  # then Redis holds nothing of the job that could be wrong for long
            hints.forget(status.job_id)
        store.delete([keys.end])
        # A worker that still saw the end may have tidied the marker away in between.
        store.write(open_key(status.job_id), b"")


@contextmanager
def finish_lease(hints: Hints, job_id: str) -> Iterator[Callable[[], None]]:
    """Keeps workers from finishing the job meanwhile, where Redis is there; where it is not, no worker can.

    Work that may take longer than a lease calls what this gives now and then. Raises JobBusy, as does that call.
    """
    try:
        token = hints.take_lease(job_id, "finish", LEASE_S)
    except QueueUnavailable:
        yield lambda: None
        return
    if token is None:
        raise JobBusy(f"job {job_id} is being finished by a worker right now: try again in a few seconds")
    renewed_at = time.monotonic()

    def keep() -> None:
        nonlocal renewed_at
        if time.monotonic() - renewed_at < LEASE_S / 4:
            return
        renewed_at = time.monotonic()
        with suppress(QueueUnavailable):
            if not hints.renew_lease(job_id, "finish", token, LEASE_S):
                raise JobBusy(f"the claim on job {job_id} was lost to another: try again in a few seconds")

    try:
        yield keep
    finally:
        with suppress(QueueUnavailable):  # it lapses by itself
            hints.release_lease(job_id, "finish", token)
