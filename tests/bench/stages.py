"""Each stage of the work alone, by the worker's own code: what it costs in core-seconds, the store's server included.

`stage_costs` measures in a process of its own, which has the settings of a worker: `python -m tests.bench.stages`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import click
import psutil

from tests.bench.orders import KINDS, spec_of
from vae_core.imaging.encoding import encode_image
from vae_core.imaging.similarity import psnr, ssim
from vae_core.inputs import open_inputs, open_places
from vae_core.jobs.job import Input
from vae_core.jobs.spec import InterpolateSpec, SampleSpec
from vae_core.model.engine import Engine
from vae_core.settings import Settings, read_settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from worker.fetching import Limits
from worker.interpolating import Interpolating
from worker.kinds import Kind, Picture
from worker.reconstructing import Reconstructing
from worker.sampling import Sampling

RunCosts = dict[str, dict[str, float]]
"""Of one run: by kind of job, by stage, core-seconds for an image."""

T = TypeVar("T")
R = TypeVar("R")

FETCH, MODEL, MEASURE, ENCODE, WRITE = "fetch", "model", "measure", "encode", "write"
STAGES = (FETCH, MODEL, MEASURE, ENCODE, WRITE)


class Meter:
    """Counts the core-seconds of this process and of the servers that work for it."""

    def __init__(self, servers: Sequence[int]) -> None:
        """servers: process ids."""
        self._processes = [psutil.Process(pid) for pid in (os.getpid(), *servers)]

    def used_s(self) -> float:
        times = [process.cpu_times() for process in self._processes]
        return sum(one.user + one.system for one in times)

    def cost(self, work: Callable[[T], R], things: Sequence[T], threads: int = 1) -> tuple[float, list[R]]:
        """The core-seconds that all the things took together, and what became of each."""
        with ThreadPoolExecutor(threads) as pool:
            began = self.used_s()
            done = list(pool.map(work, things))
            return self.used_s() - began, done


class Bench:
    """The stages of each kind of job on one machine, with the engine as a worker loads it."""

    def __init__(self, settings: Settings, store: Store, servers: Sequence[int] = ()) -> None:
        """store: where outputs go. servers: process ids of whatever keeps it."""
        self._settings = settings
        self._store = store
        self._meter = Meter(servers)
        self._round = 0
        self.engine = Engine.load(Path(settings.checkpoint_path), device="cpu", streaming=True)
        self._limits = Limits(settings.max_input_bytes, settings.max_input_pixels)

    def costs(self, name: str, count: int, source: str) -> dict[str, float]:
        """Core-seconds for an image of a job of this kind, by stage; see `spec_of`."""
        self._round += 1
        spec = spec_of(name, count, self._round, source)
        if isinstance(spec, SampleSpec):
            return self._costs(Sampling(spec, self.engine), count)
        if isinstance(spec, InterpolateSpec):
            return self._costs(Interpolating(spec, self.engine, {}, self._limits), count)
        inputs = open_inputs(source, self._settings)
        found = [Input(key=one.key, tag=one.tag, size_bytes=one.size_bytes) for one in inputs.store.list(inputs.prefix)]
        places = open_places(spec, self._settings)
        return self._costs(Reconstructing(spec, self.engine, places, found, 0, self._limits), len(found))

    def _costs(self, kind: Kind, count: int) -> dict[str, float]:
        size, streams = self.engine.batch_size, self.engine.streams
        fetch_s, fetched = self._meter.cost(kind.fetch, range(count))
        batches = [fetched[first : first + size] for first in range(0, count, size)]
        kind.model(batches[0])  # the first one makes room in memory
        model_s, made = self._meter.cost(kind.model, batches, streams)
        pictures = [picture for batch in made for picture in batch]
        measure_s, _ = self._meter.cost(_measure, pictures)
        encode_s, encoded = self._meter.cost(lambda picture: encode_image(picture.pixels, "png"), pictures)
        write_s, _ = self._meter.cost(self._write, list(zip(pictures, encoded, strict=True)))
        seconds = {FETCH: fetch_s, MODEL: model_s, MEASURE: measure_s, ENCODE: encode_s, WRITE: write_s}
        return {stage: total / count for stage, total in seconds.items()}

    def _write(self, made: tuple[Picture, bytes]) -> Any:
        picture, data = made
        key = f"jobs/stage-{os.getpid()}-{self._round}/{picture.name}"
        return self._store.write(key, data, content_type="image/png")


def _measure(picture: Picture) -> None:
    if picture.fitted is not None:
        psnr(picture.pixels, picture.fitted)
        ssim(picture.pixels, picture.fitted)


def stage_costs(
    environment: Mapping[str, str], count: int, runs: int, source: str, servers: Sequence[int] = ()
) -> list[RunCosts]:
    """Measures each kind `runs` times, with the settings of the environment.

    count: images of the kinds that are given none. source: address of what is reconstructed. servers: process ids.
    """
    options = ["--count", str(count), "--runs", str(runs), *(f"--server={pid}" for pid in servers)]
    command = [sys.executable, "-m", "tests.bench.stages", *options, source]
    done = subprocess.run(command, env=dict(environment), stdout=subprocess.PIPE, check=True)
    found: list[RunCosts] = json.loads(done.stdout)
    return found


@click.command()
@click.option("--count", type=click.IntRange(1), required=True)
@click.option("--runs", type=click.IntRange(1), required=True)
@click.option("--server", "servers", type=int, multiple=True)
@click.argument("source")
def main(count: int, runs: int, servers: Sequence[int], source: str) -> None:
    settings = read_settings(os.environ)
    bench = Bench(settings, open_store(settings.store), servers)
    # The kinds in turn, so that a machine that slows down slows all of them.
    found = [{kind: bench.costs(kind, count, source) for kind in KINDS} for _ in range(runs)]
    click.echo(json.dumps(found))


if __name__ == "__main__":
    main()
