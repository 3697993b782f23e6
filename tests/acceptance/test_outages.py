"""What workers do while Redis refuses or hangs, and when their own processes are killed again and again."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import redis

from tests.acceptance.conftest import MakeFleet
from tests.fleet import Fleet, Worker, wait_for
from tests.servers.process import free_port
from tests.servers.redis import RedisServer
from worker.embedded import answers, ensure_running

LONG = ("sample", "--n", "600", "--seed", "5", "--part-size", "50")


@pytest.mark.parametrize("how", ["full", "replica", "unwritable"])
def test_workers_wait_and_go_on_when_redis_refuses_to_be_written_to(
    make_fleet: MakeFleet, tmp_path: Path, how: str
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        fleet = make_fleet(**server.env)
        worker = fleet.start_worker()
        fleet.vaejob("sample", "--n", "5", "--watch", "--job-id", "warm")
        fleet.vaejob(*LONG, "--job-id", "j")
        wait_for("a part", lambda: list(fleet.store.list("jobs/j/parts/")))
        with redis.Redis.from_url(server.url) as client:
            refuse(client, how)
            time.sleep(15)
            assert worker.process.poll() is None
            assert "giving up" not in worker.log
            assert worker.log.count("\n") < 400
            allow(client, how)
        fleet.vaejob("watch", "j")
        assert len(fleet.manifest("j")) == 600
        assert worker.process.poll() is None
    finally:
        server.kill()


def refuse(client: redis.Redis, how: str) -> None:
    match how:
        case "full":
            client.config_set("maxmemory", "1")
        case "replica":
            client.replicaof("127.0.0.1", str(free_port()))
        case "unwritable":
            client.execute_command("ACL", "SETUSER", "default", "-set")
            client.client_kill_filter(_type="normal", skipme=True)


def allow(client: redis.Redis, how: str) -> None:
    match how:
        case "full":
            client.config_set("maxmemory", "0")
        case "replica":
            client.replicaof("NO", "ONE")
        case "unwritable":
            client.execute_command("ACL", "SETUSER", "default", "+set")


def test_worker_goes_on_when_its_roles_are_killed_again_and_again(fleet: Fleet) -> None:
    worker = fleet.start_worker()
    killed = set[int]()
    while len(killed) < 6:  # each of them young
        victim = wait_for("another process of the role", lambda: role(worker, "control", killed))
        killed.add(victim.pid)
        victim.kill()
    fleet.vaejob("sample", "--n", "5", "--watch", "--job-id", "j")
    assert "giving up" not in worker.log


def test_worker_waits_for_its_store_when_that_refuses_a_role_that_has_worked(make_fleet: MakeFleet) -> None:
    fleet = make_fleet()
    worker = fleet.start_worker()
    fleet.vaejob("sample", "--n", "5", "--watch", "--job-id", "before")
    victim = role(worker, "control", set())
    assert victim is not None
    wait_for("a role that has worked for a while", lambda: time.time() - victim.create_time() > 11)
    folder = Path(fleet.settings.store.removeprefix("file://"))
    folder.rename(folder.with_name("elsewhere"))
    folder.write_text("no folder")
    victim.kill()
    wait_for("a refusal", lambda: "ended with status 2" in worker.log)
    assert worker.process.poll() is None
    folder.unlink()
    folder.with_name("elsewhere").rename(folder)
    fleet.vaejob("sample", "--n", "5", "--watch", "--job-id", "after")
    assert len(fleet.manifest("after")) == 5


def role(worker: Worker, name: str, but: set[int]) -> psutil.Process | None:
    """The role's process, unless it is one of these."""
    for child in worker.children():
        with suppress(psutil.NoSuchProcess):  # it has died in between
            if child.cmdline()[-1:] == [name] and child.pid not in but:
                return child
    return None


def test_embedded_redis_is_replaced_when_it_lives_and_does_not_answer(fleet: Fleet) -> None:
    ensure_running(fleet.settings)
    pid_file = fleet.settings.redis_socket.with_name("redis.pid")
    silent = psutil.Process(int(pid_file.read_text()))
    silent.send_signal(signal.SIGSTOP)
    ensure_running(fleet.settings)
    assert answers(fleet.settings)
    assert int(pid_file.read_text()) != silent.pid
    wait_for("the end of the silent one", lambda: not psutil.pid_exists(silent.pid), 10)
