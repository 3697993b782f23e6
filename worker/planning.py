"""Planning a job: pin the checkpoint, list the source once, freeze the parts."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from vae_core.documents import load_job, load_plan
from vae_core.errors import (
    BadCheckpoint,
    BadDocument,
    InvalidValue,
    ObjectMissing,
    PermanentError,
    ScheduleGone,
    SourceNotAllowed,
    StoreError,
    TransientError,
)
from vae_core.jobs.checks import shown
from vae_core.jobs.codec import to_lines, to_pretty_json
from vae_core.jobs.job import Failure, Input, Job, Plan
from vae_core.jobs.layout import JobKeys, checkpoint_key
from vae_core.jobs.parts import part_count
from vae_core.jobs.spec import MAX_ITEMS, InterpolateSpec, ReconstructSpec, known_items
from vae_core.model.checkpoint import read_info
from vae_core.schedules.documents import open_runs
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.advancing import Advancer
from worker.ending import close_job, fail_job
from worker.hints import Hints
from worker.key_list import KeyList
from worker.lease import Lease
from worker.ledgers import LedgerKeeper
from worker.listing import AllObjects, GivenKeys, Listing, NewObjects
from worker.pointing import find_points

log = logging.getLogger(__name__)


class _Unplannable(PermanentError):
    """The job cannot be done at all; it fails with this failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _NotYet(Exception):
    """Planning is left to a later time, when the reconciler asks for it again."""


class _Cancelled(Exception):
    """Planning is left: whoever cancelled the job has it ended, or the reconciler does."""


