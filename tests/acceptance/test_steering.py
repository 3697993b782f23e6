"""Pausing, urgency and fairness, with a real worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fleet import Fleet, wait_for

LONG = ("sample", "--n", "1500", "--seed", "5", "--part-size", "50")
DOCUMENTS = ("manifest.jsonl", "errors.jsonl", "grid.png")
HUGE, SMALL = 100_000, 10


def names(fleet: Fleet, job_id: str, folder: str) -> set[str]:
    return {found.key for found in fleet.store.list(f"jobs/{job_id}/{folder}/")}


def wait_for_parts(fleet: Fleet, job_id: str, parts: int) -> None:
    wait_for(f"{parts} committed parts of {job_id}", lambda: len(names(fleet, job_id, "parts")) >= parts)


def wait_for_plan(fleet: Fleet, job_id: str) -> None:
    wait_for(f"a plan of {job_id}", lambda: fleet.store.stat(f"jobs/{job_id}/plan.json"))


def state(fleet: Fleet, job_id: str) -> str:
    return str(json.loads(fleet.vaejob("status", job_id, "--json").stdout)["state"])


def path_of(fleet: Fleet, key: str) -> Path:
    return fleet.folder / "home" / "store" / key


def commits(fleet: Fleet, job_id: str) -> list[int]:
    """When each part was committed, ascending, in nanoseconds."""
    return sorted(path_of(fleet, key).stat().st_mtime_ns for key in names(fleet, job_id, "parts"))


def test_no_part_begins_when_the_job_is_paused_and_the_bytes_are_the_same_when_it_goes_on(fleet: Fleet) -> None:
    fleet.start_worker()
    fleet.vaejob(*LONG, "--job-id", "held")
    wait_for_parts(fleet, "held", 3)
    fleet.vaejob("pause", "held")
    done = len(names(fleet, "held", "parts"))
    watching = fleet.start_vaejob("watch", "held")
    fleet.vaejob(*LONG, "--job-id", "even", "--watch")  # as long as the whole of the other one
    paused = names(fleet, "held", "parts")
    # Two were in hand: one that had begun, and one that came to its end beside it.
    assert done <= len(paused) <= done + 2 < 30
    assert names(fleet, "held", "attempts") == set()
    assert state(fleet, "held") == "paused"
    assert "paused" in fleet.vaejob("list").stdout
    assert watching.poll() is None
    fleet.vaejob("resume", "held")
    out, err = watching.communicate(timeout=120)
    assert (watching.returncode, out.startswith("Succeeded: 1,500 of 1,500 images")) == (0, True), f"{out}\n{err}"
    assert err.count("`vaejob resume held` lets it go on") == 1
    assert {name: fleet.read("held", name) for name in DOCUMENTS} == {
        name: fleet.read("even", name) for name in DOCUMENTS
    }
    fleet.verify_all()


def test_job_waits_when_it_is_paused_before_a_worker_comes(fleet: Fleet) -> None:
    for job_id in ("held", "stopped"):
        fleet.vaejob("sample", "--n", "40", "--part-size", "10", "--job-id", job_id)
        fleet.vaejob("pause", job_id)
    fleet.start_worker()
    fleet.vaejob("sample", "--n", "40", "--part-size", "10", "--job-id", "other", "--watch")
    for job_id in ("held", "stopped"):
        assert names(fleet, job_id, "parts") == names(fleet, job_id, "attempts") == set()
        assert state(fleet, job_id) == "paused"
    fleet.vaejob("cancel", "stopped")
    fleet.vaejob("watch", "stopped", expect=5)
    for job_id in ("held", "stopped"):
        fleet.vaejob("resume", job_id, "--watch")
        assert len(fleet.manifest(job_id)) == 40
    fleet.verify_all()


def test_jobs_are_done_by_their_urgency_when_they_came_in_another_order(fleet: Fleet) -> None:
    fleet.start_worker("control")
    order = ("low", "normal", "high")
    for priority in order:
        fleet.vaejob("sample", "--n", "400", "--part-size", "50", "--priority", priority, "--job-id", priority)
        wait_for_plan(fleet, priority)
    fleet.start_worker("parts")
    for priority in reversed(order):
        fleet.vaejob("watch", priority)
    low, normal, high = (commits(fleet, priority) for priority in order)
    assert high[-1] < normal[0] < normal[-1] < low[0]


@pytest.mark.timeout(400)
def test_small_and_urgent_jobs_are_done_soon_when_they_come_behind_100000(fleet: Fleet) -> None:
    fleet.start_worker()
    fleet.vaejob("sample", "--n", f"{HUGE}", "--seed", "1", "--job-id", "huge")
    wait_for("a part that was begun", lambda: names(fleet, "huge", "attempts") or names(fleet, "huge", "parts"))
    fleet.vaejob("sample", "--n", f"{SMALL}", "--job-id", "small", "--watch")
    ended = path_of(fleet, "jobs/small/end.json").stat().st_mtime_ns
    before = [key for key in names(fleet, "huge", "parts") if path_of(fleet, key).stat().st_mtime_ns <= ended]
    items = sum(len(json.loads(fleet.store.read(key).data)["items"]) for key in before)
    assert items < HUGE * 0.02
    fleet.vaejob("sample", "--n", "400", "--part-size", "50", "--priority", "high", "--job-id", "urgent", "--watch")
    first, *_, last = commits(fleet, "urgent")
    assert [moment for moment in commits(fleet, "huge") if first < moment < last] == []
    assert state(fleet, "huge") == "running"
    fleet.vaejob("cancel", "huge")
    fleet.vaejob("watch", "huge", expect=5)
    assert len(fleet.manifest("small")) == SMALL
