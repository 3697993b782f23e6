"""What a parts worker does with a message: claim the part, do it, commit it, and see that the job goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TYPE_CHECKING

from vae_core.documents import load_inputs, load_job, load_plan, load_points
from vae_core.errors import (
    BadCheckpoint,
    InvalidValue,
    LeaseLost,
    QueueUnavailable,
    SourceNotAllowed,
    StoreUnavailable,
    TransientError,
    VaejobError,
)
from vae_core.inputs import open_places
from vae_core.jobs.codec import to_json, to_pretty_json
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.records import PartRecord
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.advancing import Advancer
from worker.engines import Engines
from worker.fetching import Limits
from worker.guard import CancelWatch, JobCancelled, PartGuard, WorkerStopping
from worker.hints import Hints
from worker.interpolating import Interpolating
from worker.kinds import Kind
from worker.lease import Lease
from worker.pointing import open_points
from worker.reconstructing import Reconstructing
from worker.runner import Assignment, Machine, PartRunner
from worker.sampling import Sampling
from worker.sender import Sender

if TYPE_CHECKING:
    from vae_core.model.engine import Engine

log = logging.getLogger(__name__)


class Outcome(Enum):
    """What a message came to. LEFT: to whoever holds the lease, or to the reconciler."""

    SETTLED_OR_BACK = "the job goes on from here"
    CANCELLED = "the job is to be ended"
    LEFT = "nothing more is to be done here"


class PartHandler:
    """Handles one message at a time, on one device."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        hints: Hints,
        sender: Sender,
        engines: Engines,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._store = store
        self._hints = hints
        self._engines = engines
        self._is_stopping = is_stopping
        self._advancer = Advancer(store, hints, sender, settings)
        self._left_notes: list[str] = []
        executor = ThreadPoolExecutor(settings.io_threads, thread_name_prefix="io")
        self._runner = PartRunner(store, executor)

    def handle(self, job_id: str, part: int) -> None:
        """Does the part unless it is committed, cancelled or leased by another; then sends what the job needs next.

        Raises TransientError when Redis or the store is away: the part is then sent again by the reconciler.
        """
        # Should this worker die before it has the lease, the part comes up again as soon as if it had had it.
        self._hints.set_mark(job_id, part, self._settings.lease_s)
        self._delete_left_notes()
        try:
            open_job = self._open_job(job_id, part)
        except VaejobError:
            self._drop_mark(job_id, part)  # nobody has it: it need not wait for its mark to lapse
            raise
        if open_job is None:
            self._drop_mark(job_id, part)
            return
        job, plan = open_job
        outcome = self._claim_and_do(job, plan, part)  # has released its lease: what is sent now finds the part free
        if outcome is Outcome.CANCELLED:
            self._advancer.send_finish(job_id)
        elif outcome is Outcome.SETTLED_OR_BACK:
            self._advancer.advance(job, plan)

    def _open_job(self, job_id: str, part: int) -> tuple[Job, Plan] | None:
        """The part's job and plan, or None for a job that has ended."""
        if self._store.stat(JobKeys(job_id).end) is not None:
            return None
        job, plan = load_job(self._store, job_id), load_plan(self._store, job_id)
        if plan is None or not 0 <= part < plan.parts:
            raise InvalidValue(f"part {part} of job {job_id} is in no plan")
        return job, plan

    def _claim_and_do(self, job: Job, plan: Plan, part: int) -> Outcome:
        keys = JobKeys(job.job_id)
        with Lease(self._hints, job.job_id, f"{part:05d}", self._settings.lease_s, part=part) as lease:
            if not lease.acquire():
                return Outcome.LEFT
            if self._store.stat(keys.part(part)) is not None:
                self._note_settled(job.job_id, part, None)
                return Outcome.SETTLED_OR_BACK
            if self._store.stat(keys.cancel) is not None:
                return Outcome.CANCELLED
            if self._settle_if_worn_out(job.job_id, part):
                return Outcome.SETTLED_OR_BACK
            return self._attempt(job, plan, part, lease)

    def _attempt(self, job: Job, plan: Plan, part: int, lease: Lease) -> Outcome:
        """One attempt, noted in the bucket while it lasts: a note that stays is of an attempt that died."""
        note = JobKeys(job.job_id).attempt(part, lease.token)
        self._store.write(note, b"")
        try:
            outcome = self._do_and_commit(job, plan, part, lease)
        except TransientError:
            self._delete_note(note)  # an error that passes is no death
            raise
        except Exception as error:  # a fault of the code, the device or this machine: it counts, and another follows
            foreseen = isinstance(error, VaejobError)
            log.error("job %s part %d failed: %s", job.job_id, part, error, exc_info=not foreseen)
            reason = str(error) if foreseen else f"{type(error).__name__}: {error}"
            self._store.write(note, reason[:2000].encode())
            return Outcome.LEFT
        self._delete_note(note)
        return outcome

    def _do_and_commit(self, job: Job, plan: Plan, part: int, lease: Lease) -> Outcome:
        """Raises TransientError, or whatever makes this attempt a failed one."""
        try:
            record = self._run(job, plan, part, lease)
            lease.check()
        except JobCancelled:
            return Outcome.CANCELLED
        except WorkerStopping:
            log.info("job %s part %d goes back: this worker is stopping", job.job_id, part)
            return Outcome.SETTLED_OR_BACK
        except LeaseLost as error:
            log.warning("job %s part %d is another worker's by now: %s", job.job_id, part, error)
            return Outcome.LEFT
        except (InvalidValue, SourceNotAllowed) as error:  # the spec, the plan or the inputs are wrong everywhere
            self._give_up(job.job_id, part, Failure(code=error.code, message=str(error)))
            return Outcome.SETTLED_OR_BACK
        key = JobKeys(job.job_id).part(part)
        first = self._store.create(key, to_json(record), content_type="application/json")
        what = f"{len(record.items)} done, {len(record.errors)} errors" if first else "was committed by another already"
        log.info("job %s part %d: %s", job.job_id, part, what)
        self._note_settled(job.job_id, part, len(record.errors) if first else None)
        return Outcome.SETTLED_OR_BACK

    def _run(self, job: Job, plan: Plan, part: int, lease: Lease) -> PartRecord:
        engine = self._engine(plan)
        guard = PartGuard(lease.check, self._is_stopping, CancelWatch(self._store, self._hints, job.job_id))
        return self._runner.run(
            Assignment(job, plan, part, lease.token),
            self._kind(job, plan, part),
            batch_size=engine.batch_size,
            machine=Machine(str(engine.kind), engine.kind.device, engine.device_type),
            guard=guard,
            on_progress=lambda done: self._note_progress(job.job_id, part, done),
        )

    def _engine(self, plan: Plan) -> Engine:
        """The plan's engine. Its errors are this machine's: the attempt fails, and another machine may do better."""
        try:
            return self._engines.get(plan.checkpoint_sha256)
        except InvalidValue as error:
            raise BadCheckpoint(str(error)) from error

    def _kind(self, job: Job, plan: Plan, part: int) -> Kind:
        engine, spec = self._engine(plan), job.spec
        limits = Limits(self._settings.max_input_bytes, self._settings.max_input_pixels)
        match spec:
            case SampleSpec():
                return Sampling(spec, engine)
            case InterpolateSpec():
                points = load_points(self._store, job.job_id, plan)
                return Interpolating(spec, engine, open_points(spec, points, self._settings), limits)
            case ReconstructSpec():
                inputs = load_inputs(self._store, job.job_id, plan, part)
                places = open_places(spec, self._settings)
                return Reconstructing(spec, engine, places, inputs, part * plan.part_size, limits)

    def _settle_if_worn_out(self, job_id: str, part: int) -> bool:
        """Gives the part up once `max_attempts` attempts at it have died."""
        attempts = [found.key for found in self._store.list(JobKeys(job_id).attempts(part))]
        if len(attempts) < self._settings.max_attempts:
            return False
        reasons = {self._store.read(key).data.decode(errors="replace") for key in attempts} - {""}
        last = f" ({min(reasons)})" if reasons else ""
        message = f"{len(attempts)} attempts at the part did not come back{last}: see the worker's log"
        self._give_up(job_id, part, Failure(code="worker_died", message=message))
        return True

    def _give_up(self, job_id: str, part: int, failure: Failure) -> None:
        log.error("job %s part %d is given up: %s", job_id, part, failure.message)
        self._store.create(JobKeys(job_id).dead(part), to_pretty_json(failure), content_type="application/json")
        self._note_settled(job_id, part, 0)

    # Clean-up that failed is done later: it must not replace what became of the part.

    def _delete_note(self, note: str) -> None:
        self._left_notes.append(note)
        try:
            self._delete_left_notes()
        except StoreUnavailable as error:
            log.warning("the note of an attempt is deleted later: %s", error)

    def _delete_left_notes(self) -> None:
        if self._left_notes:
            self._store.delete(self._left_notes)
            self._left_notes.clear()

    # Hints: the bucket already knows, so Redis being away stops nothing here.

    def _note_settled(self, job_id: str, part: int, errors: int | None) -> None:
        try:
            self._hints.note_committed(job_id, part, errors)
        except QueueUnavailable as error:
            log.warning("job %s part %d is settled, which Redis was not told: %s", job_id, part, error)

    def _note_progress(self, job_id: str, part: int, done: int) -> None:
        try:
            self._hints.note_progress(job_id, part, done)
        except QueueUnavailable as error:
            log.debug("progress of job %s is not shown: %s", job_id, error)

    def _drop_mark(self, job_id: str, part: int) -> None:
        try:
            self._hints.drop_mark(job_id, part)
        except QueueUnavailable as error:
            log.debug("the mark of job %s part %d is left to lapse: %s", job_id, part, error)
