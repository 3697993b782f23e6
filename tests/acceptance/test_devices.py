"""A device that fails or hangs ends its process, not the job."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet, wait_for

HOOK = Path(__file__).parents[1] / "hooks" / "device"


@pytest.fixture
def fault(tmp_path: Path) -> Path:
    """The file that tells the device what to do."""
    return tmp_path / "fault"


@pytest.fixture
def fleet(make_fleet: MakeFleet, fault: Path) -> Fleet:
    # Time enough to load torch in, on a machine that has other things to do.
    return make_fleet(PYTHONPATH=str(HOOK), DEVICE_FAULT=str(fault), VAEJOB_BATCH_TIMEOUT_S="15")


def test_worker_ends_with_an_error_when_its_device_fails_three_times_in_a_row(fleet: Fleet, fault: Path) -> None:
    fault.write_text("fail")
    control, parts = fleet.start_worker("control"), fleet.start_worker("parts")
    fleet.vaejob("sample", "--n", "20", "--job-id", "j")
    wait_for("the end of the worker", lambda: parts.process.poll() is not None)
    assert parts.process.returncode == 1
    assert parts.log.count("device failure") == 3
    assert "failed 3 times in a row: this worker ends" in parts.log
    assert not list(fleet.store.list("jobs/j/attempts/"))  # it is not the part's fault
    fault.unlink()
    fleet.start_worker("parts")
    fleet.vaejob("watch", "j")
    assert len(fleet.manifest("j")) == 20
    assert control.process.poll() is None


def test_jobs_are_done_when_the_device_fails_now_and_then_and_a_batch_hangs(fleet: Fleet, fault: Path) -> None:
    worker = fleet.start_worker()
    for number, failures in enumerate((2, 4)):  # never three in a row
        fault.write_text("fail")
        fleet.vaejob("sample", "--n", "5", "--job-id", f"failed-{number}")
        wait_for("two failures", lambda failures=failures: worker.log.count("device failure") >= failures)
        fault.unlink()
        fleet.vaejob("watch", f"failed-{number}")
    assert "this worker ends" not in worker.log
    fault.write_text("hang")
    fleet.vaejob("sample", "--n", "5", "--job-id", "hung")
    wait_for("the watchdog", lambda: "no item was read or written in 15 s: this process ends" in worker.log)
    fault.unlink()
    fleet.vaejob("watch", "hung")
    assert [len(fleet.manifest(job)) for job in ("failed-0", "failed-1", "hung")] == [5, 5, 5]
