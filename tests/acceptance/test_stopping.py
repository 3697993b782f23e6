"""A worker that is told to stop, once or twice, and one that Redis does not let in."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import redis

from tests.acceptance.conftest import MakeFleet
from tests.fleet import BIN, Fleet, wait_for
from tests.servers.redis import RedisServer


@pytest.mark.parametrize(("role", "how"), [(None, signal.SIGINT), ("parts", signal.SIGTERM)])
def test_worker_stops_at_once_when_it_is_told_to_twice(fleet: Fleet, role: str | None, how: signal.Signals) -> None:
    if role is not None:
        fleet.start_worker("control")
    worker = fleet.start_worker(role)
    fleet.vaejob("sample", "--n", "8000", "--part-size", "8000", "--job-id", "j")
    wait_for("an attempt", lambda: list(fleet.store.list("jobs/j/attempts/")))
    family = worker.children()
    worker.process.send_signal(how)
    time.sleep(0.05)  # two at the same moment are one
    worker.process.send_signal(how)
    told_at = time.monotonic()
    worker.process.wait(30)
    assert time.monotonic() - told_at < 3
    gone, alive = psutil.wait_procs(family, timeout=5)
    assert (len(gone), alive) == (len(family), [])


def test_worker_refuses_to_start_when_redis_does_not_know_its_password(make_fleet: MakeFleet, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", "right")
        fleet = make_fleet(VAEJOB_REDIS_URL=f"redis://:wrong@127.0.0.1:{server.port}/0")
        done = subprocess.run(
            [BIN / "vaeworker"], env=fleet.environment, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        server.kill()
    assert done.returncode == 2
    assert "set it to one that it knows" in done.stderr + done.stdout
    assert "wrong" not in (done.stderr + done.stdout).replace("WRONGPASS", "")
    assert "Traceback" not in done.stderr + done.stdout


def test_worker_waits_without_spinning_when_redis_is_away(make_fleet: MakeFleet, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    fleet = make_fleet(**server.env)
    worker = fleet.start_worker()
    server.kill()
    wait_for("a word about it", lambda: "waiting for Redis" in worker.log)
    busy_s = cpu_seconds(worker.process.pid)
    time.sleep(10)
    assert cpu_seconds(worker.process.pid) - busy_s < 2
    assert worker.process.poll() is None
    server.start()
    try:
        fleet.vaejob("sample", "--n", "5", "--watch", "--job-id", "j")
        assert len(fleet.manifest("j")) == 5
    finally:
        server.kill()


def cpu_seconds(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.cpu_times().user + process.cpu_times().system for process in family)
