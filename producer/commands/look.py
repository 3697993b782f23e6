"""`vaejob status`, `watch`, `list` and `errors`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice

import click

from producer import exits
from producer.display import progress_text
from producer.hints import Progress
from producer.lookup import find_job, newest_jobs
from producer.output import age_of, emit_fields, emit_json, emit_table, note
from producer.params import WholeNumber, job_argument, json_option, refuse_together
from producer.session import Session, pass_session
from producer.status import JobReader, JobStatus
from vae_core.errors import BadDocument, QueueUnavailable
from vae_core.jobs.job import Job
from vae_core.jobs.state import ENDED
from vae_core.submission import ensure_open

NEWEST = 20
_READERS = 8


@click.command("status")
@job_argument
@json_option
@pass_session
def status_command(session: Session, job: str, as_json: bool) -> int:
    """Show how JOB stands."""
    status = _read(session, find_job(session.store, job), redis=True)
    if status.state not in ENDED:
        ensure_open(session.store, status.job_id)
    if as_json:
        emit_json(status)
    else:
        _show(status)
    return exits.DONE


@click.command("watch")
@job_argument
@json_option
@pass_session
def watch_command(session: Session, job: str, as_json: bool) -> int:
    """Follow JOB until it ends.

    The exit code is 0 when it succeeded, 3 with listed errors, 1 when it failed, 5 when it was cancelled. Ctrl-C leaves
    the job running.
    """
    from producer.follow import follow

    return follow(session, find_job(session.store, job), as_json=as_json)


@click.command("list")
@click.option("--limit", type=WholeNumber(1, 1_000_000), help=f"How many of the newest. [default: {NEWEST}]")
@click.option("--all", "every", is_flag=True, help="All of them.")
@json_option
@pass_session
def list_command(session: Session, limit: int | None, every: bool, as_json: bool) -> int:
    """List the newest jobs."""
    refuse_together(limit=limit is not None, all=every)
    session.store.check()

    def leave_out(error: BadDocument) -> None:
        note(f"left out: {error}")

    def status_of(job: Job) -> JobStatus | None:
        try:
            return _read(session, job, redis=False)
        except BadDocument as error:
            leave_out(error)
            return None

    jobs = islice(newest_jobs(session.store, leave_out), None if every else limit or NEWEST)
    with ThreadPoolExecutor(_READERS) as pool:
        statuses = [status for status in pool.map(status_of, jobs) if status is not None]
    if as_json:
        emit_json({"store": session.store.url, "jobs": statuses})
    elif statuses:
        header = ("JOB", "KIND", "STATE", "DONE", "ERRORS", "AGE", "BY")
        now = datetime.now(UTC)
        emit_table(header, [_row(status, now) for status in statuses], may_cut=("BY",))
    else:
        note(f"there is no job in {session.store.url} yet: `vaejob sample --n 5` submits one")
    return exits.DONE


@click.command("errors")
@job_argument
@json_option
@pass_session
def errors_command(session: Session, job: str, as_json: bool) -> int:
    """List the items of JOB that could not be made, and why."""
    from vae_core.documents import load_errors

    found = find_job(session.store, job)
    status = _read(session, found, redis=False)
    errors = load_errors(session.store, found.job_id, ended=status.state in ENDED)
    if as_json:
        emit_json({"job_id": found.job_id, "state": status.state, "errors": errors})
        return exits.DONE
    if errors:
        rows = [(str(error.index), error.code, error.source or "", error.message) for error in errors]
        emit_table(("INDEX", "CODE", "SOURCE", "MESSAGE"), rows, may_cut=("SOURCE", "MESSAGE"))
    elif status.failure is not None:
        note(f"job {found.job_id} has listed no errors; it failed as a whole: {status.failure.message}")
    else:
        yet = "" if status.state in ENDED else f" yet: it is {status.state}"
        note(f"job {found.job_id} has listed no errors{yet}")
    return exits.DONE


def _read(session: Session, job: Job, *, redis: bool) -> JobStatus:
    hints: Progress | None = None
    if redis:
        try:
            hints = session.hints.progress(job.job_id)
        except QueueUnavailable:
            hints = None  # the bucket says how far the job is, part by part
    return JobReader(session.store, job).read(hints)


def _show(status: JobStatus) -> None:
    parts = status.parts
    committed = f"{parts.committed:,} of {parts.total:,} committed" if parts.total is not None else ""
    spec = ", ".join(f"{name} {value}" for name, value in status.spec.items() if name != "kind" and value is not None)
    errors = "" if status.errors is None else f"{status.errors:,}"
    emit_fields(
        [
            ("job", status.job_id),
            ("kind", status.kind),
            ("state", status.state),
            ("priority", status.priority if status.priority != "normal" else ""),
            ("progress", progress_text(status).partition(": ")[2]),
            ("errors", errors),
            ("parts", f"{committed}, {parts.given_up:,} given up" if parts.given_up else committed),
            ("failure", f"{status.failure.message} ({status.failure.code})" if status.failure else ""),
            ("known", f"{status.known:,} left out, done by runs before" if status.known else ""),
            ("schedule", status.schedule or ""),
            ("submitted", f"{status.submitted_at} by {status.submitted_by}"),
            ("spec", spec),
            ("results", status.results),
        ]
    )


def _row(status: JobStatus, now: datetime) -> tuple[str, ...]:
    done = f"{status.done:,}/{'?' if status.items is None else f'{status.items:,}'}"
    errors = "" if status.errors is None else f"{status.errors:,}"
    age = age_of(status.submitted_at, now)
    return status.job_id, status.kind, status.state, done, errors, age, status.submitted_by
