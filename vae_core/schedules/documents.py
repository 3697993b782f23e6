"""Reading schedules and their runs from the store, validated again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from vae_core.documents import load_end, load_job
from vae_core.errors import BadDocument, InvalidValue, NoSuchJob, ObjectMissing
from vae_core.jobs.codec import from_json
from vae_core.jobs.job import Job
from vae_core.jobs.layout import SCHEDULES, ScheduleKeys, open_key
from vae_core.schedules.schedule import NAME, Mark, Run, Schedule, is_run, job_id_of, time_of
from vae_core.storage.base import Store

T = TypeVar("T")
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
    schedule = _load(store, key, Schedule)
    if schedule is None:
        return None
    if schedule.name != name:
        raise BadDocument(f"{key} names another schedule")
    try:
        time_of(schedule.added_at)
    except InvalidValue as error:
        raise BadDocument(f"{key} is not valid: {error}") from error
    return schedule


def load_run(store: Store, name: str, run: str) -> Run | None:
    """name: of the schedule. Raises BadDocument for a document that is not this run's."""
    key = ScheduleKeys(name).run(run)
    found = _load(store, key, Run)
    if found is not None and found.name != run:
        raise BadDocument(f"{key} names another run")
    return found


def load_mark(store: Store, key: str) -> Mark | None:
    """key: of `paused` or `resumed`."""
    return _load(store, key, Mark)


def run_names(store: Store, name: str, beginning: str = "") -> Iterator[str]:
    """Names of the runs of a schedule that start so, ascending, and so by time."""
    runs = ScheduleKeys(name).runs
    for found in store.list(f"{runs}{beginning}"):
        run = found.key.removeprefix(runs).removesuffix(_SUFFIX)
        if is_run(run):
            yield run


def open_runs(store: Store, name: str, token: str) -> list[Job]:
    """The jobs of the schedule's runs that have not ended, by their runs' names, and so by time."""
    prefix = open_key(job_id_of(name, ""))
    runs = sorted(run for found in store.list(prefix) if is_run(run := found.key.removeprefix(prefix)))
    return [job for run in runs if (job := _open_run(store, name, token, run)) is not None]


def _open_run(store: Store, name: str, token: str, run: str) -> Job | None:
    job_id = job_id_of(name, run)
    try:
        job = load_job(store, job_id)
        is_run_of_it = job.schedule and job.schedule.token == token
        return job if is_run_of_it and load_end(store, job_id) is None else None
    except (NoSuchJob, BadDocument):  # it is not to hold up the schedule
        return None


def _load(store: Store, key: str, kind: type[T]) -> T | None:
    try:
        return from_json(store.read(key).data, kind, key)
    except ObjectMissing:
        return None
    except InvalidValue as error:
        raise BadDocument(str(error)) from error
