"""Bringing a job into the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from vae_core.documents import read_job
from vae_core.errors import JobConflict, StoreError, StoreUnavailable
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.ids import is_drawn
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.jobs.spec import ReconstructSpec, same_request
from vae_core.storage.base import Store

MARKER_LASTS_S = 60.0  # far less than what the reconciler gives a marker without a job


def submit(
    store: Store, job: Job, key_list: bytes | None = None, clock: Callable[[], float] = time.time
) -> tuple[Job, bool]:
    """Writes the job into the store; from then on it is accepted, and runs whatever happens to this process.

    key_list: what the spec names by its SHA-256, if it does. Returns the job as it is in the store, and whether this
    call put it there: the same id and spec is the same job. Raises JobConflict for the same id with another spec,
    StoreUnavailable or StoreError with nothing left behind. clock: seconds; by the wall's a suspended laptop sees that
    time has passed.
    """
    store.check()
    accepted = read_job(store, job.job_id)
    if accepted is None and _create(store, job, key_list, clock):
        return job, True
    accepted = accepted or read_job(store, job.job_id)
    if accepted is None:
        raise StoreUnavailable(f"job {job.job_id} is being removed by another: try again, or with another --job-id")
    if not same_request(accepted.spec, job.spec):
        raise JobConflict(
            f"--job-id {job.job_id!r} is taken by a job with another spec: choose another, "
            f"or look at it with `vaejob status {job.job_id}`"
        )
    ensure_open(store, job.job_id)
    return accepted, False


def ensure_open(store: Store, job_id: str) -> None:
    """Makes sure that the reconciler sees an unfinished job; leaves nothing behind for a finished one."""
    keys = JobKeys(job_id)
    if store.stat(keys.end) is not None or store.stat(open_key(job_id)) is not None:
        return
    store.write(open_key(job_id), b"")
    if store.stat(keys.end) is not None:  # it ended between the two looks
        store.delete([open_key(job_id)])
        if store.stat(keys.end) is None:  # and was resumed meanwhile
            store.write(open_key(job_id), b"")


def _create(store: Store, job: Job, key_list: bytes | None, clock: Callable[[], float]) -> bool:
    """False if another created a job of this id meanwhile."""
    keys, marker = JobKeys(job.job_id), open_key(job.job_id)
    written, list_key = [marker], _list_key(job)
    began = clock()
    try:
        store.write(marker, b"")
        if list_key is not None:
            written.append(list_key)
            store.write(list_key, key_list or b"", content_type="text/plain; charset=utf-8")
        created = store.create(
            keys.job, to_pretty_json(job), content_type="application/json", settle=not is_drawn(job.job_id)
        )
    except (StoreUnavailable, StoreError, KeyboardInterrupt):
        with suppress(StoreUnavailable, StoreError):
            if store.stat(keys.job) is None:
                store.delete(written)
                if store.stat(keys.job) is not None:  # another had the same job accepted in this very moment
                    store.write(marker, b"")
        raise
    if created and abs(clock() - began) > MARKER_LASTS_S:
        # It may have been tidied away as nobody's. Should this fail, the job is accepted all the same, and whoever
        # looks at it writes the marker.
        with suppress(StoreUnavailable, StoreError):
            store.write(marker, b"")
    if not created and store.stat(keys.end) is not None:
        store.delete([marker])  # the other job is finished already: the marker was ours
    if not created and list_key is not None:
        accepted = read_job(store, job.job_id)
        if accepted is not None and _list_key(accepted) != list_key:
            store.delete([list_key])
    return created


def _list_key(job: Job) -> str | None:
    """Where the job's list of keys lies, if it has one."""
    sha256 = job.spec.keys_sha256 if isinstance(job.spec, ReconstructSpec) else None
    return None if sha256 is None else JobKeys(job.job_id).key_list(sha256)
