"""A profile of the process that runs the model, for speedscope.app or Perfetto's viewer."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.fleet import BIN, Worker, wait_for

_RATE = 200
_BEGIN_S = 30.0


@contextmanager
def profiled(worker: Worker, file: Path) -> Iterator[None]:
    """Samples all threads of the worker's largest process while the body runs; `file` is in speedscope's format."""
    child = max(worker.children(), key=lambda process: process.memory_info().rss)
    command = [BIN / "py-spy", "record", "--pid", str(child.pid), "--format", "speedscope", "--output", str(file)]
    # Without pausing it: a process that is stopped 200 times a second is not the one that was to be measured.
    recorder = subprocess.Popen(
        [*command, "--rate", str(_RATE), "--threads", "--nonblocking"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for("the profiler", lambda: _samples(recorder), _BEGIN_S)
        yield
    finally:
        recorder.send_signal(signal.SIGINT)  # on which it writes what it has
        said, _ = recorder.communicate(timeout=_BEGIN_S)
    assert file.exists(), f"the profiler wrote nothing: {said}"


def _samples(recorder: subprocess.Popen[str]) -> bool:
    """Whether it has looked at the process for a while, or could not."""
    assert recorder.poll() is None, f"the profiler ended: {recorder.communicate()[0]}"
    return psutil.Process(recorder.pid).cpu_times().user > 0.02
