"""The bench: `make bench`, or `python -m tests.bench`. It measures against what this machine can do, in one run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from tests.bench.cost import limit, median_costs, slowest
from tests.bench.ends import Client
from tests.bench.latency import command_s, one_image
from tests.bench.memory import peak_mb
from tests.bench.orders import KINDS, RECONSTRUCT, SAMPLE, spec_of
from tests.bench.peers.naive import NaivePeer
from tests.bench.profiling import profiled
from tests.bench.report import Figure, Report, machine, median_of, usable_cores
from tests.bench.site import FILE, PLACES, Site, site
from tests.bench.stages import stage_costs
from tests.fleet import Worker

_LEAST_OF_LIMIT = {(FILE, SAMPLE): 0.90, (FILE, RECONSTRUCT): 0.85, ("s3", SAMPLE): 0.80, ("s3", RECONSTRUCT): 0.80}
_MOST_COMMAND_S = {FILE: 0.9, "s3": 1.3}
_MOST_ONE_IMAGE_S = 0.5
_LEAST_TO_NAIVE, _LEAST_TO_NAIVE_NULL, _LEAST_TO_PLAIN = 3.0, 15.0, 1.5
_WARM_UP = 64
_NULL_TIMES = 8  # as many images in a job where the model costs nothing
_WAITS = 4  # one-image jobs and commands for each run, as they are short


class Measuring:
    """One run of the bench. count: images in a job. runs: of each measurement, whose median counts. profiles: a folder
    for a profile of each kind of job, taken once all is measured.
    """

    def __init__(self, report: Report, count: int, runs: int, profiles: Path | None) -> None:
        self._report = report
        self._count = count
        self._runs = runs
        self._profiles = profiles

    def place(self, place: str, folder: Path) -> None:
        """Everything on one kind of store."""
        with site(place, folder, self._count) as at:
            self._report.head(f"{place}://, {self._count:,} images in a job, {self._runs} runs")
            worker = at.start_worker()
            client = Client(at)
            for kind in KINDS:
                client.run(spec_of(kind, _WARM_UP // 10 * 10, 0, at.source))
            for kind in KINDS:
                self._kind(at, place, client, kind)
            self._waits(at, place, client)
            self._memory(worker, place)
            if self._profiles is not None:
                self._profile(at, place, client, worker, self._profiles)
            if place == FILE:
                self._peers(at, folder, worker, client)
            else:
                worker.stop()

    def _kind(self, at: Site, place: str, client: Client, kind: str) -> None:
        """The limit is found anew before each job, as a machine may be faster now and slower then."""
        cores = usable_cores()
        runs: list[dict[str, float]] = []
        rates: list[float] = []
        for run in range(self._runs):
            runs.append(stage_costs(at.fleet.environment, kind, self._count, at.source, at.servers))
            rates.append(client.run(spec_of(kind, self._count, 100 + run, at.source)).images_per_s)
        limits = [limit(costs, cores) for costs in runs]
        costs = median_costs(runs)
        parts = ", ".join(f"{stage} {1000 * cost:.2f}" for stage, cost in costs.items() if cost >= 5e-6)
        note = f"core-milliseconds for an image: {parts}; {slowest(costs)} binds"
        self._report.add(median_of(f"{place} {kind}, limit", limits, "images/s", note=note))
        self._report.add(median_of(f"{place} {kind}, submitted to ended", rates, "images/s"))
        shares = [rate / most for rate, most in zip(rates, limits, strict=True)]
        self._report.add(
            median_of(f"{place} {kind}, of the limit", shares, "", least=_LEAST_OF_LIMIT.get((place, kind)))
        )

    def _waits(self, at: Site, place: str, client: Client) -> None:
        ended = [one_image(client, run) for run in range(_WAITS * self._runs)]
        firsts = [one.first_s for one in ended if one.first_s is not None]
        self._report.add(median_of(f"{place} submit(), warm", [one.submit_s for one in ended], "s"))
        self._report.add(median_of(f"{place} one image, submit() to the image", firsts, "s"))
        whole = [one.end_s for one in ended]
        self._report.add(median_of(f"{place} one image, submit() to the end", whole, "s", most=_MOST_ONE_IMAGE_S))
        commands = [command_s(at, "sample", "--n", "1") for _ in range(_WAITS * self._runs)]
        self._report.add(median_of(f"{place} vaejob sample, the command", commands, "s", most=_MOST_COMMAND_S[place]))
        helps = [command_s(at, "--help") for _ in range(_WAITS * self._runs)]
        self._report.add(median_of(f"{place} vaejob --help", helps, "s"))

    def _memory(self, worker: Worker, place: str) -> None:
        peaks = [peak_mb(process) for process in worker.children()]
        self._report.add(Figure(f"{place} worker, peak memory of its largest process", max(peaks), "MB"))
        self._report.add(Figure(f"{place} worker, peak memory of all its processes", sum(peaks), "MB"))

    def _profile(self, at: Site, place: str, client: Client, worker: Worker, folder: Path) -> None:
        for kind in KINDS:
            file = folder / f"{place}-{kind}.speedscope.json"
            with profiled(worker, file):
                client.run(spec_of(kind, self._count, 900, at.source))
            self._report.head(f"profile: {file}")

    def _peers(self, at: Site, folder: Path, worker: Worker, client: Client) -> None:
        """By turns with a job each, as a machine may be faster now and slower then."""
        self._report.head("What people write instead, on the same folder")
        fewer = max(20, self._count // 5)
        ours: list[float] = []
        plain: list[float] = []
        naive: list[float] = []
        with NaivePeer(at.fleet.environment, folder) as peer:
            for run in range(self._runs):
                plain.append(self._count / _plain_s(folder / f"plain-{run}", self._count))
                ours.append(client.run(spec_of(SAMPLE, self._count, 200 + run, at.source)).images_per_s)
                naive.append(fewer / peer.run(f"naive-{run}", fewer))
        worker.stop()
        self._report.add(median_of("plain script, Pillow level 1", plain, "images/s"))
        self._report.add(median_of("naive worker, a task for each image", naive, "images/s"))
        self._ratio("sample, to the plain script", ours, plain, _LEAST_TO_PLAIN)
        self._ratio("sample, to the naive worker", ours, naive, _LEAST_TO_NAIVE)
        self._without_model(at, folder, fewer)

    def _without_model(self, at: Site, folder: Path, fewer: int) -> None:
        """The same two where the model costs nothing, by turns, on jobs that are long enough to be seen. Ours has a
        process for each core, as one interpreter alone does not keep up with such a model; the naive one has its one.
        """
        count = _NULL_TIMES * self._count
        at.fleet.environment["VAEJOB_PROCESSES"] = str(usable_cores())
        control = at.fleet.start_worker("control")
        parts = at.fleet.start_worker("parts", module="tests.bench.null")
        client = Client(at)
        client.run(spec_of(SAMPLE, count, 0, at.source))
        naive: list[float] = []
        ours: list[float] = []
        with NaivePeer(at.fleet.environment, folder, null=True) as peer:
            for run in range(self._runs):
                naive.append(fewer / peer.run(f"naive-null-{run}", fewer))
                ours.append(client.run(spec_of(SAMPLE, count, 200 + run, at.source)).images_per_s)
        parts.stop()
        control.stop()
        self._report.add(median_of("naive worker, the model costing nothing", naive, "images/s"))
        self._report.add(median_of("vaejob, the model costing nothing", ours, "images/s"))
        self._ratio("sample, to the naive worker, both without model", ours, naive, _LEAST_TO_NAIVE_NULL)

    def _ratio(self, name: str, ours: Sequence[float], theirs: Sequence[float], least: float) -> None:
        """Median of how many times as fast it is, run by run."""
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        self._report.add(median_of(name, ratios, "times", least=least))


def _plain_s(folder: Path, count: int) -> float:
    command = [sys.executable, "-m", "tests.bench.peers.plain", "--count", str(count), "--folder", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    shutil.rmtree(folder)
    return float(done.stdout)


@click.command(context_settings={"show_default": True})
@click.option("--n", "count", type=click.IntRange(20), default=2000, help="Images in a job; a multiple of 10.")
@click.option("--runs", type=click.IntRange(1), default=5, help="Of each measurement; their median counts.")
@click.option("--store", "places", type=click.Choice(PLACES), multiple=True, default=PLACES, help="Where outputs go.")
@click.option(
    "--profile",
    "profiles",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write a profile of each kind of job to this folder, for speedscope or Perfetto.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(count: int, runs: int, places: Sequence[str], profiles: Path | None, json_file: Path | None) -> None:
    """Measure a worker on this machine against its limit, and against what people would write instead.

    The limit is what the cores could do if they did nothing but the stages of the work, each measured alone in the same
    run. The status is 1 when a figure is not what is wanted of it.
    """
    report = Report(click.echo)
    for what, value in machine().items():
        click.echo(f"{what}: {value}")
    if profiles is not None:
        profiles.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    for place in places:
        (folder / place).mkdir()
        Measuring(report, count // 10 * 10, runs, profiles).place(place, folder / place)
    shutil.rmtree(folder)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_data(), indent=2) + "\n")
    if report.missed:
        click.echo(f"\nmissed: {'; '.join(figure.name for figure in report.missed)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
