"""A child is not forked while a thread of its parent is in the middle of something: it would inherit its locks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.quiet_forks import no_fork

FREE, LOCKED = 0, 3


def forked(work: Callable[[], int]) -> int:
    """The exit status of a forked child that does `work`."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(work())
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def state_of(lock: threading.Lock) -> int:
    return FREE if lock.acquire(blocking=False) else LOCKED


@contextmanager
def thread_with(lock: threading.Lock, seconds: float) -> Iterator[None]:
    """A thread that holds `lock` for so long, as something that no child may be forked in."""
    has_it = threading.Event()

    def work() -> None:
        with no_fork(), lock:
            has_it.set()
            time.sleep(seconds)

    thread = threading.Thread(target=work)
    thread.start()
    assert has_it.wait(10)
    yield
    thread.join()


def test_child_finds_lock_free_when_thread_held_it_as_fork_was_asked_for() -> None:
    lock = threading.Lock()
    with thread_with(lock, 0.5):
        assert lock.locked()
        assert forked(lambda: state_of(lock)) == FREE


def test_child_can_hold_forks_up_itself() -> None:
    def work() -> int:
        with no_fork():
            return FREE

    with thread_with(threading.Lock(), 0.2):
        assert forked(work) == FREE
    assert forked(lambda: forked(work)) == FREE


def test_parent_goes_on_holding_forks_up_after_one() -> None:
    lock = threading.Lock()
    for _ in range(2):
        with thread_with(lock, 0.2):
            assert forked(lambda: state_of(lock)) == FREE
