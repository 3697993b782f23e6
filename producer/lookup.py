"""Which job is meant: ids, beginnings of ids, `latest`, and the newest jobs of a store."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from vae_core.documents import read_job
from vae_core.errors import BadDocument, InvalidValue, NoSuchJob
from vae_core.jobs.checks import check_pattern
from vae_core.jobs.ids import JOB_ID, JOB_ID_WORDS, is_drawn
from vae_core.jobs.job import Job
from vae_core.jobs.layout import JOBS
from vae_core.storage.base import Store

LATEST = "latest"
_READERS = 8
_SHOWN = 3


def find_job(store: Store, name: str) -> Job:
    """The job that a user's JOB means: `latest`, an id, or an unambiguous beginning of one.

    Raises NoSuchJob, or InvalidValue for a name that could be no id or that several jobs begin with.
    """
    if name == LATEST:
        newest = next(newest_jobs(store, lambda _: None), None)
        if newest is None:
            raise NoSuchJob(f"there is no job in {store.url} yet: `vaejob sample --n 5` submits one")
        return newest
    check_pattern("JOB", name, JOB_ID, f"`{LATEST}`, or {JOB_ID_WORDS}")
    job = read_job(store, name)
    if job is not None:
        return job
    matching = [job_id for job_id in _ids(store, name) if job_id != name]
    if len(matching) > 1:
        some = ", ".join(matching[:_SHOWN]) + (", ..." if len(matching) > _SHOWN else "")
        raise InvalidValue(f"JOB {name!r} is the beginning of {len(matching)} jobs: {some}")
    found = read_job(store, matching[0]) if matching else None
    if found is None:
        raise NoSuchJob(f"there is no job {name!r} in {store.url}: `vaejob list` shows those there are")
    return found


def newest_jobs(store: Store, on_unreadable: Callable[[BadDocument], None]) -> Iterator[Job]:
    """All jobs, the newest first. Drawn ids tell their own time; the documents of the others are read for theirs.

    on_unreadable: told of each job that is left out because its document is damaged or of another version.
    """

    def read(job_id: str) -> Job | None:
        try:
            return read_job(store, job_id)
        except BadDocument as error:
            on_unreadable(error)
            return None

    drawn: list[str] = []
    given: list[str] = []
    for job_id in _ids(store, ""):
        (drawn if is_drawn(job_id) else given).append(job_id)
    with ThreadPoolExecutor(_READERS) as pool:
        others = [job for job in pool.map(read, given) if job is not None]
    others.sort(key=_submitted, reverse=True)
    by_id = (job for job_id in reversed(drawn) if (job := read(job_id)) is not None)
    yield from heapq.merge(by_id, others, key=_submitted, reverse=True)


def _ids(store: Store, beginning: str) -> Iterator[str]:
    for name in store.list_folders(JOBS):
        if name.startswith(beginning) and JOB_ID.fullmatch(name):
            yield name


def _submitted(job: Job) -> tuple[datetime, str]:
    try:
        when = datetime.fromisoformat(job.submitted_at)
    except ValueError:
        when = datetime.fromtimestamp(0, UTC)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)), job.job_id
