"""Each stage of the work alone, on all cores, by the worker's own code: its core-seconds, the store's server included.

`stage_costs` measures in a process of its own, which has the settings of a worker: `python -m tests.bench.stages`.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import psutil

from tests.bench.orders import KINDS, spec_of
from tests.bench.report import usable_cores
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

T = TypeVar("T")

FETCH, MODEL, MEASURE, ENCODE, WRITE = "fetch", "model", "measure", "encode", "write"
_MADE = 4  # batches that the stages after the model are measured with, again and again
STAGES = (FETCH, MODEL, MEASURE, ENCODE, WRITE)


class Meter:
    """Counts the core-seconds of work on all cores at once, and of the servers that work for it meanwhile.

    All at once, as cores share what they have: beside an idle one, each is faster than it can be in use.
    """

    def __init__(self, servers: Sequence[int]) -> None:
        """servers: process ids."""
        self._servers = [psutil.Process(pid) for pid in servers]
        self._cores = usable_cores()

    def in_threads(self, work: Callable[[T], object], things: Sequence[T], threads: int) -> float:
        """The core-seconds that all the things took in this process."""
        with ThreadPoolExecutor(threads) as pool:
            began = time.process_time()
            list(pool.map(work, things))
            return time.process_time() - began

    def in_processes(self, work: Callable[[T], object], things: Sequence[T]) -> float:
        """The same in a forked process for each core: for work that holds the interpreter."""
        began = self._of_servers()
        used = [_forked(work, things[first :: self._cores]) for first in range(self._cores)]
        return sum(end.result() for end in used) + self._of_servers() - began

    def _of_servers(self) -> float:
        times = [server.cpu_times() for server in self._servers]
        return sum(one.user + one.system for one in times)


class _Forked(NamedTuple):
    pid: int
    pipe: int

    def result(self) -> float:
        """The core-seconds that it took, once it is over."""
        with os.fdopen(self.pipe) as pipe:
            text = pipe.read()
        _, status = os.waitpid(self.pid, 0)
        assert status == 0, f"a stage failed: {status}"
        return float(text)


def _forked(work: Callable[[T], object], things: Sequence[T]) -> _Forked:
    receiving, sending = os.pipe()
    pid = os.fork()
    if pid:
        os.close(sending)
        return _Forked(pid, receiving)
    try:
        gc.disable()  # or it would copy what it shares with its parent
        began = time.process_time()
        for thing in things:
            work(thing)
        os.write(sending, str(time.process_time() - began).encode())
        os._exit(0)
    finally:
        os._exit(1)


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
        size, meter = self.engine.batch_size, self._meter
        fetched = [kind.fetch(position) for position in range(count)]
        batches = [fetched[first : first + size] for first in range(0, count, size)]
        pictures = [picture for batch in batches[:_MADE] for picture in kind.model(batch)]  # and room in memory is made
        pictures = [pictures[number % len(pictures)] for number in range(count)]
        encoded = [encode_image(picture.pixels, "png") for picture in pictures]
        numbered = [
            (number, picture.name, data) for number, (picture, data) in enumerate(zip(pictures, encoded, strict=True))
        ]
        seconds = {
            FETCH: meter.in_processes(kind.fetch, range(count)),
            MODEL: meter.in_threads(kind.model, batches, self.engine.streams),
            MEASURE: meter.in_processes(_measure, pictures),
            ENCODE: meter.in_processes(lambda picture: encode_image(picture.pixels, "png"), pictures),
            WRITE: meter.in_processes(self._write, numbered),
        }
        return {stage: total / count for stage, total in seconds.items()}

    def _write(self, made: tuple[int, str, bytes]) -> Any:
        number, name, data = made
        key = f"jobs/stage-{os.getppid()}-{self._round}/images/{number:08d}-{name.rpartition('/')[2]}"
        return self._store.write(key, data, content_type="image/png")


def _measure(picture: Picture) -> None:
    if picture.fitted is not None:
        psnr(picture.pixels, picture.fitted)
        ssim(picture.pixels, picture.fitted)


def stage_costs(
    environment: Mapping[str, str], kind: str, count: int, source: str, servers: Sequence[int] = ()
) -> dict[str, float]:
    """Core-seconds for an image of this kind of job, by stage, with the settings of the environment.

    kind: one of KINDS. count: images, but of a kind that is given some. source: address of what is reconstructed.
    servers: process ids.
    """
    options = ["--count", str(count), *(f"--server={pid}" for pid in servers)]
    command = [sys.executable, "-m", "tests.bench.stages", *options, kind, source]
    done = subprocess.run(command, env=dict(environment), stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


@click.command()
@click.option("--count", type=click.IntRange(1), required=True)
@click.option("--server", "servers", type=int, multiple=True)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("source")
def main(count: int, servers: Sequence[int], kind: str, source: str) -> None:
    settings = read_settings(os.environ)
    bench = Bench(settings, open_store(settings.store), servers)
    click.echo(json.dumps(bench.costs(kind, count, source)))


if __name__ == "__main__":
    main()
