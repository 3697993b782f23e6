"""Which ends of a process are its own doing, and when a worker takes itself to be ill."""

from __future__ import annotations

import pytest

from worker.child_deaths import is_crash
from worker.lifecycle import MOST_DEATHS, MOST_DEVICE_FAILURES, Health


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("signal 6 (SIGABRT)", True),
        ("signal 11 (SIGSEGV)", True),
        ("exitcode 1", True),
        ("exitcode 70", True),  # of the watchdog
        ("signal 9 (SIGKILL)", False),
        ("signal 15 (SIGTERM)", False),
        ("exitcode 71", False),  # for a device that failed
        ("exitcode 0", False),
    ],
)
def test_process_has_crashed_when_nobody_killed_it(how: str, expected: bool) -> None:
    assert is_crash(f"Worker exited prematurely: {how} Job: 12.") is expected


def test_worker_is_ill_when_processes_die_in_a_row() -> None:
    health = Health(2)
    assert [health.child_died() for _ in range(MOST_DEATHS)] == [None] * MOST_DEATHS
    assert "6 processes died in a row" in (health.child_died() or "")


def test_worker_is_well_when_parts_are_done_between_deaths() -> None:
    health = Health(1)
    for _ in range(3):
        assert [health.child_died() for _ in range(MOST_DEATHS)] == [None] * MOST_DEATHS
        health.committed(0)


def test_worker_is_ill_when_one_device_fails_in_a_row() -> None:
    health = Health(2)
    for _ in range(MOST_DEVICE_FAILURES - 1):
        health.device_failed(1)
        assert health.child_died() is None
        health.committed(0)  # by the other
    assert health.device_failed(1) == MOST_DEVICE_FAILURES
    assert "failed 3 times" in (health.child_died() or "")
