"""`vaejob schedule list`, `show` and `history`."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import click

from producer import exits
from producer.output import emit_fields, emit_json, emit_table, note
from producer.params import WholeNumber, json_option
from producer.schedules import (
    RunStatus,
    ScheduleStatus,
    all_schedules,
    find_schedule,
    local_time,
    runs_of,
    status_of,
    utc_time,
)
from producer.session import Session, pass_session
from producer.words import command_words
from vae_core.schedules.schedule import Schedule

NEWEST = 20
_NEXT = 3


@click.command("list")
@json_option
@pass_session
def list_command(session: Session, as_json: bool) -> int:
    """List all schedules, with the next run and the last result of each."""
    session.store.check()
    found = all_schedules(session.store, datetime.now(UTC))
    if as_json:
        emit_json({"store": session.store.url, "schedules": found})
    elif found:
        header = ("NAME", "CRON", "NEXT", "NEXT IN UTC", "LAST", "RESULT")
        emit_table(header, [_row(one) for one in found], may_cut=("RESULT",))
    else:
        note(f"there is no schedule in {session.store.url} yet: `vaejob schedule add` adds one")
    return exits.DONE


@click.command("show")
@click.argument("name")
@json_option
@pass_session
def show_command(session: Session, name: str, as_json: bool) -> int:
    """Show the schedule NAME: what it does, its next runs, and its last one."""
    schedule = find_schedule(session.store, name)
    status = status_of(session.store, schedule, datetime.now(UTC), _NEXT)
    if as_json:
        emit_json(status)
        return exits.DONE
    last = status.last
    emit_fields(
        [
            ("schedule", name),
            ("cron", f"{schedule.cron} in {schedule.timezone}"),
            ("job", shlex.join(command_words(schedule.spec, seed_drawn=schedule.seed_drawn))),
            ("takes", _takes(schedule)),
            ("priority", schedule.priority if schedule.priority != "normal" else ""),
            ("overlap", f"{schedule.overlap}: {_OVERLAP[schedule.overlap]}"),
            ("catch-up", f"{schedule.catch_up}: {_CATCH_UP[schedule.catch_up]}"),
            ("added", f"{utc_time(schedule.added_at)} by {schedule.added_by}"),
            ("paused", "until `vaejob schedule resume`" if status.paused else ""),
            *(("next", f"{local_time(when, schedule.timezone)}, {utc_time(when)}") for when in status.next_runs),
            ("last", f"{_when(last, schedule.timezone)}, {_result(last)}" if last else "none yet"),
            ("", (last.job_id or "") if last else ""),
        ]
    )
    return exits.DONE


@click.command("history")
@click.argument("name")
@click.option(
    "--limit", type=WholeNumber(1, 1_000_000), default=NEWEST, show_default=True, help="How many of the newest."
)
@json_option
@pass_session
def history_command(session: Session, name: str, limit: int, as_json: bool) -> int:
    """List the newest runs of the schedule NAME: slot, job, items, errors, and the seconds that parts took."""
    schedule = find_schedule(session.store, name)
    runs = list(runs_of(session.store, name, limit))
    if as_json:
        emit_json({"schedule": name, "runs": runs})
    elif runs:
        header = ("SLOT", "JOB", "STATE", "ITEMS", "ERRORS", "SECONDS", "WHY")
        emit_table(header, [_run_row(run, schedule) for run in runs], may_cut=("WHY",))
    else:
        note(f"schedule {name} has not run yet")
    return exits.DONE


_OVERLAP = {"skip": "a slot is left out while the run before is open", "queue": "it waits for the run before"}
_CATCH_UP = {"latest": "of the slots that nobody was there for the last one runs late", "none": "they are left out"}


def _takes(schedule: Schedule) -> str:
    if not schedule.incremental:
        return "all inputs each time" if "source" in schedule.spec.__struct_fields__ else ""
    return "what is new or has changed" + (", and listed errors again" if schedule.retry_errors else "")


def _row(one: ScheduleStatus) -> tuple[str, ...]:
    if one.problem is not None:
        return (one.name, "", "", "", "", f"damaged: {one.problem}")
    when = one.next_runs[0] if one.next_runs else None
    never = "paused" if one.paused else "never"
    last = one.last
    return (
        one.name,
        one.cron,
        local_time(when, one.timezone) if when else never,
        utc_time(when) if when else "",
        _when(last, one.timezone) if last else "",
        _result(last) if last else "",
    )


def _when(run: RunStatus, timezone: str) -> str:
    """In the schedule's time zone; the run's name where its document cannot be read."""
    return local_time(run.at, timezone) if run.at else run.run


def _result(run: RunStatus) -> str:
    """`succeeded, 12 items`."""
    words = [run.state]
    if run.done is not None and run.items is not None:
        words.append("nothing new" if run.items == 0 and run.known else f"{run.done:,} of {run.items:,}")
    if run.errors:
        words.append(f"{run.errors:,} error{'' if run.errors == 1 else 's'}")
    return ", ".join(words) + (f": {run.why}" if run.why else "")


def _run_row(run: RunStatus, schedule: Schedule) -> tuple[str, ...]:
    asked = ", asked for" if run.at and not run.slot else ""
    return (
        _when(run, schedule.timezone) + asked,
        run.job_id or "",
        run.state,
        *("" if count is None else f"{count:,}" for count in (run.items, run.errors)),
        "" if run.seconds is None else f"{run.seconds:,.1f}",
        run.why or "",
    )
