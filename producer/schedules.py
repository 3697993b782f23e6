"""Schedules as `vaejob schedule` shows them: worked out from the store, each as it stands now."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from producer.status import JobReader
from vae_core.documents import load_document, load_plan, read_job
from vae_core.errors import BadDocument, InvalidValue, PermanentError
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JobKeys, ScheduleKeys
from vae_core.jobs.spec import kind_of, spec_fields
from vae_core.jobs.state import ENDED
from vae_core.schedules.documents import listed_schedules, load_run, load_schedule, newest_runs, run_names
from vae_core.schedules.schedule import Run, Schedule, check_name, is_run_of, job_id_of, slot_of, time_of
from vae_core.storage.base import Store

SKIPPED = "skipped"
_READERS = 8
_LOCAL = "%Y-%m-%d %H:%M %Z"
_UTC = "%Y-%m-%d %H:%M UTC"


class NoSuchSchedule(PermanentError):
    """No schedule has this name."""

    code = "no_such_schedule"


class RunStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One run, as `vaejob schedule history --json` shows it.

    run: its name. slot: ISO 8601, UTC, or None for one that was asked for. at: the slot, or when it was asked for.
    state: a job's, `skipped`, `removed` where the job is gone, `conflict` where another has its id by now, or `damaged`
    where the document cannot be read. items, done, errors: of the job, as far as they are known. known: inputs left
    out, as an earlier run was done with them. seconds: that parts took, added up. why: it was skipped or has failed.
    """

    run: str
    slot: str | None
    at: str
    by: str
    job_id: str | None
    state: str
    items: int | None = None
    done: int | None = None
    errors: int | None = None
    known: int | None = None
    seconds: float | None = None
    why: str | None = None


class ScheduleStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule, as `vaejob schedule list --json` shows it.

    next_runs: the next slots, ISO 8601, UTC, none while it is paused. next_local: the first of them in its time zone.
    last: its newest run. problem: why it cannot be run, where its document is damaged.
    """

    name: str
    cron: str = ""
    timezone: str = ""
    paused: bool = False
    next_runs: tuple[str, ...] = ()
    next_local: str | None = None
    last: RunStatus | None = None
    kind: str = ""
    spec: dict[str, Any] = {}
    priority: str = ""
    incremental: bool = False
    retry_errors: bool = False
    overlap: str = ""
    catch_up: str = ""
    added_at: str = ""
    added_by: str = ""
    problem: str | None = None


def find_schedule(store: Store, name: str) -> Schedule:
    """Raises NoSuchSchedule, InvalidValue for what can be no name, BadDocument."""
    check_name(name)
    schedule = load_schedule(store, name)
    if schedule is None:
        known = ", ".join(islice(listed_schedules(store), 5))
        hint = f"those there are: {known}" if known else "`vaejob schedule add` adds one"
        raise NoSuchSchedule(f"there is no schedule {name!r} in {store.url}: {hint}")
    return schedule


def all_schedules(store: Store, now: datetime) -> list[ScheduleStatus]:
    """By name. One that cannot be read says why, and hides none of the others."""

    def read(name: str) -> ScheduleStatus | None:
        try:
            schedule = load_schedule(store, name)
            return None if schedule is None else status_of(store, schedule, now)
        except (BadDocument, InvalidValue) as error:
            return ScheduleStatus(name=name, problem=str(error))

    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(read, listed_schedules(store)))
    return [one for one in found if one is not None]


def status_of(store: Store, schedule: Schedule, now: datetime, slots: int = 1) -> ScheduleStatus:
    """slots: how many of the next ones."""
    paused = store.stat(ScheduleKeys(schedule.name).paused) is not None
    after = max(now, schedule.added)
    upcoming = () if paused else tuple(islice(schedule.slots.after(after), slots))
    newest = max(newest_runs(store, schedule.name, now), default=None)
    last = None if newest is None else run_status(store, schedule.name, newest)
    return ScheduleStatus(
        name=schedule.name,
        cron=schedule.cron,
        timezone=schedule.timezone,
        paused=paused,
        next_runs=tuple(slot.isoformat(timespec="seconds") for slot in upcoming),
        next_local=upcoming[0].astimezone(schedule.slots.zone).isoformat(timespec="seconds") if upcoming else None,
        last=last,
        kind=kind_of(schedule.spec),
        spec=spec_fields(schedule.spec),
        priority=schedule.priority,
        incremental=schedule.incremental,
        retry_errors=schedule.retry_errors,
        overlap=schedule.overlap,
        catch_up=schedule.catch_up,
        added_at=schedule.added_at,
        added_by=schedule.added_by,
    )


def runs_of(store: Store, name: str, limit: int | None) -> Iterator[RunStatus]:
    """The newest runs first, at most so many."""
    newest = sorted(run_names(store, name), reverse=True)[:limit]

    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(lambda run: run_status(store, name, run), newest)
        yield from (one for one in found if one is not None)


def run_status(store: Store, name: str, run: str) -> RunStatus | None:
    """name: of the schedule. None where the run is gone; one that cannot be read says why."""
    try:
        found = load_run(store, name, run)
        return None if found is None else _run_status(store, found)
    except BadDocument as error:
        return RunStatus(run=run, slot=None, at="", by="", job_id=None, state="damaged", why=str(error))


def check_not_overtaken(store: Store, job: Job) -> None:
    """Raises InvalidValue where a later run of the job's schedule has taken what the job left undone."""
    run = job.schedule
    if not run or not run.incremental or run.full or load_plan(store, job.job_id) is None:
        return
    for name in run_names(store, run.name):
        job_id = job_id_of(run.name, name)
        later = read_job(store, job_id) if name > run.run else None
        if later is not None and is_run_of(later, run.token) and load_plan(store, job_id) is not None:
            raise InvalidValue(
                f"job {job.job_id} is not to be resumed: {job_id}, a later run of schedule {run.name}, has taken what "
                "it left undone"
            )


def local_time(when: str, timezone: str) -> str:
    """For people: in the schedule's time zone."""
    return f"{time_of(when).astimezone(ZoneInfo(timezone)):{_LOCAL}}"


def utc_time(when: str) -> str:
    """For people."""
    return f"{time_of(when):{_UTC}}"


def _run_status(store: Store, run: Run) -> RunStatus:
    status = RunStatus(
        run=run.name,
        slot=run.at if slot_of(run.name) is not None else None,
        at=run.at,
        by=run.by,
        job_id=run.job_id,
        state=SKIPPED,
        why=run.skipped,
    )
    if run.job_id is None:
        return status
    job = read_job(store, run.job_id)
    if job is None:
        return msgspec.structs.replace(status, state="removed")
    if not is_run_of(job, run.token):
        why = f"another job has the id {run.job_id}"
        return msgspec.structs.replace(status, state="conflict", why=why)
    reader = JobReader(store, job)
    found = reader.read(None)
    return msgspec.structs.replace(
        status,
        state=found.state,
        items=reader.plan.items if reader.plan else found.items,
        done=found.done,
        errors=found.errors,
        known=reader.plan.known if reader.plan else None,
        seconds=_seconds(store, run.job_id) if found.state in ENDED else None,
        why=found.failure.message if found.failure else None,
    )


def _seconds(store: Store, job_id: str) -> float | None:
    summary = load_document(store, JobKeys(job_id).summary, object)
    seconds = summary.get("seconds") if isinstance(summary, dict) else None
    total = seconds.get("total") if isinstance(seconds, dict) else None
    return float(total) if isinstance(total, (int, float)) else None
