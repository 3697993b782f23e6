"""Machines that run `vaeworker` and come back, however they went."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests.fleet import Worker, wait_for

_DEATH_S = 10.0
_STOP_S = 90.0


class NoVictim(Exception):
    """The process that was to be hit is not there now."""


class Machine:
    """A `vaeworker` with both roles, started again as a supervisor would when it ends by itself.

    given_up: how often it ended by itself, as it does after five quick deaths of a role in a row.
    """

    def __init__(self, name: str, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.given_up = 0
        self._environment = environment
        self._folder = folder
        self._worker: Worker | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Returns at once; see `wait_until_ready`."""
        with self._lock:
            self._start()

    def _start(self) -> None:
        self._worker = Worker(self.name, None, self._environment, self._folder)

    def keep_up(self) -> None:
        """Starts it again if it has ended by itself."""
        with self._lock:
            if self._worker is not None and self._worker.process.poll() is not None:
                self.given_up += 1
                self._start()

    def wait_until_ready(self) -> None:
        if self._worker is not None:
            self._worker.wait_until_ready()

    @property
    def log_file(self) -> Path:
        return self._folder / f"{self.name}.log"

    @property
    def is_up(self) -> bool:
        """Whether the process that runs the model is there, idle or not."""
        try:
            return bool(self.child())
        except NoVictim:
            return False

    def role(self, name: str) -> psutil.Process:
        """The main process of a role. Raises NoVictim."""
        if self._worker is not None:
            with suppress(psutil.Error):
                for process in psutil.Process(self._worker.process.pid).children():
                    if process.cmdline()[-1:] == [name]:
                        return process
        raise NoVictim(f"{self.name} has no {name} role now")

    def child(self) -> psutil.Process:
        """The process that runs the model. Raises NoVictim."""
        with suppress(psutil.Error):
            for process in self.role("parts").children():
                if process.cmdline()[-1:] == ["parts"]:  # and not one that looks at the devices first
                    return process
        raise NoVictim(f"{self.name} has no process that runs the model now")

    def kill(self) -> None:
        """Ends all its processes at once, as a power cut would; it stays away until it is started."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is None:
            raise NoVictim(f"{self.name} is away")
        family: list[psutil.Process] = []
        with suppress(psutil.Error):
            head = psutil.Process(worker.process.pid)
            family = [head, *head.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        worker.process.wait(_DEATH_S)
        psutil.wait_procs(family, timeout=_DEATH_S)

    def stop(self) -> int:
        """Asks it to end, as a supervisor does, and waits; its exit status. It stays away until it is started."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is None:
            raise NoVictim(f"{self.name} is away")
        try:
            return worker.stop(timeout_s=_STOP_S)
        except subprocess.TimeoutExpired as late:
            worker.kill_all()
            raise AssertionError(f"{self.name} was told to stop and had not ended {_STOP_S:g} s later") from late

    def end(self) -> None:
        """For clean-up: no process of it is left, not even a stopped one."""
        with suppress(NoVictim):
            self.kill()


def kill(process: psutil.Process) -> None:
    """SIGKILL, and waits until it is gone. Raises NoVictim if it went by itself."""
    try:
        process.kill()
    except psutil.NoSuchProcess as gone:
        raise NoVictim(f"process {process.pid} has gone by itself") from gone
    wait_for("the death of a killed process", lambda: not alive(process), _DEATH_S)


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that is dead and not collected yet does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def freeze(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)


def thaw(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)
