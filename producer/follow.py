"""`--watch`: following a job on the terminal, and what is said and returned when it ends or the user leaves."""

from __future__ import annotations

from producer import exits
from producer.display import display_for_terminal
from producer.output import counted, emit_json, note, say
from producer.session import Session
from producer.status import JobReader, JobStatus
from producer.watch import Watcher
from vae_core.jobs.job import Job


def follow(session: Session, job: Job, *, as_json: bool) -> int:
    """Shows progress until the job ends; returns the exit code of its end, or 130 when the user leaves before."""
    reader = JobReader(session.store, job)
    watcher = Watcher(session.store, reader, session.hints, session.settings, display_for_terminal())
    try:
        status = watcher.run()
    except KeyboardInterrupt:
        note(f"job {job.job_id} goes on; come back with `vaejob watch {job.job_id}`")
        return exits.INTERRUPTED
    if as_json:
        emit_json(status)
    else:
        for line in ending(status):
            say(line)
    return exits.code_of_end(reader.end) if reader.end else exits.FAILED


def ending(status: JobStatus) -> list[str]:
    """How the job ended, for people: what came of it, and what to do next."""
    done = f"{status.done:,} of {counted(status.items, 'image')}" if status.items is not None else "no images"
    if status.state == "failed":
        why = f"{status.failure.message} ({status.failure.code})" if status.failure else "no reason is recorded"
        return [f"Failed: {why}", f"Start it again with `vaejob resume {status.job_id}`."]
    if status.state == "cancelled":
        return [f"Cancelled: {done} in {status.results}", f"Start it again with `vaejob resume {status.job_id}`."]
    if status.errors:
        listed = f"`vaejob errors {status.job_id}` lists them."
        return [f"Finished with {counted(status.errors, 'error')}: {done} in {status.results}", listed]
    if status.known and not status.items:
        return [f"Succeeded: nothing new, {counted(status.known, 'input')} known from runs before"]
    known = f", {counted(status.known, 'input')} left out as known" if status.known else ""
    return [f"Succeeded: {done} in {status.results}{known}"]
