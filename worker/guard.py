"""Whether the work in hand may go on: asked between batches and before each write."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from vae_core.errors import QueueUnavailable, VaejobError
from vae_core.jobs.layout import JobKeys
from vae_core.storage.base import Store
from worker.hints import Hints


class Interrupted(VaejobError):
    """The work stops here on purpose; nothing is wrong with it."""


class JobCancelled(Interrupted):
    """Its job was cancelled: the part is not to be done at all."""


class WorkerStopping(Interrupted):
    """This worker was told to stop: the part goes back, and the attempt does not count."""


class Guard(Protocol):
    """What the runner asks; it knows neither leases nor signals."""

    def before_write(self) -> None:
        """Returns if a write is allowed; otherwise raises LeaseLost."""

    def between_batches(self) -> None:
        """Returns if the next batch may begin; otherwise raises LeaseLost, JobCancelled or WorkerStopping."""


class PartGuard:
    """The guard of a leased part. is_cancelled is asked at most once in `cancel_check_s`."""

    def __init__(
        self,
        check_lease: Callable[[], None],
        is_stopping: Callable[[], bool],
        is_cancelled: Callable[[], bool],
        *,
        cancel_check_s: float = 0.5,
    ) -> None:
        self._check_lease = check_lease
        self._is_stopping = is_stopping
        self._is_cancelled = is_cancelled
        self._cancel_check_s = cancel_check_s
        self._cancel_checked_at = -math.inf

    def before_write(self) -> None:
        self._check_lease()

    def between_batches(self) -> None:
        self._check_lease()
        if self._is_stopping():
            raise WorkerStopping("this worker was told to stop")
        now = time.monotonic()
        if now - self._cancel_checked_at >= self._cancel_check_s:
            self._cancel_checked_at = now
            if self._is_cancelled():
                raise JobCancelled("the job was cancelled")


class CancelWatch:
    """Whether a job was cancelled: asked of Redis, which may lie either way, and settled by the bucket.

    A flag in Redis is checked against the bucket; without one the bucket is asked all the same, but rarely.
    """

    def __init__(self, store: Store, hints: Hints, job_id: str, *, store_check_s: float = 10.0) -> None:
        self._store = store
        self._hints = hints
        self._job_id = job_id
        self._store_check_s = store_check_s
        self._store_checked_at = time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._is_flagged() and now - self._store_checked_at < self._store_check_s:
            return False
        self._store_checked_at = now
        return self._store.stat(JobKeys(self._job_id).cancel) is not None

    def _is_flagged(self) -> bool:
        try:
            return self._hints.is_cancelled(self._job_id)
        except QueueUnavailable:
            return False
