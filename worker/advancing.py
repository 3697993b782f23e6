"""Keeping a window of each job's parts on the queue, and sending `finish` once all of them are settled."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice

from vae_core.documents import listed_parts
from vae_core.errors import QueueUnavailable
from vae_core.jobs.job import Job, Plan
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import ReconstructSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.hints import Hints
from worker.sender import Sender

log = logging.getLogger(__name__)

PARTS_PER_PROCESS = 2
SPARE_PARTS = 2
_PROCESSES_KNOWN_S = 5.0
_UNSENT_MARK_S = 5.0
_MESSAGE_MARK_S = 30.0
_LONGEST_MESSAGE_MARK_S = 300.0
_IDLE_MARK_S = 3600.0


class Advancer:
    """Sends what a job still needs. Doing it twice, or in two places at once, is harmless."""

    def __init__(self, store: Store, hints: Hints, sender: Sender, settings: Settings) -> None:
        self._store = store
        self._hints = hints
        self._sender = sender
        self._settings = settings
        self._processes = 0
        self._processes_known_at = -_PROCESSES_KNOWN_S

    def advance(
        self, job: Job, plan: Plan, *, recount: bool = False, may_fail: bool = True, doubt_marks: bool = False
    ) -> float | None:
        """Tops up the window of a job that is not paused, or sends `finish`.

        recount: take the settled parts from a listing of the bucket, not from what Redis remembers.
        may_fail: finish it as well once Redis counts more failed items than the spec allows.
        doubt_marks: messages may have been lost; those sent before are sent again unless they are taken soon.
        Returns in how many seconds the first lease on a part of it lapses, if there is one and it is not renewed.
        Raises QueueUnavailable, and the store's errors.
        """
        settled = None if recount else self._hints.committed(job.job_id)
        if settled is None or len(settled) >= plan.parts:  # forgotten, or to be confirmed
            settled = self.recount(job.job_id, plan)
        if len(settled) >= plan.parts or (may_fail and self.has_failed(job, plan)):
            self.send_finish(job)
            return None
        if self._store.stat(JobKeys(job.job_id).paused) is not None:
            return None
        channels = self._hints.channels
        processes = self._part_processes()
        window = PARTS_PER_PROCESS * processes + SPARE_PARTS
        # At most a window of them is in flight, so twice as many are enough to fill it.
        candidates = list(islice((part for part in range(plan.parts) if part not in settled), 2 * window))
        if processes:
            marks_s = {queue: self._patience_s(job, self._settings.mark_s, queue) for queue in channels.parts_queues}
        else:  # with nobody to take it, a message stays on the queue: it need not be sent again while that is so
            marks_s = dict.fromkeys(channels.parts_queues, max(self._settings.mark_s, _IDLE_MARK_S))
        claimed = self._hints.claim_marks(
            job.job_id,
            candidates,
            window=window,
            mark_s=_UNSENT_MARK_S,
            longest_s=self._settings.lease_s if doubt_marks else max(marks_s.values()),
        )
        for part in claimed.parts:
            first = not claimed.in_flight and part == claimed.parts[0]
            queue = channels.first_parts_queue if first else channels.more_parts_queue
            self._hints.set_mark(job.job_id, part, marks_s[queue])
            self._send_part(job, part, first=first)
        return claimed.lapse_s

    def send_plan(self, job: Job) -> None:
        """Sends `plan`, unless one is on the queue."""
        self._send_once(job, "plan", self._sender.plan)

    def send_finish(self, job: Job) -> None:
        """Sends `finish`, unless one is on the queue."""
        self._send_once(job, "finish", self._sender.finish)

    def recount(self, job_id: str, plan: Plan) -> set[int]:
        """The parts that are committed or given up, by a listing of the bucket; Redis is told."""
        keys = JobKeys(job_id)
        found = (*listed_parts(self._store, keys.parts), *listed_parts(self._store, keys.dead_parts))
        settled = {part for part in found if part < plan.parts}
        self._hints.add_committed(job_id, settled)
        return settled

    def has_failed(self, job: Job, plan: Plan) -> bool:
        """Whether more items have errors than the spec allows, as far as Redis knows; `finish` looks again."""
        if not isinstance(job.spec, ReconstructSpec) or job.spec.max_failure_rate >= 1.0:
            return False
        return self._hints.failed_items(job.job_id) > job.spec.max_failure_rate * plan.items

    def _send_part(self, job: Job, part: int, *, first: bool) -> None:
        try:
            self._sender.part(job.job_id, part, job.priority, first=first)
        except QueueUnavailable:
            self._hints.drop_mark(job.job_id, part)  # not on the queue after all; if this fails too, the mark lapses
            raise

    def _send_once(self, job: Job, what: str, send: Callable[[str, str], None]) -> None:
        mark_s = self._patience_s(job, min(self._settings.mark_s, _MESSAGE_MARK_S), self._hints.channels.control_queue)
        if not self._hints.claim_message(job.job_id, what, min(mark_s, _LONGEST_MESSAGE_MARK_S)):
            return
        try:
            send(job.job_id, job.priority)
        except QueueUnavailable:
            self._hints.drop_message(job.job_id, what)
            raise

    def _patience_s(self, job: Job, least_s: float, queue: str) -> float:
        """How long a message of the job may wait before it counts as lost: longer than those before it do already.

        Where jobs wait for hours, each of their messages would be sent again and again otherwise.
        """
        return least_s + self._hints.oldest_s(job.priority, queue)

    def _part_processes(self) -> int:
        now = time.monotonic()
        if now - self._processes_known_at >= _PROCESSES_KNOWN_S:
            self._processes = self._hints.part_processes()
            self._processes_known_at = now
        return self._processes
