"""`vaejob cancel`, `pause` and `resume`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from producer import exits
from producer.calling import call_workers
from producer.ending import RESUMABLE, cancel, resume
from producer.lookup import find_job
from producer.output import emit_json, note, say
from producer.params import job_argument, json_option, watch_option
from producer.pausing import let_go_on, pause
from producer.request import user_at_host
from producer.schedules import check_not_overtaken
from producer.session import Session, pass_session
from producer.status import JobReader
from vae_core.errors import InvalidValue
from vae_core.jobs.channels import FINISH_TASK, PLAN_TASK
from vae_core.submission import ensure_open


@click.command("cancel")
@job_argument
@json_option
@pass_session
def cancel_command(session: Session, job: str, as_json: bool) -> int:
    """Stop JOB: workers leave it between two batches, and what is committed stays.

    A job that is cancelled already is left as it is; one that has succeeded or failed is refused with exit code 2.
    """
    found = find_job(session.store, job)
    status = JobReader(session.store, found).read(None)
    if status.state == "cancelled":
        return _told(found.job_id, "cancelled", f"job {found.job_id} was cancelled already", as_json)
    cancel(session.store, session.hints, status, asked_by=user_at_host(), asked_at=_now())
    ensure_open(session.store, found.job_id)
    waiting = call_workers(session.hints, session.settings, session.store.url, FINISH_TASK, found)
    if waiting is not None:
        note(f"{waiting}; the request is noted, and the job ends once a worker comes")
    return _told(found.job_id, "cancelling", f"job {found.job_id} is being cancelled", as_json)


@click.command("pause")
@job_argument
@json_option
@pass_session
def pause_command(session: Session, job: str, as_json: bool) -> int:
    """Let no more parts of JOB begin until `vaejob resume`; those that were begun go on to their end.

    A job that is paused already is left as it is; one that has ended, or is about to, is refused with exit code 2.
    """
    found = find_job(session.store, job)
    reader = JobReader(session.store, found)
    is_new = pause(session.store, reader.read(None), asked_by=user_at_host(), asked_at=_now())
    ensure_open(session.store, found.job_id)
    state = reader.read(None).state
    if state != "paused":  # its last part was committed, or it was cancelled, meanwhile
        line = f"job {found.job_id} is {state}"
    elif is_new:
        line = f"job {found.job_id} is paused: what was begun goes on, and no more begins until it is resumed"
    else:
        line = f"job {found.job_id} was paused already"
    return _told(found.job_id, state, line, as_json)


@click.command("resume")
@job_argument
@watch_option
@json_option
@pass_session
def resume_command(session: Session, job: str, watch: bool, as_json: bool) -> int:
    """Let a paused JOB go on, or start it again after it failed or was cancelled: what is committed stays.

    A job that runs, or has succeeded, is left as it is.
    """
    found = find_job(session.store, job)
    status = JobReader(session.store, found).read(None)
    if status.state == "cancelling":
        raise InvalidValue(f"job {found.job_id} is being cancelled: resume it once `vaejob status` shows it cancelled")
    if status.state == "succeeded":
        return _told(found.job_id, status.state, f"job {found.job_id} has succeeded: nothing is left to do", as_json)
    if status.state in RESUMABLE:
        check_not_overtaken(session.store, found)
        resume(session.store, session.hints, status)
    else:
        let_go_on(session.store, found.job_id)
        ensure_open(session.store, found.job_id)
        if status.state != "paused":
            note(f"job {found.job_id} is {status.state}: it goes on by itself")
    waiting = call_workers(session.hints, session.settings, session.store.url, PLAN_TASK, found)
    if watch:
        from producer.follow import follow

        return follow(session, found, as_json=as_json)
    if waiting is not None:
        note(f"{waiting}; the job goes on by itself once a worker comes")
    state = JobReader(session.store, found).read(None).state
    how = {"paused": "goes on", "failed": "is resumed", "cancelled": "is resumed"}.get(status.state, f"is {state}")
    return _told(found.job_id, state, f"job {found.job_id} {how}", as_json)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _told(job_id: str, state: str, line: str, as_json: bool) -> int:
    if as_json:
        emit_json({"job_id": job_id, "state": state})
    else:
        say(line)
    return exits.DONE
