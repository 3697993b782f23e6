"""Real worker processes and the real `vaejob`, sharing one set of settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.servers.process import die_with_parent
from vae_core.settings import Settings, read_settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

BIN = Path(sys.executable).parent
READY_S = 90.0


def wait_for(what: str, condition: Callable[[], Any], timeout_s: float = READY_S) -> Any:
    """The first true value of `condition`, asked until the deadline; raises AssertionError naming `what` after it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come about within {timeout_s:g} s")


class Worker:
    """One `vaeworker` process with its children, in a session of its own."""

    def __init__(
        self, name: str, role: str | None, environment: Mapping[str, str], folder: Path, module: str | None = None
    ) -> None:
        """role: None for both. module: that is run in place of `vaeworker`, whose arguments it takes."""
        self.log_file = folder / f"{name}.log"
        command = [BIN / "vaeworker"] if module is None else [sys.executable, "-m", module]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *([role] if role else [])],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._roles = 1 if role else 2

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def wait_until_ready(self) -> None:
        wait_for("a ready worker", self._is_ready)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, f"the worker ended with {self.process.returncode}:\n{self.log}"
        return self.log.count("worker.roles: ready") >= self._roles

    def kill_all(self) -> None:
        """Ends the worker and all its processes at once, as a power cut would."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for process in family:
            process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=10)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, *, timeout_s: float = 60) -> int:
        """Asks it to end, as a supervisor does, and waits; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def end(self) -> None:
        """For clean-up: no process of it is left."""
        if self.process.poll() is None:
            self.kill_all()


class Fleet:
    """A home folder with its settings; every process is started with them and nothing of this machine's own."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("VAEJOB_", "AWS_"))}
        fast = {"VAEJOB_LEASE_S": "3", "VAEJOB_MARK_S": "10", "VAEJOB_RECONCILE_S": "1"}
        self.environment = {**inherited, "VAEJOB_HOME": str(folder / "home"), **fast, **settings}
        self._workers: list[Worker] = []

    @property
    def settings(self) -> Settings:
        return read_settings(self.environment)

    @property
    def store(self) -> Store:
        """The folder store; S3 stores are reached through `vaejob fetch` instead."""
        return open_store(self.settings.store)

    def start_worker(self, role: str | None = None, *, module: str | None = None) -> Worker:
        """Returns once it is ready. role, module: as for `Worker`."""
        worker = Worker(f"worker-{len(self._workers)}", role, self.environment, self.folder, module)
        self._workers.append(worker)
        worker.wait_until_ready()
        return worker

    def vaejob(self, *arguments: str, expect: int = 0, timeout_s: float = 180) -> subprocess.CompletedProcess[str]:
        """Runs `vaejob`; raises AssertionError with all it said unless it ends with the status `expect`."""
        done = self.start_vaejob(*arguments)
        try:
            out, err = done.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            done.kill()
            out, err = done.communicate()
        assert done.returncode == expect, f"vaejob {arguments}: {done.returncode}\n{out}\n{err}\n{self._logs()}"
        return subprocess.CompletedProcess(arguments, done.returncode, out, err)

    def start_vaejob(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [BIN / "vaejob", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def verify_all(self) -> None:
        """Runs `vaejob verify` on every job of the folder store, all of which have ended."""
        for job_id in self.store.list_folders("jobs/"):
            self.vaejob("verify", job_id)

    def manifest(self, job_id: str) -> list[dict[str, Any]]:
        return self.lines(job_id, "manifest.jsonl")

    def lines(self, job_id: str, name: str) -> list[dict[str, Any]]:
        """A JSON Lines document of the job, as plain data."""
        return [json.loads(line) for line in self.read(job_id, name).splitlines()]

    def read(self, job_id: str, name: str) -> bytes:
        return self.store.read(f"jobs/{job_id}/{name}").data

    def end(self) -> None:
        for worker in self._workers:
            worker.end()
        subprocess.run([BIN / "vaeworker", "stop-redis"], env=self.environment, capture_output=True, check=False)

    def _logs(self) -> str:
        return "\n".join(f"--- {worker.log_file.name}\n{worker.log[-4000:]}" for worker in self._workers)
