"""Reading schedules and their runs from the store, validated again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from vae_core.documents import load_document, load_end, load_job
from vae_core.errors import BadDocument, InvalidValue, NoSuchJob
from vae_core.jobs.job import Job, ScheduledRun
from vae_core.jobs.layout import SCHEDULES, ScheduleKeys, open_key
from vae_core.schedules.schedule import NAME, Mark, Run, Schedule, is_run, is_run_of, job_id_of, time_of
from vae_core.storage.base import Store

_SUFFIX = ".json"


def listed_schedules(store: Store) -> dict[str, str]:
    """Names of all schedules, ascending, with the tags of their documents."""
    found = {}
    for one in store.list_files(SCHEDULES):
        name = one.key.removeprefix(SCHEDULES).removesuffix(_SUFFIX)
        if one.key.endswith(_SUFFIX) and NAME.fullmatch(name):
            found[name] = one.tag
    return found


def load_schedule(store: Store, name: str) -> Schedule | None:
    """None where there is none of this name. Raises BadDocument for a document that is not this schedule's."""
    key = ScheduleKeys(name).schedule
    schedule = load_document(store, key, Schedule)
    if schedule is None:
        return None
    if schedule.name != name:
        raise BadDocument(f"{key} names another schedule")
    _check_time(key, schedule.added_at)
    return schedule


def is_there(store: Store, run: ScheduledRun) -> bool:
    """Whether the schedule that a job is a run of still is there, and is not another one of its name by now.

    One whose document is damaged is: what it is done with is not to be lost by that.
    """
    try:
        schedule = load_schedule(store, run.name)
    except BadDocument:
        return True
    return schedule is not None and schedule.token == run.token


def load_run(store: Store, name: str, run: str) -> Run | None:
    """name: of the schedule. Raises BadDocument for a document that is not this run's."""
    key = ScheduleKeys(name).run(run)
    found = load_document(store, key, Run)
    if found is None:
        return None
    if found.name != run:
        raise BadDocument(f"{key} names another run")
    _check_time(key, found.at)
    return found


def load_pause(store: Store, name: str) -> Mark | None:
    """Since when the schedule is paused; None where it is not. Raises BadDocument."""
    key = ScheduleKeys(name).paused
    found = load_document(store, key, Mark)
    if found is not None:
        _check_time(key, found.at)
    return found


def run_names(store: Store, name: str, beginning: str = "") -> Iterator[str]:
    """Names of the runs of a schedule that start so, ascending, and so by time."""
    runs = ScheduleKeys(name).runs
    for found in store.list(f"{runs}{beginning}"):
        run = found.key.removeprefix(runs).removesuffix(_SUFFIX)
        if is_run(run):
            yield run


def newest_runs(store: Store, name: str, now: datetime) -> list[str]:
    """Names of the runs of today, or of this month, of this year, of all time: the first of these that has any.

    So that of a schedule with very many runs not all are listed to find the newest.
    """
    for form in ("%Y%m%d", "%Y%m", "%Y", ""):
        found = list(run_names(store, name, now.astimezone(UTC).strftime(form)))
        if found:
            return found
    return []


def open_runs(store: Store, name: str, token: str) -> Iterator[Job]:
    """The jobs of the schedule's runs that have not ended, by their runs' names, and so by time; read one by one."""
    prefix = open_key(job_id_of(name, ""))
    for run in sorted(found.key.removeprefix(prefix) for found in store.list(prefix)):
        job = _open_job(store, job_id_of(name, run)) if is_run(run) else None
        if job is not None and is_run_of(job, token):
            yield job


def _open_job(store: Store, job_id: str) -> Job | None:
    try:
        return load_job(store, job_id) if load_end(store, job_id) is None else None
    except (NoSuchJob, BadDocument):  # it is not to hold up the schedule
        return None


def _check_time(key: str, text: str) -> None:
    try:
        time_of(text)
    except InvalidValue as error:
        raise BadDocument(f"{key} is not valid: {error}") from error
