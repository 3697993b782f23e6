"""What each process of a machine holds, sampled again and again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import psutil

from tests.chaos.machines import Machine, alive
from tests.load.trends import Trend, handle_trend_of, trend_of

SUPERVISOR, PARTS, CHILD, CONTROL, REDIS, SUBMITTER = "supervisor", "parts", "child", "control", "redis", "submitter"
WORKING = (SUPERVISOR, PARTS, CHILD, CONTROL, REDIS)


class Sample(NamedTuple):
    """at: monotonic seconds. uss: bytes that are its own alone, None where the system does not say.

    cpu_s: since it was started.
    """

    at: float
    rss: int
    uss: int | None
    fds: int
    threads: int
    cpu_s: float


class Trends(NamedTuple):
    """Of one process. uss: None where the system does not say."""

    rss: Trend
    uss: Trend | None
    fds: Trend
    threads: Trend


class Watch:
    """Samples processes by their names here; series: what was found. gone: those that have ended since."""

    def __init__(self, processes: Mapping[str, psutil.Process]) -> None:
        self.series: dict[str, list[Sample]] = {name: [] for name in processes}
        self.gone: list[str] = []
        self._processes = dict(processes)
        self._cores = next(iter(processes.values())).cpu_affinity()
        self._idle: list[tuple[float, float]] = []

    def look(self) -> None:
        """One sample of each process, and of the cores that they may use."""
        for name, process in list(self._processes.items()):
            try:
                if not alive(process):
                    raise psutil.NoSuchProcess(process.pid)
                self.series[name].append(_sample(process))
            except psutil.NoSuchProcess:
                self.gone.append(name)
                del self._processes[name]
        cores = psutil.cpu_times(percpu=True)
        self._idle.append((time.monotonic(), sum(cores[core].idle + cores[core].iowait for core in self._cores)))

    def since(self, at: float) -> dict[str, list[Sample]]:
        return {name: [one for one in series if one.at >= at] for name, series in self.series.items()}

    def used_s(self, begin: float, end: float) -> float:
        """CPU seconds that the machine and its Redis have used in that time."""
        return sum(_between([(one.at, one.cpu_s) for one in self.series[name]], begin, end) for name in WORKING)

    def free_s(self, begin: float, end: float) -> float:
        """CPU seconds that these processes have used, or nobody has: what other programs left to them."""
        submitter = [(one.at, one.cpu_s) for one in self.series[SUBMITTER]]
        return self.used_s(begin, end) + _between(submitter, begin, end) + _between(self._idle, begin, end)


def _between(series: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """By how much a total has risen, between two moments for which it is interpolated."""
    if not series:
        return 0.0
    times, totals = zip(*series, strict=True)
    first, last = np.interp([begin, end], times, totals)
    return float(last - first)


def processes_of(machine: Machine, redis_pid: int, submitter_pid: int) -> dict[str, psutil.Process]:
    """All processes of a machine, its Redis and its submitter, by name. Raises NoVictim while one is missing."""
    parts, control = machine.role("parts"), machine.role("control")
    supervisor = parts.parent()
    assert supervisor is not None
    return {
        SUPERVISOR: supervisor,
        PARTS: parts,
        CHILD: machine.child(),
        CONTROL: control,
        REDIS: psutil.Process(redis_pid),
        SUBMITTER: psutil.Process(submitter_pid),
    }


def trends_of(series: Sequence[Sample]) -> Trends:
    """Raises ValueError where there are fewer than two samples."""
    times = [one.at for one in series]
    own = [one.uss for one in series if one.uss is not None]
    return Trends(
        rss=trend_of(times, [one.rss for one in series]),
        uss=trend_of(times, own) if len(own) == len(times) else None,
        fds=handle_trend_of(times, [one.fds for one in series]),
        threads=handle_trend_of(times, [one.threads for one in series]),
    )


def _sample(process: psutil.Process) -> Sample:
    with process.oneshot():
        try:
            uss = process.memory_full_info().uss
        except psutil.AccessDenied:
            uss = None
        cpu = process.cpu_times()
        return Sample(
            at=time.monotonic(),
            rss=process.memory_info().rss,
            uss=uss,
            fds=process.num_fds(),
            threads=process.num_threads(),
            cpu_s=cpu.user + cpu.system,
        )
