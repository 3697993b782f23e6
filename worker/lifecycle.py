"""How worker processes end: told to stop, they stop at the next batch; orphaned, they go with their parent."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


class StopFlag:
    """One byte shared with all processes that are forked later: set by the parent, read by its children."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._shared[0] = 1

    def is_set(self) -> bool:
        return self._shared[0] == 1


class DeviceFailures:
    """How often the device of each child has failed in a row: counted by the children, looked at by their parent.

    children: how many run at once; each has a number below that, which its successor takes over.
    """

    def __init__(self, children: int) -> None:
        self._shared = mmap.mmap(-1, children)
        self._children = children

    def note(self, child: int, *, failed: bool) -> int:
        """Counts one more, or begins again at none; how many there are."""
        count = min(255, self._shared[child % self._children] + 1) if failed else 0
        self._shared[child % self._children] = count
        return count

    def most(self) -> int:
        """The count of the worst device."""
        return max(self._shared[: self._children])


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
