"""`vaejob schedule run`, `pause`, `resume` and `rm`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click

from producer import exits
from producer.output import counted, emit_json, note, say
from producer.params import json_option, refuse_together, watch_option
from producer.request import user_at_host
from producer.schedules import find_schedule
from producer.session import Session, pass_session
from vae_core.errors import BadDocument, InvalidValue
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import Job
from vae_core.jobs.layout import ScheduleKeys
from vae_core.jobs.spec import kind_of
from vae_core.schedules.documents import load_pause, open_runs, run_names
from vae_core.schedules.schedule import (
    Mark,
    Run,
    Schedule,
    asked_run,
    check_name,
    iso,
    make_job,
    run_of,
    slot_run,
    time_of,
)
from vae_core.storage.base import Store
from vae_core.version import code_version


@click.command("run")
@click.argument("name")
@click.option("--full", is_flag=True, help="Take all inputs this once, not only what is new or has changed.")
@click.option("--retry-errors", is_flag=True, help="Take inputs again, this once, that were listed as errors.")
@watch_option
@json_option
@pass_session
def run_command(session: Session, name: str, full: bool, retry_errors: bool, watch: bool, as_json: bool) -> int:
    """Run the schedule NAME now, paused or not; the run counts as none of its slots.

    While a run of it is open, this one waits for that to end.
    """
    from producer.acceptance import accept

    refuse_together(full=full, retry_errors=retry_errors)
    schedule = find_schedule(session.store, name)
    if (full or retry_errors) and not schedule.incremental:
        what = "has no inputs" if kind_of(schedule.spec) != "reconstruct" else "takes all inputs in each run"
        raise InvalidValue(f"--{'full' if full else 'retry-errors'} is of no use here: schedule {name} {what}")
    now = datetime.now(UTC)
    job = make_job(
        schedule,
        asked_run(now),
        now,
        by=user_at_host(),
        code_version=code_version(),
        full=full,
        retry_errors=retry_errors,
    )
    still_open = next(open_runs(session.store, name, schedule.token), None)
    if still_open is not None:
        note(f"{still_open.job_id} is open: the run begins once that has ended")

    def note_run(accepted: Job) -> None:
        run = run_of(accepted)
        session.store.create(ScheduleKeys(name).run(run.name), to_pretty_json(run), content_type="application/json")

    return accept(session, job, None, watch=watch, as_json=as_json, accepted=note_run)


@click.command("pause")
@click.argument("name")
@json_option
@pass_session
def pause_command(session: Session, name: str, as_json: bool) -> int:
    """Have the slots of the schedule NAME skipped until `vaejob schedule resume`; a run that is open goes on."""
    find_schedule(session.store, name)
    key = ScheduleKeys(name).paused
    is_new = session.store.stat(key) is None
    if is_new:
        session.store.create(key, _mark(), content_type="application/json")
    return _told(name, True, f"schedule {name} {'is paused' if is_new else 'was paused already'}", as_json)


@click.command("resume")
@click.argument("name")
@json_option
@pass_session
def resume_command(session: Session, name: str, as_json: bool) -> int:
    """Let the schedule NAME run again from its next slot on; those that it missed while paused are not made up for."""
    schedule = find_schedule(session.store, name)
    keys = ScheduleKeys(name)
    was_paused = session.store.stat(keys.paused) is not None
    if was_paused:
        _skip_missed(session.store, schedule)
        session.store.delete([keys.paused])
    return _told(name, False, f"schedule {name} {'runs again' if was_paused else 'was not paused'}", as_json)


def _skip_missed(store: Store, schedule: Schedule) -> None:
    """Settles the last slot that came while the schedule was paused, should no control have been there to do so."""
    try:
        pause = load_pause(store, schedule.name)
    except BadDocument:
        pause = None
    begin = schedule.added if pause is None else max(schedule.added, time_of(pause.at))
    slot = schedule.slots.latest(begin, datetime.now(UTC))
    if slot is not None:
        run = Run(name=slot_run(slot), token=schedule.token, at=iso(slot), skipped="paused", by=user_at_host())
        store.create(ScheduleKeys(schedule.name).run(run.name), to_pretty_json(run), content_type="application/json")


@click.command("rm")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal to ask on.")
@json_option
@pass_session
def rm_command(session: Session, name: str, yes: bool, as_json: bool) -> int:
    """Remove the schedule NAME, with the record of what it is done with; its jobs and their results stay.

    A run that is open goes on to its end, unless it waits to be planned: then it fails. A schedule that is added under
    this name later begins anew.
    """
    check_name(name)
    keys = ScheduleKeys(name)
    if session.store.stat(keys.schedule) is None:  # one that is damaged can be removed, too
        find_schedule(session.store, name)
    runs = sum(1 for _ in run_names(session.store, name))
    if not yes and not _agreed(name, runs):
        note("nothing was removed")
        return exits.FAILED
    session.store.delete([keys.schedule])  # first, so that no slot of it runs any more
    session.store.delete(found.key for found in session.store.list(keys.root))
    if as_json:
        emit_json({"schedule": name, "removed": True, "runs": runs})
    else:
        say(f"schedule {name} is removed, with the record of {counted(runs, 'run')}; their jobs stay")
    return exits.DONE


def _agreed(name: str, runs: int) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise InvalidValue("rm asks before it removes anything, and here is no terminal to ask on: give --yes")
    return click.confirm(f"Remove schedule {name} with the record of {counted(runs, 'run')}? Its jobs stay.", err=True)


def _mark() -> bytes:
    return to_pretty_json(Mark(at=iso(datetime.now(UTC)), by=user_at_host()))


def _told(name: str, paused: bool, line: str, as_json: bool) -> int:
    if as_json:
        emit_json({"schedule": name, "paused": paused})
    else:
        say(line)
    return exits.DONE
