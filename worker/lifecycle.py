"""How worker processes end: told to stop, they stop at the next batch; orphaned, they go with their parent."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys

MOST_DEVICE_FAILURES = 3
MOST_DEATHS = 5  # as many as one item that kills its process may cost
DEVICE_FAILED = 71  # exit status of a child: EX_OSERR of sysexits.h
_PR_SET_PDEATHSIG = 1


class StopFlag:
    """One byte shared with all processes that are forked later: set by the parent, read by its children."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._shared[0] = 1

    def is_set(self) -> bool:
        return self._shared[0] == 1


class Health:
    """How well the children of a worker fare: told by them, and by their deaths, and looked at by their parent.

    children: how many run at once; each has a number below that, which its successor takes over.
    """

    def __init__(self, children: int) -> None:
        self._failures = mmap.mmap(-1, children)
        self._commits = mmap.mmap(-1, 1)
        self._commits_seen = 0
        self._deaths = 0

    def device_failed(self, child: int) -> int:
        """In a child: counts one more failure of its device in a row, and returns how many there are."""
        self._failures[child] = min(255, self._failures[child] + 1)
        return self._failures[child]

    def committed(self, child: int) -> None:
        """In a child: a part was done."""
        self._failures[child] = 0
        self._commits[0] = (self._commits[0] + 1) % 256

    def child_died(self) -> str | None:
        """In the parent: counts a death, and says why the worker is not to go on, if that is so."""
        if self._commits[0] != self._commits_seen:
            self._commits_seen, self._deaths = self._commits[0], 0
        self._deaths += 1
        if max(self._failures[:]) >= MOST_DEVICE_FAILURES:
            return f"a device failed {MOST_DEVICE_FAILURES} times in a row"
        if self._deaths > MOST_DEATHS:
            return f"{self._deaths} processes died in a row, and no part was done in between"
        return None


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process once its parent is gone (Linux only), also if it is gone already.

    Without it, a killed parent leaves a child on the device that nobody commands any more. Celery asks for the same in
    its children, but not for the roles, and not for a parent that was gone before it asked.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)
