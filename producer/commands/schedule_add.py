"""`vaejob schedule add`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from producer import exits
from producer.asking import Asked
from producer.fleet import absence
from producer.output import emit_json, note, say
from producer.params import OneOf, json_option, refuse_together
from producer.request import check_checkpoint, user_at_host
from producer.schedules import local_time, status_of, utc_time
from producer.session import Session, pass_session
from vae_core.errors import InvalidValue
from vae_core.jobs.checks import shown
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.ids import new_token
from vae_core.jobs.layout import ScheduleKeys
from vae_core.jobs.spec import ReconstructSpec
from vae_core.schedules.schedule import CATCH_UPS, OVERLAPS, CatchUp, Overlap, Schedule, check_name, iso
from vae_core.schedules.slots import Slots
from vae_core.storage.base import Store
from vae_core.version import code_version

KINDS = ("sample", "reconstruct", "interpolate")


@click.command("add")
@click.argument("name")
@click.option("--cron", required=True, metavar="LINE", help="Minute, hour, day of month, month, day of week.")
@click.option("--timezone", default="UTC", show_default=True, metavar="ZONE", help="Where the clock of LINE hangs.")
@click.option("--full", is_flag=True, help="Take all inputs in each run, not only what is new or has changed.")
@click.option("--retry-errors", is_flag=True, help="Take inputs again that were listed as errors, in each run.")
@click.option(
    "--overlap",
    type=OneOf(OVERLAPS),
    default="skip",
    show_default=True,
    help="What becomes of a slot while the run before is open.",
)
@click.option(
    "--catch-up",
    type=OneOf(CATCH_UPS),
    default="latest",
    show_default=True,
    help="Which of the slots that nobody was there for runs late.",
)
@json_option
@click.argument("job", nargs=-1, required=True, metavar="-- COMMAND...", type=click.UNPROCESSED)
@click.pass_context
@pass_session
def add_command(
    session: Session,
    ctx: click.Context,
    name: str,
    cron: str,
    timezone: str,
    full: bool,
    retry_errors: bool,
    overlap: Overlap,
    catch_up: CatchUp,
    as_json: bool,
    job: tuple[str, ...],
) -> int:
    """Have the job behind `--` done at the times that LINE names in ZONE.

    \b
    vaejob schedule add nightly --cron "0 2 * * *" --timezone Asia/Kolkata \\
        -- reconstruct s3://incoming/cars/

    The job is written as it would be submitted: sample, reconstruct or interpolate, with its options. Each run of a
    reconstruct schedule takes the inputs that are new or have changed since a run was done with them. Where clocks are
    put forward, a time that does not exist is the next instant; where they are put back, one that comes twice counts
    once.
    """
    check_name(name)
    Slots(cron, timezone)  # said before anything of the job is
    asked = _asked(session, ctx, job)
    spec = asked.spec_of(0)
    is_reconstruct = isinstance(spec, ReconstructSpec)
    refuse_together(full=full, retry_errors=retry_errors)
    if not is_reconstruct and (full or retry_errors):
        raise InvalidValue(f"--{'full' if full else 'retry-errors'} goes with reconstruct: {job[0]} has no inputs")
    now = datetime.now(UTC)
    schedule = Schedule(
        name=name,
        token=new_token(),
        cron=" ".join(cron.split()),
        timezone=timezone,
        spec=spec,
        seed_drawn=asked.seed_drawn,
        incremental=is_reconstruct and not full,
        retry_errors=retry_errors,
        overlap=overlap,
        catch_up=catch_up,
        priority=asked.priority,
        added_at=iso(now),
        added_by=user_at_host(),
        code_version=code_version(),
    )
    check_checkpoint(session.settings)
    session.store.check()
    _create(session.store, schedule)
    status = status_of(session.store, schedule, now)
    waiting = absence(session.hints, session.settings, session.store.url)
    if waiting is not None:
        note(f"{waiting}; the schedule is added, and runs once a worker is there")
    if as_json:
        emit_json(status)
    elif status.next_runs:
        when = status.next_runs[0]
        say(f"schedule {name} is added: it runs next at {local_time(when, timezone)}, {utc_time(when)}")
    return exits.DONE


def _asked(session: Session, ctx: click.Context, words: tuple[str, ...]) -> Asked:
    """What the command behind `--` asks for, which is checked as if it were to be submitted now."""
    kind, *arguments = words
    if kind not in KINDS:
        raise InvalidValue(f"{shown(kind)!r} is no job to schedule: -- and then one of {', '.join(KINDS)}")
    group = ctx.find_root().command
    command = group.get_command(ctx, kind) if isinstance(group, click.Group) else None
    if command is None:
        raise InvalidValue(f"{kind} is no command here")
    taken: list[Asked] = []
    session.taker = taken.append
    try:
        with command.make_context(f"{ctx.command_path} ... -- {kind}", list(arguments), obj=session) as below:
            command.invoke(below)
    finally:
        session.taker = None
    (asked,) = taken
    for flag, given in (
        ("--watch", asked.watch),
        ("--json", asked.as_json),
        ("--dry-run", asked.dry_run),
        ("--job-id", asked.job_id is not None),
    ):
        if given:
            raise InvalidValue(f"{flag} does not go behind --: the jobs of a schedule are submitted later, many times")
    return asked


def _create(store: Store, schedule: Schedule) -> None:
    keys = ScheduleKeys(schedule.name)
    is_first = store.stat(keys.schedule) is None
    left = [found.key for found in store.list(keys.root)] if is_first else []  # by a removal that was broken off
    if not store.create(keys.schedule, to_pretty_json(schedule), content_type="application/json"):
        raise InvalidValue(
            f"NAME {schedule.name!r} is taken by another schedule: choose another, or remove that one by "
            f"`vaejob schedule rm {schedule.name}`"
        )
    store.delete(left)
