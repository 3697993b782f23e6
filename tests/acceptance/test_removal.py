"""Removing a job that real workers are at."""

from __future__ import annotations

from tests.fleet import Fleet, wait_for

LONG = ("sample", "--n", "3000", "--seed", "5", "--part-size", "50")


def keys_of(fleet: Fleet) -> list[str]:
    return [found.key for found in fleet.store.list() if not found.key.startswith("checkpoints/")]


def test_running_job_is_ended_and_removed_when_a_worker_is_at_it(fleet: Fleet) -> None:
    fleet.start_worker()
    fleet.vaejob(*LONG, "--job-id", "gone")
    wait_for("three committed parts", lambda: len(list(fleet.store.list("jobs/gone/parts/"))) >= 3)
    removed = fleet.vaejob("rm", "gone", "--yes").stdout
    assert "job gone is removed" in removed
    assert keys_of(fleet) == []
    assert list(fleet.store.list("checkpoints/"))
    assert "there is no job 'gone'" in fleet.vaejob("status", "gone", expect=2).stderr
    # The same id is free again, and nothing of the job before is in the way of the new one.
    fleet.vaejob("sample", "--n", "60", "--part-size", "50", "--job-id", "gone", "--watch")
    fleet.vaejob("verify", "gone")
    assert len(fleet.manifest("gone")) == 60
    assert len(list(fleet.store.list("jobs/gone/images/"))) == 60


def test_waiting_job_is_removed_when_a_worker_has_come(fleet: Fleet) -> None:
    fleet.vaejob("sample", "--n", "5", "--job-id", "waiting")
    assert "--force" in fleet.vaejob("rm", "waiting", "--yes", expect=1).stderr
    fleet.start_worker("control")
    fleet.vaejob("watch", "waiting", expect=5)  # its cancellation was noted
    fleet.vaejob("rm", "waiting", "--yes")
    assert keys_of(fleet) == []
