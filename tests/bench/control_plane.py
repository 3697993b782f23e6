"""What everything but the images costs, at any scale: `python -m tests.bench.control_plane`.

Engine and encoder cost nothing, and jobs are of shards. For each number of workers a job of many parts runs, and the
processor time of workers, control and Redis is divided by the number of parts; it should not depend on how many workers
there are. Then the memory of a worker at a job of few parts and at one of many.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import psutil
import redis

from tests.bench.ends import Client
from tests.bench.memory import peak_mb
from tests.bench.null import ENCODER
from tests.bench.report import Figure, Report, machine
from tests.bench.site import FILE, Site, site
from tests.fleet import Worker
from vae_core.jobs.spec import SampleSpec

_SPREAD = 0.10
_MEMORY_SPREAD = 0.05
_FEW, _MANY = 10, 1000
_WARM_PARTS = 4  # for each worker


class Used(NamedTuple):
    """Processor seconds since the processes began, and commands of Redis."""

    workers_s: float
    control_s: float
    redis_s: float
    commands: int


class PerPart(NamedTuple):
    """Of one job. milliseconds: of processor time. parts_per_s: from the submission to the end."""

    workers_ms: float
    control_ms: float
    redis_ms: float
    commands: float
    parts_per_s: float

    @property
    def all_ms(self) -> float:
        return self.workers_ms + self.control_ms + self.redis_ms


class Scene:
    """A control worker and some parts workers on a folder, with nothing to do but to run the control plane."""

    def __init__(self, at: Site, workers: int) -> None:
        at.fleet.environment[ENCODER] = "1"
        self._control = at.fleet.start_worker("control")
        self._parts = [at.fleet.start_worker("parts", module="tests.bench.null") for _ in range(workers)]
        self._redis = psutil.Process(at.redis.pid)
        self._commands = redis.Redis.from_url(at.redis.url, decode_responses=True)
        self._client = Client(at)
        self.run(_WARM_PARTS * workers, 1)

    def run(self, parts: int, part_size: int) -> PerPart:
        began = self._used()
        job = self._client.run(SampleSpec(n=parts * part_size, seed=1, part_size=part_size, shards=True))
        ended = self._used()
        return PerPart(
            1000 * (ended.workers_s - began.workers_s) / parts,
            1000 * (ended.control_s - began.control_s) / parts,
            1000 * (ended.redis_s - began.redis_s) / parts,
            (ended.commands - began.commands) / parts,
            parts / job.end_s,
        )

    def peak_mb(self) -> float:
        """Of the process that would run the model, of the first worker."""
        return max(peak_mb(process) for process in self._parts[0].children())

    def end(self) -> None:
        for worker in (*self._parts, self._control):
            worker.stop()

    def _used(self) -> Used:
        told = self._commands.info("commandstats")
        commands = sum(int(stats["calls"]) for stats in told.values())
        parts_s = sum(_cpu_s(worker) for worker in self._parts)
        redis_times = self._redis.cpu_times()
        return Used(parts_s, _cpu_s(self._control), redis_times.user + redis_times.system, commands)


def _cpu_s(worker: Worker) -> float:
    """Of a role's process and all its children."""
    processes = (psutil.Process(worker.process.pid), *worker.children())
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _run(folder: Path, workers: int, jobs: Sequence[tuple[int, int]]) -> tuple[list[PerPart], float]:
    """Jobs of (parts, part size), one after the other; what each cost, and the worker's peak memory after all."""
    folder.mkdir()
    with site(FILE, folder, 1) as at:
        scene = Scene(at, workers)
        found = [scene.run(*job) for job in jobs]
        peak = scene.peak_mb()
        scene.end()
    shutil.rmtree(folder)
    return found, peak


@click.command(context_settings={"show_default": True})
@click.option("--items", type=click.IntRange(1), default=1_000_000, help="Images of the job.")
@click.option("--parts", type=click.IntRange(1), default=2000, help="Parts of the job.")
@click.option("--workers", type=click.IntRange(1), multiple=True, default=(1, 4, 16), help="Worker processes.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(items: int, parts: int, workers: Sequence[int], json_file: Path | None) -> None:
    """Measure the control plane at several numbers of workers. The status is 1 when a figure is not as wanted."""
    report = Report(click.echo)
    for what, value in machine().items():
        click.echo(f"{what}: {value}")
    folder = Path(tempfile.mkdtemp(prefix="control-plane-"))
    size = max(1, items // parts)
    costs = []
    for count in workers:
        [found], _ = _run(folder / f"workers-{count}", count, [(parts, size)])
        costs.append(found.all_ms)
        report.head(f"{count} workers, {parts:,} parts of {size:,}")
        report.add(Figure("processor time for a part, workers", found.workers_ms, "ms"))
        report.add(Figure("processor time for a part, control", found.control_ms, "ms"))
        report.add(Figure("processor time for a part, Redis", found.redis_ms, "ms"))
        report.add(Figure("commands of Redis for a part", found.commands, ""))
        report.add(Figure("parts", found.parts_per_s, "a second"))
    report.head("Together")
    report.add(Figure("processor time for a part, most to least", max(costs) / min(costs), "", most=1 + _SPREAD))
    _, few = _run(folder / "few", 1, [(_FEW, size)])
    _, many = _run(folder / "many", 1, [(_MANY, size)])
    report.add(Figure(f"peak memory of a worker, {_FEW} parts", few, "MB"))
    report.add(Figure(f"the same, {_MANY} parts to {_FEW}", many / few, "", most=1 + _MEMORY_SPREAD))
    shutil.rmtree(folder)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_data(), indent=2) + "\n")
    if report.missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
