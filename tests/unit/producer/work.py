"""Leaves in a store what workers leave there, without any."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from producer.request import Priority
from vae_core.jobs.codec import from_json, to_lines, to_pretty_json
from vae_core.jobs.job import Document, End, Failure, Input, Job, Plan
from vae_core.jobs.layout import JobKeys, open_key, reconstruction_name, sample_name, shard_name, sheet_name
from vae_core.jobs.parts import part_count, part_range
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile, manifest_line
from vae_core.jobs.spec import JobSpec, SampleSpec
from vae_core.storage.base import Store
from worker.shards import pack

WHEN = "2026-11-23T13:29:00+00:00"


def make_job(job_id: str, spec: JobSpec | None = None, submitted_at: str = WHEN, priority: Priority = "normal") -> Job:
    """A job that was submitted by somebody else."""
    spec = spec or SampleSpec(n=10, seed=7, part_size=4)
    return Job(
        job_id=job_id,
        spec=spec,
        submitted_at=submitted_at,
        submitted_by="user@host",
        code_version="0.1.0",
        priority=priority,
    )


def accept(store: Store, job: Job) -> Job:
    """As the producer does."""
    store.write(open_key(job.job_id), b"")
    store.create(JobKeys(job.job_id).job, to_pretty_json(job))
    return job


def plan(store: Store, job: Job) -> Plan:
    """As the planner does, for a sample job."""
    assert isinstance(job.spec, SampleSpec)
    part_size = job.spec.part_size or 512
    made = Plan(
        checkpoint_sha256="0" * 64,
        items=job.spec.n,
        parts=part_count(job.spec.n, part_size),
        part_size=part_size,
    )
    store.create(JobKeys(job.job_id).plan, to_pretty_json(made))
    return made


def plan_inputs(store: Store, job: Job, sources: Sequence[str]) -> Plan:
    """As the planner does, for a reconstruct job."""
    size = job.spec.part_size or 512
    made = Plan(
        checkpoint_sha256="0" * 64,
        items=len(sources),
        parts=part_count(len(sources), size),
        part_size=size,
        input_set="set",
    )
    for part in range(made.parts):
        inputs = [Input(key=sources[index], tag="t", size_bytes=1) for index in part_range(made, part)]
        store.write(JobKeys(job.job_id).inputs("set", part), to_lines(inputs))
    store.create(JobKeys(job.job_id).plan, to_pretty_json(made))
    return made


def commit(
    store: Store,
    job: Job,
    made: Plan,
    part: int,
    errors: tuple[ItemError, ...] = (),
    sources: Sequence[str] | None = None,
) -> PartRecord:
    """Writes a part's outputs and its record; the items listed as errors have no output. sources: of all items."""
    root, failed = JobKeys(job.job_id).root, {error.index for error in errors}
    items = []
    packed = []
    for index in part_range(made, part):
        if index not in failed:
            source = sources[index] if sources else None
            name = reconstruction_name(source, job.spec.format) if source else sample_name(index, job.spec.format)
            data = f"image {index}".encode()
            done = ItemDone(index=index, key=name, sha256=sha256(data), size_bytes=len(data), source=source)
            if job.spec.shards:
                packed.append((msgspec.structs.replace(done, member=f"{index:08d}.png"), data))
            else:
                items.append(msgspec.structs.replace(done, tag=store.write(root + name, data)))
    files = []
    if packed:
        tar, items = pack(packed, shard_name(part))
        tag = store.write(root + shard_name(part), tar)
        files.append(SideFile(key=shard_name(part), sha256=sha256(tar), size_bytes=len(tar), tag=tag))
    sheet = f"sheet {part}".encode()
    tag = store.write(root + sheet_name(part), sheet)
    record = PartRecord(
        part=part,
        items=tuple(items),
        errors=errors,
        files=(*files, SideFile(key=sheet_name(part), sha256=sha256(sheet), size_bytes=len(sheet), tag=tag)),
        kind="test",
        seconds={},
        attempt="a",
        worker="box:1",
    )
    store.create(JobKeys(job.job_id).part(part), to_pretty_json(record))
    return record


def give_up(store: Store, job: Job, part: int) -> None:
    """Marks a part as dead."""
    store.create(JobKeys(job.job_id).dead(part), to_pretty_json(Failure(code="x", message="y")))


def finish(store: Store, job: Job, made: Plan, records: list[PartRecord], state: str = "succeeded") -> End:
    """Writes the documents about all parts, and the end."""
    keys = JobKeys(job.job_id)
    items = [manifest_line(item) for record in records for item in record.items]
    errors = [error for record in records for error in record.errors]
    written = {keys.manifest: to_lines(items), keys.errors: to_lines(errors), keys.page: b"<p>"}
    for key, data in written.items():
        store.write(key, data)
    documents = tuple(document(key.removeprefix(keys.root), data) for key, data in written.items())
    failure = Failure(code="too_many_errors", message="too many") if state == "failed" else None
    end = End(state=state, items=made.items, done=len(items), errors=len(errors), failure=failure, documents=documents)
    store.create(keys.end, to_pretty_json(end))
    store.delete([open_key(job.job_id)])
    return end


def document(name: str, data: bytes) -> Document:
    return Document(name=name, sha256=sha256(data), size_bytes=len(data))


def replace_manifest(store: Store, job_id: str, data: bytes) -> None:
    """Another manifest, which `end.json` agrees with."""
    keys = JobKeys(job_id)
    end = from_json(store.read(keys.end).data, End, keys.end)
    store.write(keys.manifest, data)
    documents = (document("manifest.jsonl", data), *end.documents[1:])
    store.write(keys.end, to_pretty_json(msgspec.structs.replace(end, documents=documents)))


def whole_job(
    store: Store,
    job_id: str,
    *,
    errors: tuple[ItemError, ...] = (),
    state: str = "succeeded",
    parts: int | None = None,
    shards: bool = False,
) -> Job:
    """A finished job of ten images; errors lie in part 0. parts: how many are committed, all of them if None."""
    job = accept(store, make_job(job_id, SampleSpec(n=10, seed=7, part_size=4, shards=shards)))
    made = plan(store, job)
    count = made.parts if parts is None else parts
    records = [commit(store, job, made, part, errors if part == 0 else ()) for part in range(count)]
    finish(store, job, made, records, state)
    return job


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
