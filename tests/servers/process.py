"""A real server as a child process on 127.0.0.1 with a port, a folder and a log of its own."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_READY_S = 60.0
_STOP_S = 10.0
_POLL_S = 0.05
_STARTS = 3
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def die_with_parent() -> None:
    """So that nothing outlives a test run that was killed itself."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def interruptible() -> None:
    """The same for a process that is to end with Ctrl-C, which whoever started the tests may have had ignored."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class ServerProcess(ABC):
    """Starts, stops, kills and restarts one server; it keeps its port and folder in between.

    folder: the server's own, exists. Subclasses give the command line for a port and, where a listening port is not
    yet a working server, say what is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self, port: int) -> Sequence[str]:
        """The command line."""

    def environment(self) -> Mapping[str, str]:
        """Variables on top of this process's own."""
        return {}

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} is not running")
        return self._process.pid

    @property
    def log(self) -> str:
        """Whatever the server wrote so far."""
        return (self.folder / "server.log").read_text(errors="replace")

    def start(self) -> None:
        """Returns once the server accepts connections. Another process may take a free port first: then once more."""
        for left in reversed(range(_STARTS)):
            port = self.port or free_port()
            with (self.folder / "server.log").open("ab") as log:
                self._process = self._spawn(port, log)
            if self._wait_until_ready(port):
                self.port = port
                return
            self.kill()
            if not left:
                raise RuntimeError(f"{type(self).__name__} did not start:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """Ask it to end, and wait; kill it if it does not."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._reap()

    def restart(self) -> None:
        """Kill it and start it on the same port and folder."""
        self.kill()
        self.start()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _spawn(self, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(self.command(port)),
            cwd=self.folder,
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def _wait_until_ready(self, port: int) -> bool:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return True
            except OSError:
                time.sleep(_POLL_S)
        return False
