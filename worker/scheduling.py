"""Schedules: each due slot becomes a job, and then a run, once, however many look and whatever was off before.

The job comes first, by an id that follows from schedule and slot; then the run's document, which says that the slot is
settled. Between the two a control may die: the job is found by whoever looks next. A run whose job is gone was removed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from vae_core.documents import read_job
from vae_core.errors import JobConflict, LeaseLost, QueueUnavailable, StoreUnavailable, VaejobError
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import Job
from vae_core.jobs.layout import ScheduleKeys
from vae_core.schedules.documents import listed_schedules, load_schedule, newest_runs, open_runs
from vae_core.schedules.schedule import Run, Schedule, is_run_of, make_job, run_of, slot_of, slot_run
from vae_core.storage.base import Store
from vae_core.submission import submit
from vae_core.version import code_version
from worker.advancing import Advancer

log = logging.getLogger(__name__)

# A slot younger than this was not missed: control was busy, or is being restarted.
PROMPT = timedelta(minutes=5)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Watched:
    """A schedule that has been looked at. tag: of its document. until: the last slot that is settled, or a time before
    any that is still to come. next: the first slot after that.
    """

    tag: str
    schedule: Schedule
    until: datetime
    next: datetime | None


class Scheduler:
    """Looks at all schedules. It holds nothing that cannot be read from the store again.

    clock: the time, timezone-aware.
    """

    def __init__(self, store: Store, advancer: Advancer, clock: Clock = utc_now) -> None:
        self._store = store
        self._advancer = advancer
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._told: dict[str, str] = {}

    def look(self, check: Callable[[], None]) -> float | None:
        """Submits what is due. One that cannot be looked at keeps none of the others from it.

        check: raises LeaseLost once another may be looking. Returns in how many seconds the next slot is, if any is
        known. Raises QueueUnavailable, LeaseLost, StoreUnavailable.
        """
        listed = listed_schedules(self._store)
        self._watched = {name: one for name, one in self._watched.items() if listed.get(name) == one.tag}
        self._told = {name: text for name, text in self._told.items() if name in listed}
        for name, tag in listed.items():
            check()
            try:
                self._look_at(name, tag)
            except (QueueUnavailable, LeaseLost, StoreUnavailable):
                raise
            except VaejobError as error:
                if self._told.get(name) != str(error):
                    log.error("schedule %s: %s", name, error)
                self._told[name] = str(error)
            except Exception as error:  # nobody foresaw it: its slot stays due, and the others are looked at
                if self._told.get(name) != repr(error):
                    log.exception("schedule %s cannot be looked at", name)
                self._told[name] = repr(error)
            else:
                self._told.pop(name, None)
        now = self._clock()
        # One that stays due, as it cannot be settled, is no reason to come back at once.
        coming = [one.next for one in self._watched.values() if one.next is not None and one.next > now]
        return (min(coming) - now).total_seconds() if coming else None

    def _look_at(self, name: str, tag: str) -> None:
        now = self._clock()
        watched = self._watched.get(name)
        if watched is None or watched.until > now:  # or the clock was put back
            schedule = load_schedule(self._store, name)
            if schedule is None:
                return
            watched = self._watched[name] = self._begin(schedule, tag, now)
        if watched.next is None or watched.next > now:
            return
        schedule = watched.schedule
        self._adopt(schedule)
        after = max(watched.until, now - PROMPT) if schedule.catch_up == "none" else watched.until
        slot = schedule.slots.latest(after, now)
        if slot is not None:
            self._settle(schedule, slot)
        watched.until = slot or now
        watched.next = next(schedule.slots.after(now), None)

    def _begin(self, schedule: Schedule, tag: str, now: datetime) -> _Watched:
        """Where whoever looked before left off: after the newest slot that is settled."""
        self._adopt(schedule)
        settled = (slot_of(run) for run in newest_runs(self._store, schedule.name, now))
        until = max([schedule.added, *(slot for slot in settled if slot is not None and slot <= now)])
        return _Watched(tag, schedule, until, next(schedule.slots.after(until), None))

    def _adopt(self, schedule: Schedule) -> None:
        """Writes the document of each run whose job was submitted by who did not come as far as that."""
        for job in open_runs(self._store, schedule.name, schedule.token):
            run = run_of(job)
            if self._store.stat(ScheduleKeys(schedule.name).run(run.name)) is None:
                self._write(schedule, run)

    def _settle(self, schedule: Schedule, slot: datetime) -> None:
        """Runs a slot, or skips it, unless somebody has done so."""
        name, by = slot_run(slot), f"schedule {schedule.name}"
        if self._store.stat(ScheduleKeys(schedule.name).run(name)) is not None:
            return
        wanted = make_job(schedule, name, self._clock(), by=by, code_version=code_version())
        why = self._reason_to_skip(schedule) if read_job(self._store, wanted.job_id) is None else None
        if why is None:
            why = self._submit(schedule, wanted)
        run = run_of(wanted)
        self._write(schedule, run if why is None else replace(run, job_id=None, skipped=why))

    def _submit(self, schedule: Schedule, wanted: Job) -> str | None:
        """Why it cannot be done, or None."""
        taken = f"another job has the id {wanted.job_id}"
        try:
            job, is_new = submit(self._store, wanted)
        except JobConflict:
            return taken
        if not is_run_of(job, schedule.token):
            return taken
        if is_new:
            self._advancer.send_plan(job)
        return None

    def _reason_to_skip(self, schedule: Schedule) -> str | None:
        if self._store.stat(ScheduleKeys(schedule.name).paused) is not None:
            return "paused"
        if schedule.overlap == "skip":
            still_open = next(open_runs(self._store, schedule.name, schedule.token), None)
            if still_open is not None:
                return f"{still_open.job_id} was open"
        return None

    def _write(self, schedule: Schedule, run: Run) -> None:
        key = ScheduleKeys(schedule.name).run(run.name)
        if self._store.create(key, to_pretty_json(run), content_type="application/json"):
            what = f"skipped, {run.skipped}" if run.skipped else f"job {run.job_id}"
            log.info("schedule %s, %s: %s", schedule.name, run.at, what)
