"""Schedules from the command line to the pictures, with real workers."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import MakeFleet
from tests.chaos.moved_clock import CLOCK, MOVED_CLOCK, set_clock
from tests.fleet import Fleet, wait_for
from tests.pictures import write_cars
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server
from vae_core.schedules.schedule import iso
from vae_core.storage.opening import open_store


def history(fleet: Fleet, name: str = "nightly") -> list[dict[str, Any]]:
    """The runs, the newest first."""
    found: list[dict[str, Any]] = json.loads(fleet.vaejob("schedule", "history", name, "--json").stdout)["runs"]
    return found


def run_now(fleet: Fleet, *options: str, expect: int = 0) -> dict[str, Any]:
    """Runs it to its end; the run as the history tells of it."""
    fleet.vaejob("schedule", "run", "nightly", "--watch", *options, expect=expect)
    return history(fleet)[0]


@pytest.fixture
def cars(tmp_path: Path) -> list[bytes]:
    write_cars(tmp_path / "drawn", 4)
    return [path.read_bytes() for path in sorted((tmp_path / "drawn").iterdir())]


@pytest.mark.timeout(300)
def test_one_picture_is_done_when_one_is_new(fleet: Fleet, cars: list[bytes]) -> None:
    incoming = fleet.folder / "incoming"
    incoming.mkdir()
    for number in range(3):
        (incoming / f"{number}.png").write_bytes(cars[number])
    (incoming / "bad.png").write_bytes(b"no image")
    worker = fleet.start_worker()
    fleet.vaejob("schedule", "add", "nightly", "--cron", "0 2 * * *", "--", "reconstruct", str(incoming))
    first = run_now(fleet, expect=3)
    assert (first["items"], first["done"], first["errors"], first["slot"]) == (4, 3, 1, None)
    (incoming / "new.png").write_bytes(cars[3])
    second = run_now(fleet)
    assert (second["items"], second["done"], second["errors"], second["known"]) == (1, 1, 0, 4)
    assert [line["source"] for line in fleet.manifest(second["job_id"])] == ["new.png"]
    third = fleet.vaejob("schedule", "run", "nightly", "--watch").stdout
    assert "nothing new, 5 inputs known" in third
    assert run_now(fleet, "--retry-errors", expect=3)["items"] == 1
    assert run_now(fleet, "--full", expect=3)["items"] == 5
    page = fleet.read(second["job_id"], "index.html").decode()
    assert f"nightly, run {second['run']}" in page
    assert "of 1 planned; 4 were done by runs before" in page
    assert json.loads(fleet.vaejob("status", second["job_id"], "--json").stdout)["schedule"] == "nightly"
    fleet.verify_all()
    fleet.vaejob("schedule", "rm", "nightly", "--yes")
    assert len(list(fleet.store.list_folders("jobs/"))) == 5
    assert worker.stop() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("server", ["s3_moto", "s3_rclone"])
def test_slot_is_run_once_when_a_bucket_is_scheduled_and_a_control_killed(
    server: str, make_fleet: MakeFleet, redis_server: RedisServer, cars: list[bytes], request: pytest.FixtureRequest
) -> None:
    """On a moved clock, with two controls; the pictures lie in the bucket that the results go to."""
    s3: S3Server = request.getfixturevalue(server)
    bucket = s3.make_bucket()
    source = open_store(f"s3://{bucket}", s3=s3.options)
    for number, odd in enumerate(("a b+c%20#?é.png", "deep/er/x.png", "y.png")):
        source.write(f"incoming/{odd}", cars[number])
    fleet = make_fleet(
        VAEJOB_STORE=f"s3://{bucket}/results", VAEJOB_QUEUE=f"test-{bucket}", **redis_server.env, **s3.env
    )
    clock = fleet.folder / "clock"
    fleet.environment[CLOCK] = str(clock)
    set_clock(clock, datetime.now(UTC))
    fleet.start_worker("parts")
    control, _ = (fleet.start_worker("control", module=MOVED_CLOCK) for _ in range(2))
    when = ("--cron", "0 2 * * *", "--timezone", "Asia/Kolkata", "--json")
    added = fleet.vaejob("schedule", "add", "nightly", *when, "--", "reconstruct", f"s3://{bucket}/incoming/")
    slot = datetime.fromisoformat(json.loads(added.stdout)["next_runs"][0])

    def night(number: int) -> None:
        set_clock(clock, slot + timedelta(days=number))
        wait_for("the end of the run", lambda: [run["state"] for run in history(fleet)] == ["succeeded"] * (number + 1))

    night(0)
    source.write("incoming/y.png", cars[3])
    control.kill_all()
    night(1)
    ledger = [found.key for found in source.list("results/schedules/nightly/ledger/")]
    assert len(ledger) == 1
    source.delete(ledger)
    night(2)
    runs = list(reversed(history(fleet)))
    assert [(run["items"], run["known"]) for run in runs] == [(3, 0), (1, 2), (0, 3)]
    assert [run["slot"] for run in runs] == [iso(slot + timedelta(days=number)) for number in range(3)]
    for run in runs:
        fleet.vaejob("verify", run["job_id"])


@pytest.mark.timeout(300)
def test_cars_are_drawn_each_minute_when_nobody_asks(fleet: Fleet) -> None:
    """Added while no worker is there; a job of an earlier time is not waited for."""
    said = fleet.vaejob("schedule", "add", "nightly", "--cron", "* * * * *", "--", "sample", "--n", "2")
    assert "runs once a worker is there" in said.stderr
    fleet.start_worker()
    wait_for("the end of a run", lambda: any(run["state"] == "succeeded" for run in history(fleet)), 150)
    (run, *_) = [run for run in history(fleet) if run["state"] == "succeeded"]
    assert len(fleet.manifest(run["job_id"])) == 2
    table = fleet.vaejob("schedule", "list").stdout
    assert "nightly" in table and "* * * * *" in table
