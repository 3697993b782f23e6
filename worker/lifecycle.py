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
