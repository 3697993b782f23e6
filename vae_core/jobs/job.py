"""A job as accepted: the content of `job.json`, and of the other small documents beside it."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from vae_core.jobs.spec import JobSpec

VERSION = 1
Priority = Literal["low", "normal", "high"]
PRIORITIES = get_args(Priority)


class ScheduledRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which run of which schedule a job is, and what of the schedule its planning needs.

    name, token: of the schedule. run: name of the run. incremental, retry_errors: as in Schedule. full: this run of an
    incremental schedule takes all inputs, those that an earlier one was done with too.
    """

    name: str
    token: str
    run: str
    incremental: bool = False
    full: bool = False
    retry_errors: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`job.json`: written once, at acceptance, and never again.

    submitted_at: ISO 8601, UTC. submitted_by: `user@host`, as the submitting machine says it. priority: no part of a
        job is begun while one of a more urgent job waits. It changes no byte, so it is not in the spec.
    schedule: set for a run of a schedule, and missing from the document of any other job.
    """

    job_id: str
    spec: JobSpec
    submitted_at: str
    submitted_by: str
    code_version: str
    priority: Priority = "normal"
    schedule: ScheduledRun | msgspec.UnsetType = msgspec.UNSET
    version: int = VERSION


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`plan.json`: how the job was split. Written once; a part is never split anew.

    input_set: the folder below `inputs/` that this plan's input lists lie in, or None where there are no inputs.
    duplicates: lines of a list of keys that were left out, as their key stood there before.
    known: inputs that were left out, as an earlier run of the job's schedule was done with them.
    """

    checkpoint_sha256: str
    items: int
    parts: int
    part_size: int
    input_set: str | None = None
    duplicates: int = 0
    known: int = 0
    version: int = VERSION


class Failure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a part was given up or a job failed: a stable code, and one line for people."""

    code: str
    message: str


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of `inputs/<set>/00000.jsonl`: an object to reconstruct, as it was when the job was planned.

    failure: why it could not be found then, where its key was given by a list: it is listed as an error, and not read.
    """

    key: str
    tag: str
    size_bytes: int
    failure: Failure | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document about the whole job, such as `manifest.jsonl`, by its name in the job's folder."""

    name: str
    sha256: str
    size_bytes: int


class End(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`end.json`: how the job ended. Created once; whoever creates it decides.

    state: `succeeded`, `failed` or `cancelled`. errors: items listed in `errors.jsonl`.
    documents: what was written beside it; none for a job that could not even be planned.
    """

    state: str
    items: int
    done: int
    errors: int
    failure: Failure | None = None
    documents: tuple[Document, ...] = ()
    version: int = VERSION
