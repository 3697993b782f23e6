"""Schedules: each due slot becomes a run, and the run a job, once, however many look and whatever was off before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from vae_core.errors import BadDocument, JobConflict, LeaseLost, QueueUnavailable, StoreUnavailable, VaejobError
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.layout import JobKeys, ScheduleKeys
from vae_core.schedules.documents import listed_schedules, load_mark, load_run, load_schedule, open_runs, run_names
from vae_core.schedules.schedule import Run, Schedule, iso, job_id_of, make_job, slot_of, slot_run, time_of
from vae_core.storage.base import Store
from vae_core.submission import submit
from vae_core.version import code_version
from worker.advancing import Advancer

log = logging.getLogger(__name__)

# A slot younger than this was not missed: control was busy, or is being restarted.
PROMPT = timedelta(minutes=5)
_LOOKED_AFTER = 3

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
        return min(((one.next - now).total_seconds() for one in self._watched.values() if one.next), default=None)

    def _look_at(self, name: str, tag: str) -> None:
        watched = self._watched.get(name)
        if watched is None:
            schedule = load_schedule(self._store, name)
            if schedule is None:
                return
            watched = self._watched[name] = self._begin(schedule, tag)
        now = self._clock()
        if watched.next is None or watched.next > now:
            return
        schedule = watched.schedule
        slot = schedule.slots.latest(self._missed_until(schedule, watched.until, now), now)
        if slot is not None:
            self._settle(schedule, slot)
        watched.until = slot or now
        watched.next = next(schedule.slots.after(max(watched.until, now)), None)

    def _begin(self, schedule: Schedule, tag: str) -> _Watched:
        """Where whoever looked before left off: at the newest run of a slot, whose job may not have been written."""
        runs = list(run_names(self._store, schedule.name))
        for name in runs[-_LOOKED_AFTER:]:
            self._submit_missing(schedule, name)
        newest = max((slot for run in runs if (slot := slot_of(run)) is not None), default=schedule.added)
        until = max(newest, schedule.added)
        return _Watched(tag, schedule, until, next(schedule.slots.after(until), None))

    def _missed_until(self, schedule: Schedule, until: datetime, now: datetime) -> datetime:
        """The time up to which slots that nobody settled are not to be made up for."""
        resumed = load_mark(self._store, ScheduleKeys(schedule.name).resumed)
        if resumed is not None:
            until = max(until, time_of(resumed.at))
        return max(until, now - PROMPT) if schedule.catch_up == "none" else until

    def _settle(self, schedule: Schedule, slot: datetime) -> None:
        """Decides on a slot, unless another has decided, and sees to it that what was decided is done."""
        key = ScheduleKeys(schedule.name).run(slot_run(slot))
        if self._store.stat(key) is None:
            run = self._decide(schedule, slot)
            if self._store.create(key, to_pretty_json(run), content_type="application/json"):
                what = f"skipped: {run.skipped}" if run.skipped else f"job {run.job_id}"
                log.info("schedule %s, %s: %s", schedule.name, run.at, what)
        run_or_none = load_run(self._store, schedule.name, slot_run(slot))
        if run_or_none is not None:
            self._submit(schedule, run_or_none)

    def _decide(self, schedule: Schedule, slot: datetime) -> Run:
        name = slot_run(slot)
        run = Run(name=name, token=schedule.token, at=iso(slot), by=f"schedule {schedule.name}")
        why = self._reason_to_skip(schedule)
        if why is not None:
            return replace(run, skipped=why)
        return replace(run, job_id=job_id_of(schedule.name, name))

    def _reason_to_skip(self, schedule: Schedule) -> str | None:
        if self._store.stat(ScheduleKeys(schedule.name).paused) is not None:
            return "paused"
        if schedule.overlap == "skip":
            still_open = open_runs(self._store, schedule.name, schedule.token)
            if still_open:
                return f"{still_open[-1].job_id} was open"
        return None

    def _submit_missing(self, schedule: Schedule, name: str) -> None:
        """Submits the job of a run whose decider did not come as far; also one that somebody asked for."""
        run = load_run(self._store, schedule.name, name)
        if run is not None and run.job_id is not None and self._store.stat(JobKeys(run.job_id).job) is None:
            self._submit(schedule, run)

    def _submit(self, schedule: Schedule, run: Run) -> None:
        if run.job_id is None or run.token != schedule.token:
            return
        try:
            job, is_new = submit(self._store, make_job(schedule, run, self._clock(), code_version()))
        except JobConflict as error:
            raise BadDocument(f"run {run.name} cannot be submitted: {error}") from error
        if is_new:
            self._advancer.send_plan(job)