class Planner:
    """Makes `plan.json`, once, and starts the job."""

    def __init__(self, store: Store, hints: Hints, advancer: Advancer, settings: Settings) -> None:
        self._store = store
        self._hints = hints
        self._advancer = advancer
        self._settings = settings

    def plan(self, job_id: str) -> None:
        """Plans the job if it has no plan, then advances it. A job that cannot be planned ends as failed.

        Raises TransientError, after which the reconciler has it planned again, and NoSuchJob.
        """
        self._hints.drop_message(job_id, "plan")
        if close_job(self._store, self._hints, job_id):
            return
        job = load_job(self._store, job_id)
        plan = load_plan(self._store, job_id)
        if plan is None:
            with Lease(self._hints, job_id, "plan", self._settings.lease_s) as lease:
                if not lease.acquire():
                    return
                try:
                    with self._turn(job) as turn:
                        self._make(job, lease, turn)
                except _NotYet as error:
                    log.info("job %s waits: %s", job_id, error)
                    return
                except _Unplannable as error:
                    lease.check()
                    fail_job(self._store, self._hints, job_id, error.failure)
                    return
                except _Cancelled:
                    log.info("job %s was cancelled before it was planned", job_id)
                    return
            plan = load_plan(self._store, job_id)
        if plan is not None:
            self._advancer.advance(job, plan)

    @contextmanager
    def _turn(self, job: Job) -> Iterator[Lease | None]:
        """Plans the runs of a schedule one after the other, each once those before it are over.

        What a run is to do depends on what those did. Raises _NotYet. Gives the claim on the schedule's planning.
        """
        if not job.schedule:
            yield None
            return
        name = job.schedule.name
        with Lease(self._hints, f"@schedule-{name}", "plan", self._settings.lease_s) as turn:
            if not turn.acquire():
                raise _NotYet(f"another run of schedule {name} is being planned")
            self._check_turn(job)
            yield turn

    def _check_turn(self, job: Job) -> None:
        """Raises _NotYet while another run of the job's schedule goes on, or was asked for before."""
        if not job.schedule:
            return
        for other in open_runs(self._store, job.schedule.name, job.schedule.token):
            if other.job_id == job.job_id:
                continue
            if other.job_id < job.job_id or load_plan(self._store, other.job_id) is not None:
                raise _NotYet(f"{other.job_id}, a run of the same schedule, is open")

    def _make(self, job: Job, lease: Lease, turn: Lease | None) -> None:
        checkpoint = self._pin_checkpoint(lease)
        part_size = job.spec.part_size or self._settings.part_size
        items, input_set, duplicates, known = known_items(job.spec) or 0, None, 0, 0
        if isinstance(job.spec, ReconstructSpec):
            listing = self._listing(job, job.spec, checkpoint, lease)
            items = self._freeze_inputs(job, job.spec, listing, part_size, lease)
            input_set, duplicates, known = lease.token if items else None, listing.duplicates, listing.known
        elif isinstance(job.spec, InterpolateSpec) and self._freeze_points(job.job_id, job.spec, lease):
            input_set = lease.token
        plan = Plan(
            checkpoint_sha256=checkpoint,
            items=items,
            parts=part_count(items, part_size),
            part_size=part_size,
            input_set=input_set,
            duplicates=duplicates,
            known=known,
        )
        lease.check()
        if turn is not None:
            self._check_turn(job)  # an emptied Redis gives the claim to two
            turn.check()
        # Another that planned it all the same, its lease lost, may have listed other inputs; the rest is settings.
        self._store.create(
            JobKeys(job.job_id).plan,
            to_pretty_json(plan),
            content_type="application/json",
            settle=input_set is not None,
        )
        left_out = f", {known} known ones left out" if known else ""
        log.info("job %s planned: %d items in %d parts%s", job.job_id, plan.items, plan.parts, left_out)

    def _pin_checkpoint(self, lease: Lease) -> str:
        """Copies this worker's checkpoint into the store, if it is not there, and returns its SHA-256."""
        try:
            info = read_info(self._settings.checkpoint_path)
        except BadCheckpoint as error:
            raise _Unplannable(Failure(code=error.code, message=str(error))) from error
        key = checkpoint_key(info.sha256)
        found = self._store.stat(key)
        if found is None or found.size_bytes != info.size_bytes:
            data = info.path.read_bytes()
            if hashlib.sha256(data).hexdigest() != info.sha256:
                raise TransientError(f"{info.path} is being replaced: the job is planned once it stays the same")
            lease.check()
            self._store.write(key, data)
        return info.sha256

    def _freeze_inputs(self, job: Job, spec: ReconstructSpec, listing: Listing, part_size: int, lease: Lease) -> int:
        """Writes the list of each part's inputs, as they are found; their number, which may be 0 if none is new."""
        keys = JobKeys(job.job_id)
        items, refusals = 0, 0
        for part, found in enumerate(_chunks(_or_unplannable(listing), part_size)):
            items += len(found)
            refusals += sum(one.failure is not None and one.failure.code == StoreError.code for one in found)
            if items > MAX_ITEMS:
                pieces = " or take them in pieces by --limit" if isinstance(listing, NewObjects) else ""
                message = f"{_named(spec)} more than {MAX_ITEMS:,} objects: narrow it by --pattern{pieces}"
                raise _Unplannable(Failure(code="too_many_inputs", message=message))
            if self._store.stat(keys.cancel) is not None:
                raise _Cancelled(f"job {job.job_id} was cancelled")
            lease.check()
            self._store.write(keys.inputs(lease.token, part), to_lines(found))
        if items and refusals == items:  # it is the store that refuses, and not some of the objects
            raise _Unplannable(found[-1].failure or Failure(code=StoreError.code, message="the store refuses"))
        if items == 0 and not isinstance(listing, NewObjects):
            message = f"{_named(spec)} no objects{_narrowed(spec)}: nothing to reconstruct"
            raise _Unplannable(Failure(code="empty_source", message=message))
        return items

    def _freeze_points(self, job_id: str, spec: InterpolateSpec, lease: Lease) -> bool:
        """Writes the list of the images among the points; whether there are any."""
        try:
            found = find_points(spec, self._settings)
        except (StoreError, ObjectMissing, SourceNotAllowed, InvalidValue) as error:
            raise _Unplannable(Failure(code=error.code, message=str(error))) from error
        if found:
            lease.check()
            self._store.write(JobKeys(job_id).points(lease.token), to_lines(found))
        return bool(found)

    def _listing(self, job: Job, spec: ReconstructSpec, checkpoint: str, lease: Lease) -> Listing:
        if spec.keys_sha256 is not None:
            keys = JobKeys(job.job_id).key_list(spec.keys_sha256)
            return GivenKeys(spec, KeyList(self._store, keys, spec.keys_sha256), self._settings)
        if job.schedule and job.schedule.incremental and not job.schedule.full:
            try:
                ledger = LedgerKeeper(self._store).known(job.schedule, lease.check)
            except ScheduleGone as error:
                raise _Unplannable(Failure(code=error.code, message=str(error))) from error
            return NewObjects(spec, self._settings, ledger, checkpoint, retry_errors=job.schedule.retry_errors)
        return AllObjects(spec, self._settings)


def _or_unplannable(listing: Listing) -> Iterator[Input]:
    try:
        yield from listing
    except (StoreError, SourceNotAllowed, InvalidValue, BadDocument) as error:
        raise _Unplannable(Failure(code=error.code, message=str(error))) from error


def _named(spec: ReconstructSpec) -> str:
    return "the list of keys has" if spec.keys_sha256 is not None else f"source {shown(spec.source)} has"


def _narrowed(spec: ReconstructSpec) -> str:
    """What the objects were to match."""
    wanted = [
        *([shown(spec.glob)] if spec.glob is not None else []),
        *([f"--pattern {shown(spec.pattern)}"] if spec.pattern is not None else []),
    ]
    return f" that match {' and '.join(wanted)}" if wanted else ""


def _chunks(found: Iterable[Input], size: int) -> Iterator[list[Input]]:
    iterator = iter(found)
    while chunk := list(islice(iterator, size)):
        yield chunk
