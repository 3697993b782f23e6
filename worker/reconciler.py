"""Heals open jobs, and submits what schedules have due: one at a time in a fleet.

What is not planned, committed, leased or on the queue is sent again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from vae_core.documents import load_job, load_plan
from vae_core.errors import LeaseLost, NoSuchJob, QueueUnavailable, TransientError, VaejobError
from vae_core.jobs.channels import FLEET
from vae_core.jobs.ids import JOB_ID
from vae_core.jobs.layout import OPEN, JobKeys, open_key
from vae_core.settings import Settings
from vae_core.storage.base import Store
from worker.advancing import Advancer
from worker.ending import close_job
from worker.hints import Hints
from worker.lease import Lease
from worker.scheduling import Scheduler

log = logging.getLogger(__name__)

ORPHAN_S = 600.0
_REDIS_RETRY_S = 1.0
_SOONEST_S = 0.5


class Reconciler:
    """The one path that heals lost messages, killed workers and an emptied Redis."""

    def __init__(
        self, store: Store, hints: Hints, advancer: Advancer, scheduler: Scheduler, settings: Settings
    ) -> None:
        self._store = store
        self._hints = hints
        self._advancer = advancer
        self._scheduler = scheduler
        self._settings = settings
        self._told: dict[str, str] = {}
        self._redis_was_away = False
        self._orphans: dict[str, float] = {}  # markers without a job, and since when they have been seen
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Looks at all open jobs at once, then every `reconcile_s` seconds, or sooner where a claim on a part lapses
        before that, and whenever Redis comes back.
        """
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=self._settings.lease_s)

    def reconcile(self) -> float:
        """One pass over open jobs and schedules, if no other control worker is at it. Raises TransientError.

        Returns after how many seconds the next one should follow.
        """
        pause_s = self._settings.reconcile_s
        with Lease(self._hints, FLEET, "reconciler", self._settings.reconcile_s) as lease:
            if not lease.acquire():
                self._orphans = {}  # what becomes of them in this pass is not seen here
                return pause_s
            seen_before, self._orphans = self._orphans, {}
            found_open = set[str]()
            for found in self._store.list(OPEN):
                if self._stopped.is_set():
                    return pause_s
                lease.check()
                job_id = found.key.removeprefix(OPEN)
                found_open.add(job_id)
                if JOB_ID.fullmatch(job_id):
                    lapse_s = self._heal_or_say(job_id, seen_before)
                    if lapse_s is not None:  # the worker that held it is dead then, or it would have renewed it
                        pause_s = min(pause_s, lapse_s + _SOONEST_S)
            self._redis_was_away = False
            self._told = {job_id: text for job_id, text in self._told.items() if job_id in found_open}
            next_slot_s = self._scheduler.look(lease.check)
            if next_slot_s is not None:
                pause_s = min(pause_s, max(next_slot_s, 0.0) + _SOONEST_S)
            self._tidy()
        return pause_s

    def _tidy(self) -> None:
        try:
            self._store.tidy()
        except VaejobError as error:  # what is left lying harms nobody
            log.warning("what killed processes left stays for now: %s", error)

    def _run(self) -> None:
        while not self._stopped.is_set():
            pause_s = self._settings.reconcile_s
            try:
                pause_s = self.reconcile()
            except QueueUnavailable as error:
                log.warning("waiting for Redis: %s", error)
                self._redis_was_away = True
                self._stopped.wait(_REDIS_RETRY_S)  # it may answer a ping and still refuse to be written to
                self._wait_for_redis()
                pause_s = 0.0
            except TransientError as error:
                log.warning("reconciling is put off: %s", error)
            except VaejobError as error:
                log.error("reconciling is put off: %s", error)
            except Exception:  # no job is lost by it: the next pass looks at all of them again
                log.exception("reconciling failed")
            self._stopped.wait(pause_s)

    def _wait_for_redis(self) -> None:
        while not self._stopped.wait(_REDIS_RETRY_S):
            try:
                self._hints.ping()
            except QueueUnavailable:
                continue
            log.info("Redis is back")
            return

    def _heal_or_say(self, job_id: str, orphans: Mapping[str, float]) -> float | None:
        """As `Advancer.advance`, of a job that can be healed. orphans: those of the pass before."""
        try:
            lapse_s = self._heal(job_id)
        except NoSuchJob:
            self._remove_if_orphaned(job_id, orphans)
        except (QueueUnavailable, LeaseLost):
            raise
        except VaejobError as error:  # this job cannot be healed now; the others can
            if self._told.get(job_id) != str(error):  # once, not in every pass
                log.error("job %s: %s", job_id, error)
            self._told[job_id] = str(error)
        except Exception as error:  # nobody foresaw it: nor are the others to wait for it
            if self._told.get(job_id) != repr(error):
                log.exception("job %s cannot be healed", job_id)
            self._told[job_id] = repr(error)
        else:
            return lapse_s
        return None

    def _remove_if_orphaned(self, job_id: str, orphans: Mapping[str, float]) -> None:
        """Removes a marker whose job was never written, long after whoever began to submit it should have done so."""
        now = time.monotonic()
        since = orphans.get(job_id, now)
        if now - since < ORPHAN_S:
            self._orphans[job_id] = since
            return
        log.warning("open/%s is removed: no job of that id was submitted", job_id)
        self._store.delete([open_key(job_id)])
        if self._store.stat(JobKeys(job_id).job) is not None:  # it was, in this very moment
            self._store.write(open_key(job_id), b"")

    def _heal(self, job_id: str) -> float | None:
        if close_job(self._store, self._hints, job_id):
            return None
        job, plan = load_job(self._store, job_id), load_plan(self._store, job_id)
        if self._store.stat(JobKeys(job_id).cancel) is not None:
            if not self._hints.is_leased(job_id, "finish"):
                self._advancer.send_finish(job)
        elif plan is None:
            if not self._hints.is_leased(job_id, "plan"):
                self._advancer.send_plan(job)
        else:
            return self._advancer.advance(job, plan, recount=True, doubt_marks=self._redis_was_away)
        return None
