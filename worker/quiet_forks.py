"""Forks while no thread of the parent is in the middle of anything.

A forked child gets a copy of every lock, and of the threads only the one that forks: a lock that another thread holds
at that moment (of a connection pool, of an import) is never released in the child, which then hangs at its first use.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Longer than any call to Redis takes. A parent that hangs for longer is better off with a child that may hang too,
# which the watchdog ends, than with none.
_LONGEST_WAIT_S = 30.0

_lock = threading.Lock()
_is_held_by_fork = False


@contextmanager
def no_fork() -> Iterator[None]:
    """Holds forks of this process up until the block is left. For other threads than the one that forks.

    Only one thread is in such a block at a time.
    """
    with _lock:
        yield


def _before_fork() -> None:
    global _is_held_by_fork
    _is_held_by_fork = _lock.acquire(timeout=_LONGEST_WAIT_S)


def _after_fork_in_parent() -> None:
    if _is_held_by_fork:
        _lock.release()


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
