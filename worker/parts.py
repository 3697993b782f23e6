"""What a parts worker does with a message: claim the part, do it, commit it, and see that the job goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from vae_core.documents import load_inputs, load_job, load_plan
from vae_core.errors import InvalidValue, LeaseLost, PermanentError, QueueUnavailable, VaejobError
from vae_core.inputs import open_inputs
from vae_core.jobs.codec import to_json, to_pretty_json
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.records import PartRecord
from vae_core.jobs.spec import SampleSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.advancing import Advancer
from worker.engines import Engines
from worker.guard import JobCancelled, PartGuard, WorkerStopping
from worker.hints import Hints
from worker.kinds import Kind
from worker.lease import Lease
from worker.reconstructing import Limits, Reconstructing
from worker.runner import Assignment, PartRunner
from worker.sampling import Sampling
from worker.sender import Sender

log = logging.getLogger(__name__)


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
        self._sender = sender
        self._engines = engines
        self._is_stopping = is_stopping
        self._advancer = Advancer(store, hints, sender, settings)
        executor = ThreadPoolExecutor(settings.io_threads, thread_name_prefix="io")
        self._runner = PartRunner(store, executor)

    def handle(self, job_id: str, part: int) -> None:
        """Does the part unless it is committed, cancelled or leased by another; then sends what the job needs next.

        Raises TransientError when Redis or the store is away: the part is then sent again by the reconciler.
        """
        keys = JobKeys(job_id)
        if self._store.stat(keys.end) is not None:
            return
        job, plan = load_job(self._store, job_id), load_plan(self._store, job_id)
        if plan is None or not 0 <= part < plan.parts:
            raise InvalidValue(f"part {part} of job {job_id} is in no plan")
        if self._store.stat(keys.cancel) is not None:
            self._sender.finish(job_id)
            return
        if self._store.stat(keys.part(part)) is None and not self._claim_and_do(job, plan, part):
            return
        self._advancer.advance(job, plan)

    def _claim_and_do(self, job: Job, plan: Plan, part: int) -> bool:
        """Whether the job should be advanced from here."""
        with Lease(self._hints, job.job_id, f"{part:05d}", self._settings.lease_s, part=part) as lease:
            if not lease.acquire():
                return False
            if self._store.stat(JobKeys(job.job_id).part(part)) is not None:
                return True  # committed between the first look and the lease
            if self._settle_if_worn_out(job.job_id, part):
                return True
            return self._attempt(job, plan, part, lease)

    def _attempt(self, job: Job, plan: Plan, part: int, lease: Lease) -> bool:
        """One attempt, noted in the bucket while it lasts: a note that stays is of an attempt that died."""
        keys = JobKeys(job.job_id)
        note = keys.attempt(part, lease.token)
        self._store.write(note, b"")
        try:
            goes_on = self._do_and_commit(job, plan, part, lease)
        except VaejobError:
            self._store.delete([note])  # an error that was foreseen is no death
            raise
        except Exception as error:  # a fault of the code or the device: the attempt counts, and another one follows
            log.exception("job %s part %d failed", job.job_id, part)
            self._store.write(note, f"{type(error).__name__}: {error}"[:2000].encode())
            return False
        self._store.delete([note])
        return goes_on

    def _do_and_commit(self, job: Job, plan: Plan, part: int, lease: Lease) -> bool:
        try:
            record = self._run(job, plan, part, lease)
            lease.check()
            self._store.create(JobKeys(job.job_id).part(part), to_json(record), content_type="application/json")
        except JobCancelled:
            self._sender.finish(job.job_id)
            return False
        except WorkerStopping:
            log.info("job %s part %d goes back: this worker is stopping", job.job_id, part)
            return True  # advancing sends it again, once the lease is released
        except LeaseLost as error:
            log.warning("job %s part %d is another worker's by now: %s", job.job_id, part, error)
            return False
        except PermanentError as error:
            self._give_up(job.job_id, part, Failure(code=error.code, message=str(error)))
            return True
        log.info("job %s part %d: %d done, %d errors", job.job_id, part, len(record.items), len(record.errors))
        self._note_settled(job.job_id, part, len(record.errors))
        return True

    def _run(self, job: Job, plan: Plan, part: int, lease: Lease) -> PartRecord:
        engine = self._engines.get(plan.checkpoint_sha256)
        guard = PartGuard(lease.check, self._is_stopping, lambda: self._is_cancelled(job.job_id))
        return self._runner.run(
            Assignment(job, plan, part, lease.token),
            self._kind(job, plan, part),
            batch_size=engine.batch_size,
            engine_kind=str(engine.kind),
            guard=guard,
            on_progress=lambda done: self._note_progress(job.job_id, part, done),
        )

    def _kind(self, job: Job, plan: Plan, part: int) -> Kind:
        engine = self._engines.get(plan.checkpoint_sha256)
        if isinstance(job.spec, SampleSpec):
            return Sampling(job.spec, engine)
        return Reconstructing(
            job.spec,
            engine,
            open_inputs(job.spec, self._settings).store,
            load_inputs(self._store, job.job_id, plan, part),
            part * plan.part_size,
            Limits(self._settings.max_input_bytes, self._settings.max_input_pixels),
        )

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

    # Hints: the bucket already knows, so Redis being away stops nothing here.

    def _note_settled(self, job_id: str, part: int, errors: int) -> None:
        try:
            self._hints.note_committed(job_id, part, errors)
        except QueueUnavailable as error:
            log.warning("job %s part %d is settled, which Redis was not told: %s", job_id, part, error)

    def _note_progress(self, job_id: str, part: int, done: int) -> None:
        try:
            self._hints.note_progress(job_id, part, done)
        except QueueUnavailable as error:
            log.debug("progress of job %s is not shown: %s", job_id, error)

    def _is_cancelled(self, job_id: str) -> bool:
        try:
            return self._hints.is_cancelled(job_id)
        except QueueUnavailable:
            return False  # asked again from the bucket before the next part
