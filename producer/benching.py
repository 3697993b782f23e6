"""How fast the workers that are up work, found out by jobs that are submitted, timed and read."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from producer.calling import call_workers
from producer.hints import Hints
from producer.request import make_job
from vae_core.documents import load_end
from vae_core.errors import TransientError
from vae_core.jobs.channels import PLAN_TASK
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import JobSpec
from vae_core.settings import Settings
from vae_core.storage.base import Store
from vae_core.submission import submit

_LOOK_S = 0.01
_SLOWEST_LOOK_S = 0.5
_LOOKS_APART = 20  # times what a look takes
_WAITS = frozenset({"total"})


class TimedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that succeeded. submit_s: of the call. first_s: until the output that was waited for; end_s: until the end;
    both since the call began. images: done. seconds: of its workers, by stage, added up over their threads.
    """

    job_id: str
    images: int
    submit_s: float
    first_s: float | None
    end_s: float
    seconds: dict[str, float]

    @property
    def images_per_s(self) -> float:
        return self.images / self.end_s


class JobTimer:
    """Submits jobs from a process that goes on, as a service would, and waits for their ends.

    longest_s: for which a job is waited for. on_job: told the id of each job, once it is in the store.
    """

    def __init__(
        self,
        store: Store,
        hints: Hints,
        settings: Settings,
        *,
        longest_s: float,
        on_job: Callable[[str], object] = lambda job_id: None,
    ) -> None:
        self._store = store
        self._hints = hints
        self._settings = settings
        self._longest_s = longest_s
        self._on_job = on_job

    def run(self, spec: JobSpec, *, first: str | None = None) -> TimedJob:
        """first: the name of an output whose coming is looked for, at the price of some calls of the store.

        Raises TransientError for a job that does not succeed, or not in time, and what `submit` raises.
        """
        began = time.perf_counter()
        job = make_job(lambda _seed: spec, None, datetime.now(UTC))
        submit(self._store, job)
        self._on_job(job.job_id)
        call_workers(self._hints, self._settings, self._store.url, PLAN_TASK, job)
        submitted = time.perf_counter()
        keys = JobKeys(job.job_id)
        first_at = self._seen(keys, keys.root + first) if first is not None else None
        ended = self._seen(keys, keys.end)
        end = load_end(self._store, job.job_id)
        if end is None or end.state != "succeeded":
            raise TransientError(f"job {job.job_id} did not succeed: `vaejob status {job.job_id}` says why")
        summary: dict[str, Any] = msgspec.json.decode(self._store.read(keys.summary).data)
        return TimedJob(
            job_id=job.job_id,
            images=end.done,
            submit_s=submitted - began,
            first_s=None if first_at is None else first_at - began,
            end_s=ended - began,
            seconds=summary["seconds"],
        )

    def _seen(self, keys: JobKeys, key: str) -> float:
        """When the object was there, or the job's end."""
        began = looked = time.perf_counter()
        wanted = {key, keys.end}
        while all(self._store.stat(one) is None for one in wanted):
            now = time.perf_counter()
            if now - began > self._longest_s:
                raise TransientError(f"job {keys.job_id} is not done within {self._longest_s:g} s: it goes on")
            # Late by a hundredth at most, and by less where a look costs the workers next to nothing.
            pause_s = min((now - began) / 100, _LOOKS_APART * (now - looked), _SLOWEST_LOOK_S)
            time.sleep(max(_LOOK_S, pause_s))
            looked = time.perf_counter()
        return time.perf_counter()


def shares(jobs: Sequence[TimedJob]) -> dict[str, float]:
    """Which share of their threads' time the jobs' stages took, the largest first."""
    stages: dict[str, float] = {}
    for job in jobs:
        for stage, seconds in job.seconds.items():
            if stage not in _WAITS:
                stages[stage] = stages.get(stage, 0.0) + seconds
    whole = sum(stages.values()) or 1.0
    return {stage: stages[stage] / whole for stage in sorted(stages, key=lambda name: -stages[name])}


def spread(values: Sequence[float]) -> Mapping[str, float]:
    """Median, least and most, rounded to what means something."""
    found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}
