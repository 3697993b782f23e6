"""Ends a process whose device or store hangs: nothing else would, as its lease goes on being renewed."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

log = logging.getLogger(__name__)

HUNG = 70  # exit status: EX_SOFTWARE of sysexits.h
_LOOKS = 100


class Watchdog:
    """Ends the process once `timeout_s` seconds have passed without a `beat`. Use as a context manager around the work.

    The attempt in hand then counts as one that died. Only time in which this process ran is counted: one that was
    stopped and goes on has not hung.
    """

    def __init__(self, what: str, timeout_s: float, end: Callable[[int], None] = os._exit) -> None:
        self._what = what
        self._timeout_s = timeout_s
        self._end = end
        self._waited_s = 0.0
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def beat(self) -> None:
        """The work goes on."""
        self._waited_s = 0.0

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()

    def _run(self) -> None:
        tick_s = self._timeout_s / _LOOKS
        looked_at = time.monotonic()
        while not self._left.wait(tick_s):
            now = time.monotonic()
            self._waited_s += min(now - looked_at, 2 * tick_s)
            looked_at = now
            if self._waited_s >= self._timeout_s:
                log.error("%s: no item was read or written in %g s: this process ends", self._what, self._timeout_s)
                self._end(HUNG)
                return
