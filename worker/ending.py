"""How a job ends: one key decides, then everything that says it is open goes away."""

from __future__ import annotations

import logging

from vae_core.documents import load_end
from vae_core.errors import QueueUnavailable
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import End, Failure
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.storage.base import Store
from worker.hints import Hints

log = logging.getLogger(__name__)


def end_job(store: Store, hints: Hints, job_id: str, end: End, *, settle: bool = True) -> None:
    """Creates `end.json`, unless another end was first, and closes the job. settle: as in `Store.create`."""
    if store.create(JobKeys(job_id).end, to_pretty_json(end), content_type="application/json", settle=settle):
        why = f": {end.failure.message}" if end.failure else ""
        log.info("job %s %s, %d of %d items, %d errors%s", job_id, end.state, end.done, end.items, end.errors, why)
    close_job(store, hints, job_id)


def fail_job(store: Store, hints: Hints, job_id: str, failure: Failure) -> None:
    """Ends a job that could not even be planned."""
    end_job(store, hints, job_id, End(state="failed", items=0, done=0, errors=0, failure=failure))


def close_job(store: Store, hints: Hints, job_id: str) -> bool:
    """If the job has ended, removes `open/<id>`, and writes `_SUCCESS` where it succeeded. False if it has not."""
    end = load_end(store, job_id)
    if end is None:
        return False
    if end.state == "succeeded":
        store.write(JobKeys(job_id).success, b"")
    store.delete([open_key(job_id)])
    if store.stat(JobKeys(job_id).end) is None:  # resumed meanwhile: the marker that was removed may be the new one
        store.write(open_key(job_id), b"")
        return False
    try:
        hints.forget(job_id)
    except QueueUnavailable:
        log.debug("hints of job %s are left to expire", job_id)
    return True
