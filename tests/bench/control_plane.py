"""What everything but the images costs, at any scale: `python -m tests.bench.control_plane`.

Engine and encoder cost nothing, and jobs are of shards. For each number of workers a job of many parts runs, by turns,
as a machine may be faster now and slower then, and the processor time of workers, control and Redis is divided by the
number of parts; it should not depend on how many workers there are. Then the memory of a worker at a job of few parts
and at one of many.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click
import psutil
import redis

from tests.bench.ends import Client
from tests.bench.memory import peak_mb
from tests.bench.null import ENCODER
from tests.bench.report import Figure, Report, machine, median_of
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


def _peak_mb(folder: Path, parts: int, size: int) -> float:
    """Of a worker that has done one job."""
    folder.mkdir()
    with site(FILE, folder, 1) as at:
        scene = Scene(at, 1)
        scene.run(parts, size)
        peak = scene.peak_mb()
        scene.end()
    shutil.rmtree(folder)
    return peak


def _by_turns(folder: Path, workers: Sequence[int], runs: int, parts: int, size: int) -> dict[int, list[PerPart]]:
    """What a part cost in each of the runs, by number of workers; all of them are up, and one lot works at a time."""
    found: dict[int, list[PerPart]] = {count: [] for count in workers}
    with ExitStack() as stack:
        scenes: dict[int, Scene] = {}
        for count in workers:
            (folder / f"workers-{count}").mkdir()
            scenes[count] = Scene(stack.enter_context(site(FILE, folder / f"workers-{count}", 1)), count)
        for _ in range(runs):
            for count, scene in scenes.items():
                found[count].append(scene.run(parts, size))
        for scene in scenes.values():
            scene.end()
    return found


@click.command(context_settings={"show_default": True})
@click.option("--items", type=click.IntRange(1), default=1_000_000, help="Images of the job.")
@click.option("--parts", type=click.IntRange(1), default=2000, help="Parts of the job.")
@click.option("--workers", type=click.IntRange(1), multiple=True, default=(1, 4, 16), help="Worker processes.")
@click.option("--runs", type=click.IntRange(1), default=3, help="Of each job, by turns; their median counts.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(items: int, parts: int, workers: Sequence[int], runs: int, json_file: Path | None) -> None:
    """Measure the control plane at several numbers of workers. The status is 1 when a figure is not as wanted."""
    report = Report(click.echo)
    for what, value in machine().items():
        click.echo(f"{what}: {value}")
    folder = Path(tempfile.mkdtemp(prefix="control-plane-"))
    size = max(1, items // parts)
    found = _by_turns(folder, workers, runs, parts, size)
    for count, costs in found.items():
        report.head(f"{count} workers, {parts:,} parts of {size:,}")
        for what, values, unit in (
            ("processor time for a part, workers", [cost.workers_ms for cost in costs], "ms"),
            ("processor time for a part, control", [cost.control_ms for cost in costs], "ms"),
            ("processor time for a part, Redis", [cost.redis_ms for cost in costs], "ms"),
            ("commands of Redis for a part", [cost.commands for cost in costs], ""),
            ("parts", [cost.parts_per_s for cost in costs], "a second"),
        ):
            report.add(median_of(what, values, unit))
    report.head("Together")
    least, most = found[min(workers)], found[max(workers)]
    ratios = [many.all_ms / few.all_ms for few, many in zip(least, most, strict=True)]
    what = f"processor time for a part, {max(workers)} workers to {min(workers)}"
    report.add(median_of(what, ratios, "times", most=1 + _SPREAD))
    few, many = (_peak_mb(folder / f"parts-{count}", count, size) for count in (_FEW, _MANY))
    report.add(Figure(f"peak memory of a worker, {_FEW} parts", few, "MB"))
    report.add(Figure(f"the same, {_MANY} parts to {_FEW}", many / few, "", most=1 + _MEMORY_SPREAD))
    shutil.rmtree(folder)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_data(), indent=2) + "\n")
    if report.missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
