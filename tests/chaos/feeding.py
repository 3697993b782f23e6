"""Keeping two jobs open at any time, submitted by the real command."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from collections.abc import Sequence

from tests.chaos.jobs import Order, Submitted
from tests.chaos.journal import Journal
from tests.fleet import Fleet
from vae_core.errors import ObjectMissing
from vae_core.jobs.codec import from_json
from vae_core.jobs.job import End
from vae_core.jobs.layout import JobKeys
from vae_core.storage.base import Store

_AGAIN_S = 1.0
_LOOK_S = 0.2
_SUBMIT_S = 180.0
_PUT_OFF = (1, 4)  # the store is away, or what the command could not foresee: called again


class Feeder:
    """Submits the orders of each row in turn from a thread, a job once the one before has ended, until told to cease.

    jobs: all so far. again: how often the command had to be called once more, as it was refused for a passing reason.
    """

    def __init__(
        self, fleet: Fleet, store: Store, rows: Sequence[Sequence[Order]], label: str, journal: Journal
    ) -> None:
        self.jobs: list[Submitted] = []
        self.again = 0
        self._fleet = fleet
        self._store = store
        self._label = label
        self._journal = journal
        self._numbers = itertools.count()
        self._parts: dict[str, int] = {}
        self._ceased = threading.Event()
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._feed, args=(row,), daemon=True) for row in rows]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def cease(self) -> None:
        """No further job; returns once none is being submitted."""
        self._ceased.set()
        for thread in self._threads:
            thread.join()
        self.check()

    def check(self) -> None:
        """Raises what a submission came to that was neither accepted nor put off."""
        if self._failure is not None:
            raise self._failure

    def submit(self, order: Order) -> Submitted:
        """Calls the command until the job is accepted. Raises AssertionError if it is refused for good."""
        job = Submitted(f"{order.name}-{self._label}-{next(self._numbers)}", order)
        deadline = time.monotonic() + _SUBMIT_S
        while True:
            done = self._call(*order.arguments, "--job-id", job.job_id)
            said = " ".join(done.stderr.split())
            if done.returncode == 0:
                self._journal.note(f"job {job.job_id} is accepted. {said}")
                self.jobs.append(job)
                return job
            self.again += 1
            self._journal.note(f"job {job.job_id} is not accepted, status {done.returncode}: {said}")
            if done.returncode not in _PUT_OFF or time.monotonic() > deadline:
                raise AssertionError(f"vaejob {' '.join(order.arguments)}: status {done.returncode}: {said}")
            time.sleep(_AGAIN_S)

    def look(self) -> list[Submitted]:
        """The jobs that have not ended; notes the end of those that have."""
        with self._lock:
            return [job for job in self.jobs if not self._has_ended(job)]

    def settled(self) -> int:
        """Grows whenever a part is committed or a job ends."""
        for job in self.look():
            found = sum(1 for _ in self._store.list(JobKeys(job.job_id).parts))
            self._parts[job.job_id] = max(found, self._parts.get(job.job_id, 0))
        return sum(self._parts.values()) + sum(job.end is not None for job in self.jobs)

    def _has_ended(self, job: Submitted) -> bool:
        if job.end is None:
            try:
                job.end = self._store.read(JobKeys(job.job_id).end).data
            except ObjectMissing:
                return False
            self._journal.note(f"job {job.job_id} has {from_json(job.end, End, 'end.json').state}")
        return True

    def _feed(self, row: Sequence[Order]) -> None:
        orders = itertools.cycle(row)
        try:
            while not self._ceased.is_set():
                job = self.submit(next(orders))
                while job in self.look() and not self._ceased.wait(_LOOK_S):
                    pass
        except BaseException as failure:  # noqa: BLE001  # raised by `check`, in the thread that asks
            self._failure = failure

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self._fleet.start_vaejob(*arguments)
        out, err = process.communicate(timeout=_SUBMIT_S)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)
