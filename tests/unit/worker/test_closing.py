"""The ends of pieces of work: one at a time, and what they raise is heard of once."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from worker.closing import Closer


def failing(message: str) -> Callable[[], None]:
    def work() -> None:
        raise OSError(message)

    return work


def test_work_goes_on_beside_the_caller_until_it_is_settled() -> None:
    closer, release, done = Closer(), threading.Event(), threading.Event()

    def work() -> None:
        assert release.wait(10)
        done.set()

    closer.hand_over(work)
    closer.check()
    assert not done.is_set()
    release.set()
    closer.settle()
    assert done.is_set()
    closer.settle()


def test_next_piece_waits_for_the_last_and_says_so_meanwhile() -> None:
    closer, release, order = Closer(), threading.Event(), list[str]()

    def first() -> None:
        assert release.wait(10)
        order.append("first")

    def waiting() -> None:
        order.append("waited")
        release.set()

    closer.hand_over(first)
    closer.hand_over(lambda: order.append("second"), waiting)
    closer.settle()
    assert order == ["waited", "first", "second"]


def test_error_comes_out_once_when_work_raised() -> None:
    closer, begun = Closer(), list[int]()
    closer.hand_over(failing("one"))
    with pytest.raises(OSError, match="one"):
        closer.hand_over(lambda: begun.append(1))
    closer.settle()
    assert begun == []
    closer.hand_over(failing("two"))
    with pytest.raises(OSError, match="two"):
        while True:  # until it is over
            closer.check()
    closer.check()
    closer.settle()
