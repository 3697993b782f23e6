"""Reading a job's documents from the bucket, validated again: a message, and a bucket, may hold anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from vae_core.errors import BadDocument, InvalidValue, NoSuchJob, ObjectMissing
from vae_core.jobs.codec import from_json, from_lines
from vae_core.jobs.job import End, Input, Job, Plan
from vae_core.jobs.layout import JobKeys, part_of
from vae_core.jobs.records import ItemError, PartRecord
from vae_core.parallel import in_order
from vae_core.storage.base import Store

T = TypeVar("T")


def load_job(store: Store, job_id: str) -> Job:
    """Raises NoSuchJob; BadDocument where `job.json` is not this job's."""
    job = load_document(store, JobKeys(job_id).job, Job)
    if job is None:
        raise NoSuchJob(f"job {job_id} is not in {store.url}")
    if job.job_id != job_id:
        raise BadDocument(f"job.json of {job_id} names another job")
    return job


def read_job(store: Store, job_id: str) -> Job | None:
    """The job of exactly this id, or None where none was accepted."""
    try:
        return load_job(store, job_id)
    except NoSuchJob:
        return None


def load_plan(store: Store, job_id: str) -> Plan | None:
    return load_document(store, JobKeys(job_id).plan, Plan)


def load_end(store: Store, job_id: str) -> End | None:
    return load_document(store, JobKeys(job_id).end, End)


def load_record(store: Store, job_id: str, part: int) -> PartRecord | None:
    return load_document(store, JobKeys(job_id).part(part), PartRecord)


def load_records(store: Store, job_id: str, *, at_once: int = 1) -> Iterator[PartRecord]:
    """The records of the committed parts, by part; a damaged part may lose its record while they are read.

    at_once: how many are read while others are under way, and a few times as many held, as a store may be far away.
    """

    def load(part: int) -> PartRecord | None:
        return load_record(store, job_id, part)

    parts = listed_parts(store, JobKeys(job_id).parts)
    for record in map(load, parts) if at_once == 1 else in_order(load, parts, at_once):
        if record is not None:
            yield record


def load_errors(store: Store, job_id: str, *, ended: bool) -> list[ItemError]:
    """The items that could not be made: those of `errors.jsonl`, or of a job that goes on those of the parts so far.

    A job that was resumed still has the `errors.jsonl` of its first end, so that its being there says nothing.
    """
    key = JobKeys(job_id).errors
    try:
        if ended:
            return _load_lines(store, key, ItemError)
    except ObjectMissing:
        pass  # it failed before anything was done
    return [error for record in load_records(store, job_id) for error in record.errors]


def load_inputs(store: Store, job_id: str, plan: Plan, part: int) -> list[Input]:
    """The part's inputs, in order. Raises BadDocument for a plan without inputs."""
    if plan.input_set is None:
        raise BadDocument(f"plan.json of {job_id} names no inputs")
    key = JobKeys(job_id).inputs(plan.input_set, part)
    return _load_lines(store, key, Input)


def load_points(store: Store, job_id: str, plan: Plan) -> list[Input]:
    """The images that an interpolation walks between, in the order of the points; none where all are generated."""
    if plan.input_set is None:
        return []
    return _load_lines(store, JobKeys(job_id).points(plan.input_set), Input)


def listed_parts(store: Store, prefix: str) -> list[int]:
    """Numbers of the parts that have a document below `prefix`, ascending."""
    parts = (part_of(found.key) for found in store.list(prefix))
    return sorted(part for part in parts if part is not None)


def load_document(store: Store, key: str, kind: type[T]) -> T | None:
    """The document, or None where there is none. Raises BadDocument for one that cannot be read as `kind`."""
    try:
        return from_json(store.read(key).data, kind, key)
    except ObjectMissing:
        return None
    except InvalidValue as error:
        raise BadDocument(str(error)) from error


def _load_lines(store: Store, key: str, kind: type[T]) -> list[T]:
    try:
        return from_lines(store.read(key).data, kind, key)
    except InvalidValue as error:
        raise BadDocument(str(error)) from error
