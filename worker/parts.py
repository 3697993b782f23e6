"""What a parts worker does with a message: claim the part, do it, commit it, and see that the job goes on."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vae_core.documents import load_job, load_plan
from vae_core.errors import (
    BadCheckpoint,
    BatchTooLarge,
    DeviceFailed,
    InvalidValue,
    LeaseLost,
    QueueUnavailable,
    StoreError,
    StoreUnavailable,
    TransientError,
    VaejobError,
)
from vae_core.jobs.codec import to_json, to_pretty_json
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.parts import part_range
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.accounting import accounted
from worker.advancing import Advancer
from worker.attempt_notes import AttemptNote, AttemptNotes
from worker.attempts import Course, course_after
from worker.closing import Closer
from worker.engines import Engines
from worker.guard import CancelWatch, JobCancelled, PartGuard, WorkerStopping
from worker.hints import Hints
from worker.lease import Lease
from worker.making import Maker, Undoable
from worker.pools import ThreadPools
from worker.runner import Assignment, Care, Machine, PartRun
from worker.sender import Sender
from worker.watchdog import Watchdog

if TYPE_CHECKING:
    from vae_core.model.engine import Engine

log = logging.getLogger(__name__)

_STORE_WAIT_S = 30.0
_STORE_LOOK_S = 1.0

T = TypeVar("T")
Beat = Callable[[], None]
Steps = Generator[Beat, None, T]


class Outcome(Enum):
    """What a message came to. LEFT: to whoever holds the lease, to the reconciler, or to whoever paused the job."""

    SETTLED_OR_BACK = "the job goes on"
    CANCELLED = "the job is to be ended"
    LEFT = "nothing more is to be done here"


class _Claim(NamedTuple):
    """A leased part, and how it is to be done."""

    job: Job
    plan: Plan
    part: int
    lease: Lease
    course: Course
    watchdog: Watchdog


class PartHandler:
    """Handles one message at a time, on one device.

    owner: what the tokens of this process's leases begin with, so that its parent knows them should it die. on_commit:
    called whenever a part was done here. closer: does the ends of parts.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        hints: Hints,
        sender: Sender,
        engines: Engines,
        is_stopping: Callable[[], bool],
        *,
        owner: str = "",
        on_commit: Callable[[], None] = lambda: None,
        closer: Closer | None = None,
    ) -> None:
        self._closer = closer
        self._settings = settings
        self._store = store
        self._hints = hints
        self._is_stopping = is_stopping
        self._owner = owner
        self._on_commit = on_commit
        self._maker = Maker(settings, store, engines)
        self._advancer = Advancer(store, hints, sender, settings)
        self._notes = AttemptNotes(store, hints, f"{socket.gethostname()}:{os.getpid()}")
        self._pools = ThreadPools(settings.io_threads, store.url)

    def handle(self, job_id: str, part: int) -> None:
        """Does the part unless it is committed, cancelled, paused or leased by another; then sends what the job needs.

        With a closer it returns once the device has been given all of it, and what is left is done beside the next
        part. Raises TransientError when Redis or the store is away: the part is then sent again by the reconciler. So
        it is when the device does not work (DeviceFailed), which may have shown itself by the part before.
        """
        steps = self._steps(job_id, part)
        if self._closer is None:
            deque(steps, maxlen=0)
            return
        self._closer.check()
        beat = next(steps, None)
        if beat is None:
            return
        try:
            self._closer.hand_over(partial(self._rest, steps, job_id, part), waiting=beat)
        except DeviceFailed as error:
            steps.throw(error)  # the part goes back, and the error comes out again

    def settle(self, waiting: Beat = lambda: None) -> None:
        """Returns once nothing is left to do of parts that were handled before. waiting: called every second until
        then. Raises DeviceFailed where one of them did not get on.
        """
        if self._closer is not None:
            self._closer.settle(waiting)

    def _rest(self, steps: Iterator[Beat], job_id: str, part: int) -> None:
        with accounted(f"part {part} of job {job_id!r}"):
            deque(steps, maxlen=0)

    def _steps(self, job_id: str, part: int) -> Steps[None]:
        """All that `handle` does, with one halt, from which another thread may go on: the device has been given all of
        the part, and can take the next. It gives what is to be called from time to time while nobody does.
        """
        with Watchdog(f"job {job_id} part {part}", self._settings.batch_timeout_s) as watchdog:
            yield from self._watched_steps(job_id, part, watchdog)

    def _watched_steps(self, job_id: str, part: int, watchdog: Watchdog) -> Steps[None]:
        # Should this worker die before it has the lease, the part comes up again as soon as if it had had it.
        self._set_mark(job_id, part, self._settings.lease_s)
        self._notes.remove_left()
        try:
            open_job = self._open_job(job_id, part)
        except VaejobError as error:
            self._drop_mark(job_id, part)  # nobody has it: it need not wait for its mark to lapse
            if isinstance(error, StoreError | StoreUnavailable):
                self._wait_for_store()
            raise
        if open_job is None:
            self._drop_mark(job_id, part)
            return
        job, plan = open_job
        watchdog.beat()
        outcome = yield from self._claim_and_do(job, plan, part, watchdog)
        watchdog.beat()
        # The lease is released by now: what is sent from here on finds the part free.
        if outcome is Outcome.CANCELLED:
            self._advancer.send_finish(job)
        elif outcome is not Outcome.LEFT:
            self._advancer.advance(job, plan)

    def _wait_for_store(self) -> None:
        """Returns once the store answers, or after some seconds: who cannot do a part is not to be first at the next.

        Otherwise one machine that the store refuses would take all messages before those that can do them.
        """
        deadline = time.monotonic() + _STORE_WAIT_S
        while not self._is_stopping() and time.monotonic() < deadline:
            time.sleep(_STORE_LOOK_S)
            try:
                self._store.check()
                return
            except (StoreError, StoreUnavailable) as error:
                log.debug("the store is still away: %s", error)

    def _open_job(self, job_id: str, part: int) -> tuple[Job, Plan] | None:
        """The part's job and plan, or None for a job that has ended."""
        if self._store.stat(JobKeys(job_id).end) is not None:
            return None
        job, plan = load_job(self._store, job_id), load_plan(self._store, job_id)
        if plan is None or not 0 <= part < plan.parts:
            raise InvalidValue(f"part {part} of job {job_id} is in no plan")
        return job, plan

    def _claim_and_do(self, job: Job, plan: Plan, part: int, watchdog: Watchdog) -> Steps[Outcome]:
        keys = JobKeys(job.job_id)
        ttl_s = self._settings.lease_s
        with Lease(self._hints, job.job_id, f"{part:05d}", ttl_s, part=part, owner=self._owner) as lease:
            if not lease.acquire():
                return Outcome.LEFT
            if self._store.stat(keys.part(part)) is not None:
                self._note_settled(job.job_id, part, None)
                return Outcome.SETTLED_OR_BACK
            if self._store.stat(keys.cancel) is not None:
                return Outcome.CANCELLED
            if self._store.stat(keys.paused) is not None:
                return Outcome.LEFT
            attempts = self._notes.of_part(job.job_id, part)
            course = course_after(attempts, part_range(plan, part)[0], self._settings.max_attempts)
            if course.given_up is not None:
                self._give_up(job.job_id, part, course.given_up)
                return Outcome.SETTLED_OR_BACK
            return (yield from self._attempt(_Claim(job, plan, part, lease, course, watchdog)))

    def _attempt(self, claim: _Claim) -> Steps[Outcome]:
        """One attempt, noted in the bucket while it lasts: a note that stays is of an attempt that died."""
        job_id, part, course = claim.job.job_id, claim.part, claim.course
        if course.alone_from is not None:
            what = "job %s part %d did not come back from %d attempts: its items are worked on alone from %d on"
            log.warning(what, job_id, part, course.number - 1, course.alone_from)
            # Should this process die with one item in hand, no other part can be the reason.
            self.settle(claim.watchdog.beat)
        try:
            self._maker.engine(claim.plan)  # before the note: a process that dies as it loads says nothing of the part
        except BadCheckpoint as error:
            log.error("job %s part %d: %s", job_id, part, error)
            self._notes.begin(job_id, part, claim.lease.token, course).fail(_failure(error), outside=True)
            return Outcome.LEFT
        claim.watchdog.beat()
        note = self._notes.begin(job_id, part, claim.lease.token, course)
        try:
            outcome = yield from self._do_and_commit(claim, note)
        except TransientError:
            self._notes.remove(note)  # an error that passes is no death
            raise
        except Exception as error:  # a fault of the code or of this machine: it counts, and another attempt follows
            foreseen = isinstance(error, VaejobError)
            log.error("job %s part %d failed: %s", job_id, part, error, exc_info=not foreseen)
            note.fail(_failure(error), outside=foreseen)
            return Outcome.LEFT
        self._notes.remove(note)
        return outcome

    def _do_and_commit(self, claim: _Claim, note: AttemptNote) -> Steps[Outcome]:
        """Raises TransientError, or whatever makes this attempt a failed one."""
        job_id, part = claim.job.job_id, claim.part
        engine = self._maker.engine(claim.plan)
        try:
            with closing(self._run(engine, claim, note)) as run:
                run.begin()
                if claim.course.alone_from is None:  # else, should the next part end this process, it would be to blame
                    yield claim.watchdog.beat
                record = run.finish()
            claim.lease.check()
        except JobCancelled:
            return Outcome.CANCELLED
        except WorkerStopping:
            log.info("job %s part %d goes back: this worker is stopping", job_id, part)
            return Outcome.SETTLED_OR_BACK
        except BatchTooLarge as error:
            log.info("job %s part %d goes back: %s", job_id, part, error)
            self._maker.halve_batches(engine)
            return Outcome.SETTLED_OR_BACK
        except LeaseLost as error:
            log.warning("job %s part %d is another worker's by now: %s", job_id, part, error)
            return Outcome.LEFT
        except Undoable as error:
            self._give_up(job_id, part, error.failure)
            return Outcome.SETTLED_OR_BACK
        key = JobKeys(job_id).part(part)
        first = self._store.create(key, to_json(record), content_type="application/json", settle=False)
        what = f"{len(record.items)} done, {len(record.errors)} errors" if first else "was committed by another already"
        log.info("job %s part %d: %s", job_id, part, what)
        self._on_commit()
        self._note_settled(job_id, part, len(record.errors) if first else None)
        return Outcome.SETTLED_OR_BACK

    def _run(self, engine: Engine, claim: _Claim, note: AttemptNote) -> PartRun:
        job, plan, part, lease, course, watchdog = claim
        care = None
        if course.alone_from is not None:
            care = Care(course.alone_from, course.killers, note.take, note.items_over)
        return PartRun(
            self._store,
            self._pools.of_part(job.spec, engine),
            Assignment(job, plan, part, lease.token),
            self._maker.kind(job, plan, part, engine),
            batch_size=engine.batch_size,
            machine=Machine(str(engine.kind), engine.kind.device, engine.device_type, self._maker.halved_from),
            guard=PartGuard(lease.check, self._is_stopping, CancelWatch(self._store, self._hints, job.job_id)),
            on_progress=lambda done: self._note_progress(job.job_id, part, done),
            beat=watchdog.beat,
            care=care,
        )

    def _give_up(self, job_id: str, part: int, failure: Failure) -> None:
        log.error("job %s part %d is given up: %s", job_id, part, failure.message)
        self._store.create(JobKeys(job_id).dead(part), to_pretty_json(failure), content_type="application/json")
        self._note_settled(job_id, part, 0)

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

    def _set_mark(self, job_id: str, part: int, mark_s: float) -> None:
        try:
            self._hints.set_mark(job_id, part, mark_s)
        except QueueUnavailable as error:  # it may have passed by the time that the part is claimed
            log.debug("the mark of job %s part %d stays as it was: %s", job_id, part, error)

    def _drop_mark(self, job_id: str, part: int) -> None:
        try:
            self._hints.drop_mark(job_id, part)
        except QueueUnavailable as error:
            log.debug("the mark of job %s part %d is left to lapse: %s", job_id, part, error)


def _failure(error: Exception) -> Failure:
    """What an attempt's note says of the error that ended it."""
    if isinstance(error, VaejobError):
        return Failure(code=error.code, message=str(error))
    return Failure(code="failed", message=" ".join(f"{type(error).__name__}: {error}".split())[:2000])
