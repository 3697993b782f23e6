"""How a job stands: worked out from the bucket, with Redis's hints for what is in flight."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from producer.hints import Progress
from vae_core.documents import listed_parts, load_end, load_plan
from vae_core.jobs.job import End, Failure, Job, Plan
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.parts import part_range
from vae_core.jobs.spec import kind_of, known_items, spec_fields
from vae_core.jobs.state import derive_state
from vae_core.storage.base import Store

LISTING_SHARE = 0.1  # of the time may go into listing parts, which for a job of thousands takes a while


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """How many parts there are, and what has become of them. total: None until the job is planned."""

    total: int | None
    committed: int
    given_up: int


class JobStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `vaejob status --json` shows.

    state: one of vae_core.jobs.state.STATES. priority: one of vae_core.jobs.job.PRIORITIES. items: None until they are
    known. done: items finished, in flight included; of an ended job without those listed as errors. errors: listed
    items; while the job runs as far as Redis knows, None where it is away. schedule: that it is a run of. known: inputs
    left out, as an earlier run of that schedule was done with them. results: the job's folder.
    """

    job_id: str
    kind: str
    state: str
    priority: str
    items: int | None
    done: int
    errors: int | None
    parts: Parts
    submitted_at: str
    submitted_by: str
    schedule: str | None
    known: int
    code_version: str
    spec: dict[str, Any]
    store: str
    results: str
    failure: Failure | None


class JobReader:
    """Reads one job again and again at little cost: what cannot change any more is kept.

    clock: monotonic seconds.
    """

    def __init__(self, store: Store, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self.job = job
        self.end: End | None = None
        self.plan: Plan | None = None
        self._store = store
        self._keys = JobKeys(job.job_id)
        self._clock = clock
        self._committed: set[int] = set()
        self._given_up: set[int] = set()
        self._list_again_at = 0.0

    def read(self, hints: Progress | None) -> JobStatus:
        """The job as it stands now. hints: what Redis knows, or None where it is away.

        Raises StoreUnavailable or StoreError.
        """
        self.end = self.end or load_end(self._store, self.job.job_id)
        self.plan = self.plan or load_plan(self._store, self.job.job_id)
        cancel = self.end is None and self._store.stat(self._keys.cancel) is not None
        paused = self.end is None and not cancel and self._store.stat(self._keys.paused) is not None
        if self.plan is not None and (self.end is not None or self._clock() >= self._list_again_at):
            self._list_parts()
        settled = len(self._committed | self._given_up)
        state = derive_state(
            end=self.end,
            plan=self.plan,
            settled_parts=settled,
            cancel_requested=cancel,
            pause_requested=paused,
        )
        if state == "submitted" and hints is not None and hints.planning:
            state = "planning"
        return self._status(state, hints)

    def _status(self, state: str, hints: Progress | None) -> JobStatus:
        job = self.job
        items = self.plan.items if self.plan else None
        if items is None:
            items = known_items(job.spec)
        known = hints.errors if hints else None
        return JobStatus(
            job_id=job.job_id,
            kind=kind_of(job.spec),
            state=state,
            priority=job.priority,
            items=items,
            done=self.end.done if self.end else self._done(hints),
            errors=self.end.errors if self.end else known,
            parts=Parts(
                total=self.plan.parts if self.plan else None,
                committed=len(self._committed),
                given_up=len(self._given_up - self._committed),
            ),
            submitted_at=job.submitted_at,
            submitted_by=job.submitted_by,
            schedule=job.schedule.name if job.schedule else None,
            known=self.plan.known if self.plan else 0,
            code_version=job.code_version,
            spec=spec_fields(job.spec),
            store=self._store.url,
            results=f"{self._store.url}/{self._keys.root}",
            failure=self.end.failure if self.end else None,
        )

    def _done(self, hints: Progress | None) -> int:
        if self.plan is None:
            return 0
        sizes = [len(part_range(self.plan, part)) for part in self._committed | self._given_up]
        flying = hints.done.items() if hints else ()
        for part, items in flying:
            if part < self.plan.parts and part not in self._committed and part not in self._given_up:
                sizes.append(min(items, len(part_range(self.plan, part))))
        return sum(sizes)

    def _list_parts(self) -> None:
        started = self._clock()
        total = self.plan.parts if self.plan else 0
        self._committed = self._parts_below(self._keys.parts, total)
        self._given_up = self._parts_below(self._keys.dead_parts, total)
        ended = self._clock()
        self._list_again_at = ended + (ended - started) / LISTING_SHARE

    def _parts_below(self, prefix: str, total: int) -> set[int]:
        return {number for number in listed_parts(self._store, prefix) if number < total}
