"""A job finishes by itself, with the same bytes, whatever was away or killed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet, Worker, wait_for
from tests.servers.process import free_port
from tests.servers.redis import RedisServer

# Some seconds of work for the tiny model: long enough to be interrupted.
LONG = ("sample", "--n", "1500", "--seed", "5", "--part-size", "50")
Undisturbed = dict[str, bytes]
DOCUMENTS = ("manifest.jsonl", "errors.jsonl", "grid.png")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Iterator[Undisturbed]:
    """What the long job comes to when nothing happens to it."""
    fleet = Fleet(tmp_path_factory.mktemp("undisturbed"), {"VAEJOB_CHECKPOINT": str(tiny_checkpoint)})
    try:
        fleet.start_worker()
        fleet.vaejob(*LONG, "--job-id", "undisturbed", "--watch")
        yield {name: fleet.read("undisturbed", name) for name in DOCUMENTS}
    finally:
        fleet.end()


def committed_parts(fleet: Fleet, job_id: str) -> int:
    return sum(1 for _ in fleet.store.list(f"jobs/{job_id}/parts/"))


def wait_for_parts(fleet: Fleet, job_id: str, parts: int) -> None:
    wait_for(f"{parts} committed parts", lambda: committed_parts(fleet, job_id) >= parts)


def check_ended_like(undisturbed: Undisturbed, fleet: Fleet, job_id: str) -> None:
    """The same bytes, every output as the manifest says, and nothing left open."""
    assert {name: fleet.read(job_id, name) for name in DOCUMENTS} == undisturbed
    for line in fleet.manifest(job_id):
        assert hashlib.sha256(fleet.read(job_id, line["key"])).hexdigest() == line["sha256"]
    assert len(list(fleet.store.list(f"jobs/{job_id}/images/"))) == 1500
    # A watcher that looked a moment before the end may have marked the job open again; the reconciler sees to that.
    wait_for("no open job", lambda: not list(fleet.store.list("open/")), 20)


def test_job_waits_and_is_done_when_a_worker_comes(fleet: Fleet) -> None:
    said = fleet.vaejob("sample", "--n", "5", "--job-id", "early").stderr
    assert "worker" in said
    assert "make worker" in said
    assert len(said.strip().splitlines()) == 1
    fleet.start_worker()
    fleet.vaejob("watch", "early")
    assert len(fleet.manifest("early")) == 5


def test_job_is_done_when_redis_comes_after_it(make_fleet: MakeFleet, redis_server: RedisServer) -> None:
    fleet = make_fleet(VAEJOB_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0", VAEJOB_QUEUE="test-late")
    said = fleet.vaejob("sample", "--n", "5", "--job-id", "early").stderr
    assert len(said.strip().splitlines()) == 1
    fleet.environment.update(redis_server.env)
    fleet.start_worker()
    fleet.vaejob("watch", "early")
    assert len(fleet.manifest("early")) == 5


def test_job_finishes_the_same_when_redis_is_emptied_in_the_middle(
    make_fleet: MakeFleet, redis_server: RedisServer, undisturbed: Undisturbed
) -> None:
    fleet = make_fleet(VAEJOB_QUEUE="test-emptied", **redis_server.env)
    fleet.start_worker()
    fleet.vaejob(*LONG, "--job-id", "hurt")
    wait_for_parts(fleet, "hurt", 3)
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    assert committed_parts(fleet, "hurt") < 30  # it was in the middle indeed
    fleet.vaejob("watch", "hurt")
    check_ended_like(undisturbed, fleet, "hurt")


def test_job_ends_a_minute_late_at_most_when_redis_is_emptied_at_default_settings(
    make_fleet: MakeFleet, redis_server: RedisServer
) -> None:
    fleet = make_fleet(VAEJOB_QUEUE="test-emptied-default", **redis_server.env)
    for name in ("VAEJOB_LEASE_S", "VAEJOB_MARK_S", "VAEJOB_RECONCILE_S"):
        del fleet.environment[name]
    fleet.start_worker()
    seconds = []
    for job_id in ("warm", "undisturbed", "emptied"):
        began = time.monotonic()
        fleet.vaejob("sample", "--n", "1500", "--seed", "5", "--part-size", "25", "--job-id", job_id)
        if job_id == "emptied":
            wait_for_parts(fleet, job_id, 2)
            with redis.Redis.from_url(redis_server.url) as client:
                client.flushall()
            assert 60 - committed_parts(fleet, job_id) >= 50
        fleet.vaejob("watch", job_id)
        seconds.append(time.monotonic() - began)
    assert fleet.read("emptied", "manifest.jsonl") == fleet.read("undisturbed", "manifest.jsonl")
    assert seconds[2] - seconds[1] < 60, seconds


def test_job_finishes_the_same_when_all_workers_are_killed_and_one_comes_back(
    fleet: Fleet, undisturbed: Undisturbed
) -> None:
    worker = fleet.start_worker()
    fleet.vaejob(*LONG, "--job-id", "hurt")
    wait_for_parts(fleet, "hurt", 3)
    worker.kill_all()
    assert not list(fleet.store.list("jobs/hurt/end.json"))
    fleet.start_worker()
    fleet.vaejob("watch", "hurt")
    check_ended_like(undisturbed, fleet, "hurt")


@pytest.mark.parametrize("victim", ["child", "parts", "control", "redis"])
def test_job_finishes_the_same_when_one_process_is_killed(fleet: Fleet, undisturbed: Undisturbed, victim: str) -> None:
    worker = fleet.start_worker()
    fleet.vaejob(*LONG, "--job-id", "hurt")
    wait_for_parts(fleet, "hurt", 3)
    if victim == "redis":
        process = psutil.Process(int((fleet.settings.redis_socket.parent / "redis.pid").read_text()))
    else:
        process = process_of(worker, victim)
    process.kill()
    assert committed_parts(fleet, "hurt") < 30
    fleet.vaejob("watch", "hurt")
    check_ended_like(undisturbed, fleet, "hurt")


def process_of(worker: Worker, which: str) -> psutil.Process:
    """A role's main process, or the child that runs the model."""
    roles = {child.cmdline()[-1]: child for child in worker.children() if child.parent().pid == worker.process.pid}
    return roles["parts"].children()[0] if which == "child" else roles[which]


