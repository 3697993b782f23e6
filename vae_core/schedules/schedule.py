"""A schedule as it was added, its runs, and what they are called."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Literal, get_args

import msgspec

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_choice, check_pattern
from vae_core.jobs.ids import is_drawn, seed_for
from vae_core.jobs.job import PRIORITIES, Job, Priority, ScheduledRun
from vae_core.jobs.spec import InterpolateSpec, JobSpec, ReconstructSpec, SampleSpec
from vae_core.schedules.slots import Slots, slots_of

VERSION = 1
Overlap = Literal["skip", "queue"]
CatchUp = Literal["latest", "none"]
OVERLAPS = get_args(Overlap)
CATCH_UPS = get_args(CatchUp)
# No dot: `<name>.json` and the folder `<name>/` lie side by side. A run's name and a dash still fit into a job's id.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
NAME_WORDS = "1 to 64 letters, digits, '_' or '-', the first a letter or digit"
_SLOT_RUN = re.compile(r"\d{8}T\d{6}Z")
_SLOT_FORM = "%Y%m%dT%H%M%SZ"


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`schedules/<name>.json`: written once, by whoever added it.

    token: drawn when it was added; tells it from one of the same name that was there before.
    cron, timezone: when it runs, as in Slots. spec: of each job; seed_drawn: its seed is another for each run, a
        function of the job's id.
    incremental: a reconstruct job takes only inputs that are new, or have another tag, since a run of this schedule was
        done with them. retry_errors: inputs that were listed as errors are taken again each time.
    overlap: what becomes of a slot while the run before is open: skipped, or queued behind it.
    catch_up: whether the latest of the slots that nobody was there for runs late, or none of them.
    added_at: ISO 8601, UTC; only later slots count.
    """

    name: str
    token: str
    cron: str
    timezone: str
    spec: JobSpec
    seed_drawn: bool = False
    incremental: bool = False
    retry_errors: bool = False
    overlap: Overlap = "skip"
    catch_up: CatchUp = "latest"
    priority: Priority = "normal"
    added_at: str
    added_by: str
    code_version: str
    version: int = VERSION

    def __post_init__(self) -> None:
        check_name(self.name)
        check_choice("--overlap", self.overlap, OVERLAPS)
        check_choice("--catch-up", self.catch_up, CATCH_UPS)
        check_choice("--priority", self.priority, PRIORITIES)
        slots_of(self.cron, self.timezone)
        if isinstance(self.spec, ReconstructSpec):
            if self.spec.keys_sha256 is not None:
                raise InvalidValue(
                    "--from-manifest does not go with a schedule: its list would be the same each time; name a SOURCE"
                )
        elif self.incremental or self.retry_errors:
            raise InvalidValue("only a reconstruct schedule has inputs that could be new or listed as errors")
        if self.retry_errors and not self.incremental:
            raise InvalidValue("--full takes all inputs, listed errors too: leave --retry-errors out")

    @property
    def slots(self) -> Slots:
        return slots_of(self.cron, self.timezone)

    @property
    def added(self) -> datetime:
        return time_of(self.added_at)


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`schedules/<name>/runs/<run>.json`: what was decided of a slot, or that somebody asked for a run. Create-only.

    name: of the run. token: the schedule's. job_id: what it makes, or None where the slot was skipped.
    skipped: why, in a few words. at: ISO 8601, UTC; the slot, or when it was asked for. by: who asked.
    """

    name: str
    token: str
    at: str
    job_id: str | None = None
    skipped: str | None = None
    by: str = ""
    version: int = VERSION


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`schedules/<name>/paused`: since when, ISO 8601, UTC, and by whom."""

    at: str
    by: str


def check_name(name: str) -> None:
    """Raises InvalidValue unless `name` may be a schedule's; what passes is one safe path segment."""
    check_pattern("NAME", name, NAME, NAME_WORDS)


def time_of(text: str) -> datetime:
    """The time that a document names. Raises InvalidValue for what is none, or has no time zone."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(f"{text!r} is no time: ISO 8601, such as 2026-11-23T20:30:00+00:00") from error
    if when.tzinfo is None:
        raise InvalidValue(f"{text!r} has no time zone: ISO 8601, such as 2026-11-23T20:30:00+00:00")
    return when.astimezone(UTC)


def iso(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


def slot_run(slot: datetime) -> str:
    """Name of the run of a slot: `20261123T203000Z`."""
    return f"{slot.astimezone(UTC):{_SLOT_FORM}}"


def slot_of(run: str) -> datetime | None:
    """The slot that a run of this name is of, or None for one that was asked for, and for any other name."""
    if not _SLOT_RUN.fullmatch(run):
        return None
    try:
        return datetime.strptime(run, _SLOT_FORM).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_run(name: str) -> bool:
    """Whether a run may be called so."""
    return slot_of(name) is not None or is_drawn(name)


def asked_run(now: datetime) -> str:
    """A name for a run that somebody asks for now; it sorts by time, also among others of that second."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{now.microsecond:05x}{secrets.randbelow(16):x}"


def is_run_of(job: Job, token: str) -> bool:
    """Whether it is a run of the schedule with this token, and not one that somebody named so."""
    return isinstance(job.schedule, ScheduledRun) and job.schedule.token == token


def job_id_of(schedule: str, run: str) -> str:
    return f"{schedule}-{run}"


def make_job(
    schedule: Schedule,
    run: str,
    now: datetime,
    *,
    by: str,
    code_version: str,
    full: bool = False,
    retry_errors: bool = False,
) -> Job:
    """The job of a run: its id and spec follow from the schedule and the run's name alone.

    now: timezone-aware. by: who submits it. full, retry_errors: take all inputs, or listed errors again, this once.
    """
    job_id = job_id_of(schedule.name, run)
    return Job(
        job_id=job_id,
        spec=_spec_for(schedule, job_id),
        submitted_at=iso(now),
        submitted_by=by,
        code_version=code_version,
        priority=schedule.priority,
        schedule=ScheduledRun(
            name=schedule.name,
            token=schedule.token,
            run=run,
            incremental=schedule.incremental,
            full=full,
            retry_errors=schedule.retry_errors or retry_errors,
        ),
    )


def run_of(job: Job) -> Run:
    """The run that a job is. Raises InvalidValue for one that is none."""
    if not isinstance(job.schedule, ScheduledRun):
        raise InvalidValue(f"job {job.job_id} is a run of no schedule")
    of = job.schedule
    slot = slot_of(of.run)
    at = job.submitted_at if slot is None else iso(slot)
    return Run(name=of.run, token=of.token, at=at, job_id=job.job_id, by=job.submitted_by)


def _spec_for(schedule: Schedule, job_id: str) -> JobSpec:
    if schedule.seed_drawn and isinstance(schedule.spec, (SampleSpec, InterpolateSpec)):
        return msgspec.structs.replace(schedule.spec, seed=seed_for(job_id))
    return schedule.spec
