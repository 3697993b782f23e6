"""How fast PNGs are encoded by 1, 2, 4, ... cores, as threads and as processes."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.bench.on_gpu.report import Report, rate
from tests.bench.on_gpu.shards import PIECE
from tests.bench.on_gpu.slots import Slots, encode_pictures, png_encoder
from worker.lifecycle import die_with_parent

ALONE = "png_alone"  # the key of the faster way on all cores
_MEMORY = Path("/dev/shm")
_START_S = 120.0


def core_count() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cores_to_try(most: int) -> list[int]:
    """1, 2, 4, ... and the most."""
    return sorted({1 << power for power in range(most.bit_length())} | {most})


@contextmanager
def shared_slots(count: int, batch: int, image_size: int) -> Iterator[Slots]:
    """Slots in a folder of their own: in memory where there is room, as a container's /dev/shm may hold 64 MiB."""
    sized = Slots(_MEMORY, count, batch, image_size)
    in_memory = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > 2 * sized.size_bytes
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_MEMORY if in_memory else None) as folder:
        yield Slots(Path(folder) / "slots", count, batch, image_size)


@contextmanager
def process_pool(cores: int) -> Iterator[Executor]:
    """As many processes, all of them started and with the encoder loaded.

    They are not forked, as a process that has begun to use a GPU cannot be.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context, initializer=die_with_parent, initargs=(os.getpid(),)) as pool:
        started: set[int] = set()
        deadline = time.monotonic() + _START_S
        while len(started) < cores:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(started)} encoding processes run after {_START_S:g} s: {cores} are expected")
            started.update(pool.map(_get_ready, range(cores)))
        yield pool


def measure_encoders(report: Report, pictures: NDArray[np.uint8], cores: int, runs: int) -> None:
    """pictures: uint8 (n, H, W, 3), as the network decodes them."""
    report.note(f"encoder: {png_encoder()[0]}; {len(pictures)} decoded pictures of {pictures.shape[1]} px")
    best = 0.0
    with shared_slots(1, len(pictures), pictures.shape[1]) as slots:
        slots.fill(slots.create()[0], pictures)
        mean_bytes = encode_pictures(slots, 0, slots.batch) / slots.batch  # this warms up the threads, too
        report.value("png_bytes", "mean size of a PNG", mean_bytes, "bytes")
        for count in cores_to_try(cores):
            with ThreadPoolExecutor(count) as pool:
                threads = _measured(report, "threads", pool, slots, count, runs)
            with process_pool(count) as pool:
                processes = _measured(report, "processes", pool, slots, count, runs)
            best = max(threads, processes)
    report.value(ALONE, f"all {cores} cores, the faster way", best, "images/s")


def _measured(report: Report, kind: str, pool: Executor, slots: Slots, cores: int, runs: int) -> float:
    images = slots.batch * cores  # so that a run takes as long on many cores as on one
    found = rate(images, runs, lambda: _encode_all(pool, slots, images))
    report.rate(f"png_{kind}_{cores}", f"{kind}: {cores}", found)
    return found.median


def _encode_all(pool: Executor, slots: Slots, images: int) -> float:
    """Seconds to encode so many images, going round the pictures of the slots."""
    began = time.perf_counter()
    waiting = []
    for start in cycle(range(0, slots.batch, PIECE)):
        stop = min(start + PIECE, start + images, slots.batch)
        waiting.append(pool.submit(encode_pictures, slots, start, stop))
        images -= stop - start
        if images == 0:
            break
    for future in waiting:
        future.result()
    return time.perf_counter() - began


def _get_ready(_number: int) -> int:
    """This process's id, once its encoder works, and not so soon that it gets the next task, too."""
    _, encode = png_encoder()
    encode(np.zeros((8, 8, 3), np.uint8))
    time.sleep(0.1)
    return os.getpid()
