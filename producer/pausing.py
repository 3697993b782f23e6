"""Pausing a job, and letting it go on."""

from __future__ import annotations

from producer.status import JobStatus
from vae_core.errors import InvalidValue, NoSuchJob
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.state import ENDED
from vae_core.storage.base import Store


def pause(store: Store, status: JobStatus, *, asked_by: str, asked_at: str) -> bool:
    """Asks the workers to begin no more parts of the job; those that were begun go on. False if it was asked before.

    Raises InvalidValue for a job that has no part left to begin, NoSuchJob for one that was removed meanwhile.
    """
    job_id, state = status.job_id, status.state
    if state in ENDED:
        raise InvalidValue(f"job {job_id} has ended, it is {state}: there is nothing to pause")
    if state in {"cancelling", "finishing"}:
        how = "being cancelled" if state == "cancelling" else state
        raise InvalidValue(f"job {job_id} is {how}: no more parts of it begin, so there is nothing to pause")
    keys = JobKeys(job_id)
    request = to_pretty_json({"asked_by": asked_by, "asked_at": asked_at})
    is_new = store.create(keys.paused, request, content_type="application/json")
    if store.stat(keys.job) is None:  # or else the next job of this id would be paused from the first
        store.delete([keys.paused])
        raise NoSuchJob(f"job {job_id} is being removed by another: there is nothing to pause")
    return is_new and state != "paused"


def let_go_on(store: Store, job_id: str) -> None:
    """Takes back that the job was paused, if it was."""
    store.delete([JobKeys(job_id).paused])