def test_worker_goes_on_without_a_restart_when_a_part_ends_while_redis_is_away(
    make_fleet: MakeFleet, tmp_path: Path
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        fleet = make_fleet(VAEJOB_LEASE_S="20", **server.env)
        worker = fleet.start_worker()
        fleet.vaejob("sample", "--n", "10", "--job-id", "warm", "--watch")
        fleet.vaejob("sample", "--n", "1500", "--part-size", "1500", "--job-id", "cut")
        wait_for("an attempt", lambda: list(fleet.store.list("jobs/cut/attempts/")))
        server.kill()
        assert committed_parts(fleet, "cut") == 0
        wait_for_parts(fleet, "cut", 1)
        server.start()
        fleet.vaejob("watch", "cut")
        fleet.vaejob("sample", "--n", "10", "--job-id", "next", "--watch")
        assert "this worker ends" not in worker.log
        assert worker.log.count("worker.roles: ready") == 2
    finally:
        server.kill()


def test_part_goes_back_uncounted_when_the_worker_is_told_to_stop(fleet: Fleet, undisturbed: Undisturbed) -> None:
    worker = fleet.start_worker()
    fleet.vaejob("sample", "--n", "1500", "--seed", "5", "--part-size", "1500", "--job-id", "hurt")
    wait_for("an attempt", lambda: list(fleet.store.list("jobs/hurt/attempts/")))
    assert worker.stop() == 0
    assert not list(fleet.store.list("jobs/hurt/attempts/"))
    assert not list(fleet.store.list("jobs/hurt/parts/"))
    fleet.start_worker()
    fleet.vaejob("watch", "hurt")
    check_ended_like(undisturbed, fleet, "hurt")


def test_job_is_cancelled_soon_and_resumed_to_the_same_bytes_when_asked(fleet: Fleet, undisturbed: Undisturbed) -> None:
    fleet.start_worker()
    fleet.vaejob(*LONG, "--job-id", "stopped")
    wait_for_parts(fleet, "stopped", 2)
    fleet.vaejob("cancel", "stopped")
    fleet.vaejob("watch", "stopped", expect=5)
    done = committed_parts(fleet, "stopped")
    assert done < 30
    fleet.vaejob("resume", "stopped")
    fleet.vaejob("watch", "stopped")
    check_ended_like(undisturbed, fleet, "stopped")
