"""A process that hangs is ended; one that goes on is not."""

from __future__ import annotations

import threading
import time

from worker.watchdog import HUNG, Watchdog


def test_process_is_ended_when_no_batch_is_finished_in_time() -> None:
    ended: list[int] = []
    over = threading.Event()

    def end(status: int) -> None:
        ended.append(status)
        over.set()

    with Watchdog("the work", 0.2, end):
        assert over.wait(10)
    assert ended == [HUNG]


def test_process_goes_on_when_each_batch_takes_less_than_the_time() -> None:
    ended: list[int] = []
    with Watchdog("the work", 1.0, ended.append) as watchdog:
        for _ in range(30):
            time.sleep(0.05)
            watchdog.beat()
    assert ended == []
