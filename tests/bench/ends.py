"""Whole jobs, from the call that submits one to the key that says it has ended."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from producer.hints import Hints
from producer.request import make_job
from producer.submission import call_workers, submit
from tests.bench.site import Site
from vae_core.documents import load_end
from vae_core.jobs.channels import PLAN_TASK
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.spec import JobSpec

_LOOK_S = 0.01
_LONGEST_S = 900.0


class Ended(NamedTuple):
    """How a job went. submit_s: of the call. first_image_s, end_s: since the call began. summary: `summary.json`."""

    job_id: str
    submit_s: float
    first_image_s: float | None
    end_s: float
    summary: dict[str, Any]


class Client:
    """Submits as `vaejob` does, from a process that has done so before."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._settings = site.fleet.settings
        self._hints = Hints(self._settings)

    def run(self, spec: JobSpec, *, first_image: str | None = None) -> Ended:
        """Returns once the job has succeeded; raises AssertionError when it fails or takes too long.

        first_image: name of the output whose coming is looked for, at the price of some calls of the store.
        """
        began = time.perf_counter()
        job = make_job(lambda _seed: spec, None, datetime.now(UTC))
        submit(self._site.store, job)
        call_workers(self._hints, self._settings, self._site.store.url, PLAN_TASK, job)
        submitted = first = time.perf_counter()
        store, keys = self._site.store, JobKeys(job.job_id)
        if first_image is not None:
            self._wait(lambda: store.stat(keys.root + first_image) is not None, keys.job_id)
            first = time.perf_counter()
        self._wait(lambda: store.stat(keys.end) is not None, keys.job_id)
        ended = time.perf_counter()
        end = load_end(store, job.job_id)
        assert end is not None and end.state == "succeeded" and end.errors == 0, f"job {job.job_id} ended as {end}"
        return Ended(
            job.job_id,
            submitted - began,
            first - began if first_image is not None else None,
            ended - began,
            msgspec.json.decode(store.read(keys.summary).data),
        )

    def _wait(self, condition: Any, job_id: str) -> None:
        deadline = time.monotonic() + _LONGEST_S
        while not condition():
            assert time.monotonic() < deadline, f"job {job_id} does not end"
            time.sleep(_LOOK_S)
