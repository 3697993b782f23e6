"""Submitting a job and telling the user of it, at once or once it has ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from producer import exits
from producer.calling import call_workers
from producer.follow import follow
from producer.key_list import KeyList
from producer.output import emit_json, note, say
from producer.session import Session
from producer.status import JobReader
from vae_core.jobs.channels import PLAN_TASK
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import kind_of, spec_fields
from vae_core.jobs.state import ENDED
from vae_core.submission import submit


def accept(
    session: Session,
    job: Job,
    key_list: KeyList | None,
    *,
    watch: bool,
    as_json: bool,
    accepted: Callable[[Job], None] = lambda _: None,
) -> int:
    """Submits the job and says so; with `watch` follows it. Returns the exit code.

    accepted: is called once the job is in the store, before anything is said.
    """
    priority = job.priority
    job, is_new = submit(session.store, job, key_list.data if key_list is not None else None)
    accepted(job)
    try:
        return _tell(session, job, is_new, priority, watch=watch, as_json=as_json)
    except KeyboardInterrupt:  # it is accepted: nothing that the user does here takes that back
        note(f"job {job.job_id} goes on; come back with `vaejob watch {job.job_id}`")
        return exits.INTERRUPTED


def _tell(session: Session, job: Job, is_new: bool, priority: str, *, watch: bool, as_json: bool) -> int:
    """job: as it is in the store. priority: the one that was asked for."""
    state = "submitted" if is_new else JobReader(session.store, job).read(None).state
    if not is_new:
        note(f"job {job.job_id} was submitted before, with the same spec; it is {state}{_again(job.job_id, state)}")
        if job.priority != priority:
            note(f"job {job.job_id} stays at the priority it was submitted with, {job.priority}: not {priority}")
    waiting = None
    if state not in ENDED and state != "paused":
        waiting = call_workers(session.hints, session.settings, session.store.url, PLAN_TASK, job)
    if watch:
        (note if as_json else say)(job.job_id)
        return follow(session, job, as_json=as_json)
    if waiting is not None:
        how = "accepted and runs" if is_new else f"{state} and goes on"
        note(f"{waiting}; the job is {how} by itself once a worker comes")
    if as_json:
        emit_json(_described(session, job, state, is_new, waiting))
    else:
        say(job.job_id)
        if sys.stdout.isatty():
            say(f"Follow it with `vaejob watch {job.job_id}`.")
    return exits.DONE


def _again(job_id: str, state: str) -> str:
    """What makes a job of this state go on, where it does not by itself."""
    if state in {"failed", "cancelled"}:
        return f": start it again with `vaejob resume {job_id}`"
    return f": let it go on with `vaejob resume {job_id}`" if state == "paused" else ""


def _described(session: Session, job: Job, state: str, is_new: bool, waiting: str | None) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": kind_of(job.spec),
        "state": state,
        "priority": job.priority,
        "created": is_new,
        "waiting": waiting,
        "store": session.store.url,
        "results": f"{session.store.url}/{JobKeys(job.job_id).root}",
        "spec": spec_fields(job.spec),
        "submitted_at": job.submitted_at,
        "submitted_by": job.submitted_by,
    }
