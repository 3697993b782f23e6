"""Whole jobs on a site, from the call that submits one to the key that says it has ended."""

from __future__ import annotations

from producer.benching import JobTimer, TimedJob
from producer.hints import Hints
from tests.bench.site import Site
from vae_core.jobs.spec import JobSpec

_LONGEST_S = 900.0


class Client:
    """Submits from a process that has done so before."""

    def __init__(self, site: Site) -> None:
        settings = site.fleet.settings
        self._timer = JobTimer(site.store, Hints(settings), settings, longest_s=_LONGEST_S)

    def run(self, spec: JobSpec, *, first: str | None = None) -> TimedJob:
        """As `JobTimer.run`; raises AssertionError where an image is missing."""
        job = self._timer.run(spec, first=first)
        assert job.images > 0, f"job {job.job_id} made nothing"
        return job
