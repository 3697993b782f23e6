"""Whether the work in hand may go on."""

from __future__ import annotations

import pytest

from vae_core.errors import LeaseLost
from worker.guard import JobCancelled, PartGuard, WorkerStopping


def lost() -> None:
    raise LeaseLost("the lease has run out")


def test_work_goes_on_when_nothing_speaks_against_it() -> None:
    guard = PartGuard(lambda: None, lambda: False, lambda: False)
    guard.before_write()
    guard.between_batches()


def test_neither_write_nor_batch_is_allowed_when_the_lease_is_lost() -> None:
    guard = PartGuard(lost, lambda: False, lambda: False)
    with pytest.raises(LeaseLost):
        guard.before_write()
    with pytest.raises(LeaseLost):
        guard.between_batches()


def test_only_writes_are_allowed_when_the_worker_is_stopping() -> None:
    guard = PartGuard(lambda: None, lambda: True, lambda: False)
    guard.before_write()
    with pytest.raises(WorkerStopping):
        guard.between_batches()


def test_cancellation_is_asked_about_rarely_when_batches_are_quick() -> None:
    asked = 0

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked == 2

    guard = PartGuard(lambda: None, lambda: False, is_cancelled, cancel_check_s=3600)
    for _ in range(100):
        guard.between_batches()
    assert asked == 1
    eager = PartGuard(lambda: None, lambda: False, is_cancelled, cancel_check_s=0)
    with pytest.raises(JobCancelled):
        eager.between_batches()
