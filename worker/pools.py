"""The threads that do a part: those that fetch and write, and those that run batches."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from vae_core.jobs.sources import LOCAL
from vae_core.jobs.spec import JobSpec, ReconstructSpec

if TYPE_CHECKING:
    from vae_core.model.engine import Engine


class Pools(NamedTuple):
    """Who works for a pipeline.

    io: `io_threads` threads that fetch and write items. model: threads that run batches, `streams` of them at once.
    """

    io: Executor
    model: Executor
    streams: int = 1
    io_threads: int = 4


class ThreadPools:
    """Those of one process, which go on from part to part.

    io_threads: that fetch and write, at most. Where they would wait for nothing but the cores that the model runs on,
    as many do it as there are such cores, or half as many where there are no images to decode: more of them only take
    the interpreter from each other, and from the model.
    """

    def __init__(self, io_threads: int, store_url: str) -> None:
        self._io_threads = io_threads
        self._store_is_local = store_url.startswith(LOCAL)
        self._io: dict[int, Executor] = {}

    def of_part(self, spec: JobSpec, engine: Engine) -> Pools:
        threads = self._io_threads
        if engine.device_type == "cpu" and self._store_is_local and _reads_folders(spec):
            threads = min(threads, engine.streams if isinstance(spec, ReconstructSpec) else max(1, engine.streams // 2))
        if threads not in self._io:
            self._io[threads] = io_pool(threads)
        return Pools(self._io[threads], engine.pool, engine.streams, threads)


def io_pool(threads: int) -> ThreadPoolExecutor:
    """Threads for `Pools.io`. On Linux one that wakes up takes its turn on a core, rather than that of a batch which is
    under way there, with all that it has in the cache.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="io", initializer=_take_turns)


def _reads_folders(spec: JobSpec) -> bool:
    """Whether all that is read lies in folders, but for an interpolation's few points."""
    return not isinstance(spec, ReconstructSpec) or (spec.source is not None and spec.source.startswith(LOCAL))


def _take_turns() -> None:
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox may forbid it: then images come a little slower
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # 0: this thread
