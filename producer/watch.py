"""Following a job until it ends, whatever goes away meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from producer.display import Display
from producer.fleet import absence
from producer.hints import Hints, Progress
from producer.status import JobReader, JobStatus
from vae_core.errors import QueueUnavailable, StoreUnavailable
from vae_core.jobs.state import ENDED
from vae_core.settings import Settings
from vae_core.storage.base import Store
from vae_core.submission import ensure_open

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.5
GROWTH = 1.2
WORKERS_EVERY_S = 5.0
REDIS_AGAIN_S = 5.0
STORE_PATIENCE_S = 300.0


class Watcher:
    """Looks at one job, often at first and then every second or two, until it has ended.

    clock and pause: monotonic seconds, and how to wait for some.
    """

    def __init__(
        self,
        store: Store,
        reader: JobReader,
        hints: Hints,
        settings: Settings,
        display: Display,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._reader = reader
        self._hints = hints
        self._settings = settings
        self._display = display
        self._clock = clock
        self._pause = pause
        self._redis_again_at = 0.0
        self._workers_again_at = 0.0
        self._told_absence = False
        self._told_paused = False
        self._marked_open = False
        self._store_lost_at: float | None = None

    def run(self) -> JobStatus:
        """The job as it ended. Raises StoreError at once, StoreUnavailable once the store was away for five minutes."""
        pause_s = FIRST_PAUSE_S
        try:
            while True:
                status = self._look()
                if status is not None:
                    self._display.update(status)
                    if status.state in ENDED:
                        return status
                    if not self._tell_paused(status):
                        self._look_for_workers()
                self._pause(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * GROWTH)
        finally:
            self._display.close()

    def _look(self) -> JobStatus | None:
        """The job as it stands, or None while the store is away."""
        try:
            status = self._reader.read(self._progress())
            if not self._marked_open and status.state not in ENDED:
                ensure_open(self._store, status.job_id)
                self._marked_open = True
        except StoreUnavailable as away:
            now = self._clock()
            if self._store_lost_at is None:
                self._store_lost_at = now
                self._display.note(f"{away} (trying again for up to {STORE_PATIENCE_S / 60:.0f} minutes)")
            if now - self._store_lost_at >= STORE_PATIENCE_S:
                raise
            return None
        if self._store_lost_at is not None:
            self._store_lost_at = None
            self._display.note("the store answers again")
        return status

    def _progress(self) -> Progress | None:
        if self._clock() < self._redis_again_at:
            return None
        try:
            return self._hints.progress(self._reader.job.job_id)
        except QueueUnavailable:
            # Only hints are lost: the bucket says how far the job is, part by part.
            self._redis_again_at = self._clock() + REDIS_AGAIN_S
            return None

    def _tell_paused(self, status: JobStatus) -> bool:
        """Whether the job is paused, and so waits for somebody else than a worker; said once each time."""
        is_paused = status.state == "paused"
        if is_paused and not self._told_paused:
            self._display.note(f"job {status.job_id} is paused: `vaejob resume {status.job_id}` lets it go on")
        self._told_paused = is_paused
        return is_paused

    def _look_for_workers(self) -> None:
        now = self._clock()
        if now < self._workers_again_at:
            return
        self._workers_again_at = now + WORKERS_EVERY_S
        missing = absence(self._hints, self._settings, self._store.url)
        if missing is not None and not self._told_absence:
            self._display.note(f"{missing}; the job goes on by itself once a worker comes")
        elif missing is None and self._told_absence:
            self._display.note("a worker is there now")
        self._told_absence = missing is not None
