"""The submitters of a run, as processes, and what they have told so far."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.fleet import wait_for
from tests.load.duty import Duty, Start
from tests.load.events import Asked, Ended, EventFile, Removed
from tests.load.site import Site
from tests.servers.process import die_with_parent

_ROOT = Path(__file__).parents[2]
_GRACE_S = 60.0


class Crew:
    """Starts one process for each duty.

    asked, ended: all that was told so far, by `look`. removed: the ids of jobs. problems: what went wrong.
    """

    def __init__(self, site: Site, duties: Sequence[Duty]) -> None:
        self.asked: list[Asked] = []
        self.ended: list[Ended] = []
        self.removed: set[str] = set()
        self.problems: list[str] = []
        self._ready = 0
        self._drain_s = max(duty.drain_s for duty in duties)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._files: list[EventFile] = []
        for duty in duties:
            path = site.fleet.folder / f"submitter-{duty.number}.jsonl"
            with path.open("wb") as events, path.with_suffix(".log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.load.submitter"],
                    cwd=_ROOT,
                    env=site.fleet.environment,
                    stdin=subprocess.PIPE,
                    stdout=events,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
            self._processes.append(process)
            self._files.append(EventFile(path))
            self._say(process, duty)

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    def begin(self, in_s: float = 0.5) -> float:
        """Has all of them begin at one moment, which is returned, once they are ready."""
        wait_for("ready submitters", self._all_are_ready)
        start = Start(at=time.monotonic() + in_s)
        for process in self._processes:
            self._say(process, start)
        return start.at

    def look(self) -> None:
        """Takes in what was told since the last look."""
        for file in self._files:
            for event in file.new():
                if isinstance(event, Asked):
                    self.asked.append(event)
                elif isinstance(event, Ended):
                    self.ended.append(event)
                elif isinstance(event, Removed):
                    self._note_removal(event)
                else:
                    self._ready += 1

    def check(self) -> None:
        """Raises AssertionError if a submitter has ended that was not told to."""
        for number, process in enumerate(self._processes):
            if process.poll() is not None:
                raise AssertionError(f"submitter {number} ended with status {process.returncode}: {self._log(number)}")

    def stop(self) -> None:
        """Has them submit no more; returns once all of their jobs have ended, or after the time that they may take."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        deadline = time.monotonic() + self._drain_s + _GRACE_S
        for number, process in enumerate(self._processes):
            try:
                status = process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.problems.append(f"submitter {number} does not end")
                continue
            if status:
                self.problems.append(f"submitter {number} ended with status {status}: {self._log(number)}")
        self.look()

    def end(self) -> None:
        """For clean-up: no process of it is left."""
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _note_removal(self, removed: Removed) -> None:
        if removed.problem:
            self.problems.append(f"job {removed.job_id}: {removed.problem}")
        else:
            self.removed.add(removed.job_id)

    def _all_are_ready(self) -> bool:
        self.check()
        self.look()
        return self._ready == len(self._processes)

    def _log(self, number: int) -> str:
        path = self._files[number].path.with_suffix(".log")
        return " ".join(path.read_text(errors="replace")[-2000:].split())

    def _say(self, process: subprocess.Popen[bytes], what: Duty | Start) -> None:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(what) + b"\n")
        process.stdin.flush()
