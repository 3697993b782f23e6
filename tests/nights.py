"""Schedules with time moved by the test: a control's work on a clock of its own, and a source of pictures to change."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.checkpoints import write_tiny_checkpoint
from tests.integration.conftest import Bench
from tests.pictures import write_cars
from vae_core.documents import load_end, load_job, load_plan
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import End, Job, Plan
from vae_core.jobs.layout import ScheduleKeys
from vae_core.jobs.spec import JobSpec, ReconstructSpec
from vae_core.schedules.documents import load_run, run_names
from vae_core.schedules.schedule import Run, Schedule, iso

FIRST_NIGHT = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Pictures:
    """A folder that a schedule takes its inputs from; each picture has a content of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = folder.parent / f"{folder.name}-made"
        write_cars(self._made, 4)
        self._contents = [path.read_bytes() for path in sorted(self._made.iterdir())]
        folder.mkdir()
        shutil.rmtree(self._made)

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def put(self, name: str, version: int = 0) -> None:
        """Writes or replaces one; version: which of four pictures, with some bytes after its end."""
        content = self._contents[version % len(self._contents)]
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + f"{name} {version}".encode())


def schedule(pictures: Pictures, **changes: Any) -> Schedule:
    """Every night at two, in Kolkata, what is new."""
    spec: JobSpec = ReconstructSpec(source=pictures.url)
    fields = {
        "name": "nightly",
        "token": "t0",
        "cron": "0 2 * * *",
        "timezone": "Asia/Kolkata",
        "spec": spec,
        "incremental": isinstance(changes.get("spec", spec), ReconstructSpec),
        "added_at": iso(FIRST_NIGHT),
        "added_by": "t",
        "code_version": "t",
    }
    return Schedule(**{**fields, **changes})


def add(bench: Bench, *schedules: Schedule) -> None:
    """Writes what `vaejob schedule add` writes."""
    for one in schedules:
        assert bench.store.create(ScheduleKeys(one.name).schedule, to_pretty_json(one))


def at(bench: Bench, now: datetime) -> None:
    """Moves the clock, and lets control and parts do all that there is to do then."""
    bench.now = now
    for _ in range(3):  # a run that waited for another is planned by a later pass
        bench.reconciler.reconcile()
        bench.run_until_quiet()


def runs_of(bench: Bench, name: str = "nightly") -> list[Run]:
    found = [load_run(bench.store, name, run) for run in run_names(bench.store, name)]
    return [run for run in found if run is not None]


def plan_of(bench: Bench, run: Run) -> Plan:
    assert run.job_id is not None
    plan = load_plan(bench.store, run.job_id)
    assert plan is not None
    return plan


def end_of(bench: Bench, run: Run) -> End:
    assert run.job_id is not None
    end = load_end(bench.store, run.job_id)
    assert end is not None
    return end


def job_of(bench: Bench, run: Run) -> Job:
    assert run.job_id is not None
    return load_job(bench.store, run.job_id)


def items_of(bench: Bench, name: str = "nightly") -> list[int]:
    """How many items each run that was not skipped had, by time."""
    return [plan_of(bench, run).items for run in runs_of(bench, name) if run.job_id is not None]


def plain(**changes: Any) -> Schedule:
    """A schedule without inputs."""
    fields = {"name": "plain", "token": "t0", "cron": "0 2 * * *", "timezone": "UTC", "added_at": iso(FIRST_NIGHT)}
    return Schedule(**{**fields, "added_by": "t", "code_version": "t", **changes})


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def another_checkpoint(folder: Path) -> Path:
    path = folder / "another.safetensors"
    write_tiny_checkpoint(path, seed=9)
    return path
