"""`vaejob verify`."""

from __future__ import annotations

import click

from producer import exits
from producer.display import counting
from producer.faults import SHOWN, Told
from producer.lookup import find_job
from producer.output import counted, emit_json, note, say
from producer.params import job_argument, json_option
from producer.session import Session, pass_session
from producer.status import JobReader
from producer.verifying import Verified, Verifier
from vae_core.errors import InvalidValue


@click.command("verify")
@job_argument
@json_option
@pass_session
def verify_command(session: Session, job: str, as_json: bool) -> int:
    """Prove that the results of JOB are complete and unchanged, from the store alone.

    Every item of the plan has exactly one output that matches its SHA-256, or one listed error; documents and sheets
    are as they were written, and nothing else lies among them. Of a job that failed or was cancelled, what it claims to
    have done is verified. The exit code is 0 when all is right, 1 when not; a job that has not ended is refused.
    """
    found = find_job(session.store, job)
    reader = JobReader(session.store, found)
    status = reader.read(None)
    if reader.end is None:
        raise InvalidValue(f"job {found.job_id} is {status.state}: it can be verified once it has ended")
    told = Told(None if as_json else SHOWN)
    with counting(reader.end.done, "verifying", "image") as on_image:
        verifier = Verifier(session.store, found, reader.end, session.settings.io_threads, on_image)
        for fault in verifier.faults():
            told.add(fault)
    if as_json:
        ok = told.count == 0
        emit_json(
            {"job_id": found.job_id, "state": status.state, "ok": ok, "checked": verifier.verified, "faults": told.kept}
        )
    else:
        _show(found.job_id, status.state, verifier.verified, told)
    return exits.FAILED if told.count else exits.DONE


def _show(job_id: str, state: str, verified: Verified, told: Told) -> None:
    for fault in told.kept:
        say(str(fault))
    seen = f"{counted(verified.images, 'image')}, {counted(verified.errors, 'listed error')}"
    seen += f", {counted(verified.side_files, 'side file')}, {counted(verified.documents, 'document')}"
    if verified.not_done:
        seen += f"; {counted(verified.not_done, 'item')} not done"
    if verified.left_over:
        seen += f"; {counted(verified.left_over, 'file')} left over from parts that were broken off"
    if not told.count:
        say(f"job {job_id}, {state}, is as its documents say: {seen}")
        return
    say(f"job {job_id}, {state}, is not as its documents say: {counted(told.count, 'fault')} in {seen}")
    if told.count > len(told.kept):
        note(f"the first {len(told.kept)} are shown: `vaejob verify {job_id} --json` gives all of them")
