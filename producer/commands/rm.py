"""`vaejob rm`."""

from __future__ import annotations

import sys

import click

from producer import exits
from producer.display import counting
from producer.ending import JobBusy
from producer.output import counted, emit_json, note, say
from producer.params import Number, json_option
from producer.removal import NotRemoved, Remover, describe, find_removable
from producer.session import Session, pass_session
from vae_core.errors import InvalidValue

WAIT_S = 60.0
LONGEST_WAIT_S = 86_400.0


@click.command("rm")
@click.argument("jobs", metavar="JOB...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal to ask on.")
@click.option("--force", is_flag=True, help="Remove an open job even if no worker is there to end it.")
@click.option(
    "--wait",
    "wait_s",
    type=Number(0.0, LONGEST_WAIT_S),
    default=WAIT_S,
    show_default=True,
    help="Seconds that an open job may take to end.",
)
@json_option
@pass_session
def rm_command(session: Session, jobs: tuple[str, ...], yes: bool, force: bool, wait_s: float, as_json: bool) -> int:
    """Remove each JOB with everything in its folder of the store; the checkpoint stays, as other jobs use it.

    An open job is cancelled first, and removed once it has ended. If no worker is there to end it, nothing is removed
    and the exit code is 1. With --force it is removed all the same, unless Redis knows of a worker that is at it: only
    for when you know that no worker runs. A removal that was broken off is finished by asking for it again, by the
    whole id.
    """
    job_ids = list(dict.fromkeys(find_removable(session.store, name, whole=yes) for name in jobs))
    if not yes and not _agreed(session, job_ids):
        note("nothing was removed")
        return exits.FAILED
    removed = []
    left: list[str] = []
    for job_id in job_ids:
        with counting(None, f"removing {job_id}", "object") as on_object:
            remover = Remover(
                session.store, session.hints, session.settings, wait_s=wait_s, force=force, on_object=on_object
            )
            try:
                objects = remover.remove(job_id)
            except (JobBusy, NotRemoved) as error:  # the others can go all the same
                left.append(str(error))
                continue
        removed.append({"job_id": job_id, "objects": objects})
        if not as_json:
            say(f"job {job_id} is removed: {counted(objects, 'object')}")
    if as_json:
        emit_json({"removed": removed, "left": left})
    for why in left:
        note(f"Error: {why}")
    return exits.FAILED if left else exits.DONE


def _agreed(session: Session, job_ids: list[str]) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidValue("rm asks before it removes anything, and here is no terminal to ask on: give --yes")
    what = ", ".join(describe(session.store, job_id) for job_id in job_ids)
    return click.confirm(f"Remove {what} and all results from {session.store.url}?", err=True)
