"""A worker's short-lived claim, renewed by a thread and checked by its own clock before each write."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType

from vae_core.errors import LeaseLost, QueueUnavailable
from vae_core.jobs.ids import new_token
from worker.hints import Hints

log = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4


class Lease:
    """A claim on a part, on planning or on finishing a job. Use as a context manager: leaving it releases the claim.

    The deadline is this machine's monotonic clock at the moment a renewal was *asked for*, plus the lease's length:
    a worker that was stopped or cut off finds it passed, and stops, whatever Redis says.
    """

    def __init__(
        self, hints: Hints, job_id: str, what: str, ttl_s: float, *, part: int | None = None, owner: str = ""
    ) -> None:
        """owner: what the token begins with, for whoever cleans up after a dead process."""
        self.token = owner + new_token()
        self._hints = hints
        self._job_id = job_id
        self._what = what
        self._ttl_s = ttl_s
        self._part = part
        self._deadline = 0.0
        self._acquired = False
        self._ended = threading.Event()
        self._renewer = threading.Thread(target=self._renew_until_ended, name=f"lease-{what}", daemon=True)

    def acquire(self) -> bool:
        """Claims it and starts renewing; False if another holds it. Raises QueueUnavailable."""
        asked = time.monotonic()
        if not self._hints.acquire(self._job_id, self._what, self.token, self._ttl_s, self._part):
            return False
        self._deadline = asked + self._ttl_s
        self._acquired = True
        self._renewer.start()
        return True

    def check(self) -> None:
        """Raises LeaseLost once the claim has run out or was taken over."""
        if time.monotonic() >= self._deadline:
            raise LeaseLost(f"the lease on {self._what} of job {self._job_id} has run out")

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._acquired:
            return
        self._ended.set()
        self._renewer.join()
        try:
            self._hints.release(self._job_id, self._what, self.token, self._part)
        except QueueUnavailable as away:
            log.warning("lease on %s of job %s is left to run out: %s", self._what, self._job_id, away)

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._ttl_s / RENEWALS_PER_LEASE):
            asked = time.monotonic()
            if asked >= self._deadline:
                return  # it ran out while this process stood still; another may hold it by now
            try:
                if not self._hints.renew(self._job_id, self._what, self.token, self._ttl_s, self._part):
                    self._deadline = 0.0
                    return
            except QueueUnavailable as away:
                log.warning("lease on %s of job %s is not renewed: %s", self._what, self._job_id, away)
                continue
            self._deadline = asked + self._ttl_s
