"""Names of queues and hints, and one Redis as redis-py and as Celery write it."""

from __future__ import annotations

import inspect
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import kombu
import pytest
import redis

from tests.servers.process import die_with_parent
from tests.servers.redis import redis_binary
from vae_core.jobs import channels
from vae_core.jobs.channels import FINISH_TASK, PART_TASK, PLAN_TASK, PROTOCOL, Channels, celery_options, celery_url

PASSWORD = "p@ss/w%20rd&db=3"
_READY_S = 30.0


@pytest.fixture(scope="module")
def socket_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Redis with a password, on a socket whose path needs encoding; a database's number is to follow."""
    folder = tmp_path_factory.mktemp("so#k?t %20")
    socket = folder / "r.sock"
    command = [str(redis_binary()), "--port", "0", "--save", "", "--unixsocket", str(socket), "--requirepass", PASSWORD]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=die_with_parent)
    try:
        _wait(server, socket, folder / "log")
        yield f"unix://{quote(str(socket))}?password={quote(PASSWORD, safe='')}&db="
    finally:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        with redis.Redis(unix_socket_path=str(socket), password=PASSWORD) as client:
            try:
                client.ping()
                return
            except redis.RedisError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"redis-server is not there: {log.read_text()}") from None
        time.sleep(0.02)


def _names(of: Channels) -> list[str]:
    """Every name, attribute or method, with stand-ins for arguments; those made of others apart."""
    values = {"job_id": "job", "what": "00012", "role": "parts", "host": "h", "pid": 1}
    methods = [
        method for name, method in inspect.getmembers(of, inspect.ismethod) if name[0] != "_" and name != "lists"
    ]
    made = [method(*(values[name] for name in inspect.signature(method).parameters)) for method in methods]
    return [*(value for name, value in vars(of).items() if name not in {"prefix", "parts_queues"}), *made]


def test_names_carry_queue_and_protocol_when_made() -> None:
    names = _names(Channels("fleet-a"))
    assert len(names) >= 11
    assert all(name.startswith(f"fleet-a:{PROTOCOL}:") for name in names)
    assert len(set(names)) == len(names)
    assert all(f".{PROTOCOL}." in task for task in (PLAN_TASK, PART_TASK, FINISH_TASK))


def test_names_are_others_when_queue_or_protocol_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = set(_names(Channels("fleet-a"))), set(_names(Channels("fleet-b")))
    monkeypatch.setattr(channels, "PROTOCOL", "v0")
    old = set(_names(Channels("fleet-a")))
    assert not mine & theirs
    assert not mine & old


def test_lists_are_those_of_kombu_the_most_urgent_first_when_queues_have_priorities() -> None:
    first, more = Channels("q").parts_queues
    steps = ("", "\x06\x163", "\x06\x166")
    assert Channels("q").lists(first, more) == tuple(queue + step for step in steps for queue in (first, more))


def test_names_differ_when_jobs_or_parts_do() -> None:
    names = Channels("q")
    assert len({names.lease(job, what) for job in ("a", "b") for what in ("plan", "finish", "00000", "00001")}) == 8
    assert names.worker("parts", "h", 1).startswith(names.workers)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://u:p@host:1/2?ssl_cert_reqs=none", "rediss://u:p@host:1/2?ssl_cert_reqs=none"),
        ("unix:///run/r.sock", "redis+socket:///run/r.sock?virtual_host=0"),
        ("unix:///run/r.sock?db=0", "redis+socket:///run/r.sock?virtual_host=0"),
        ("unix:///run/r.sock?x=1&db=15&y=2", "redis+socket:///run/r.sock?virtual_host=15"),
        ("unix:///run/r.sock?mydb=3", "redis+socket:///run/r.sock?virtual_host=0"),
        ("unix://:secret@/run/r.sock?db=1", "redis+socket://:secret@/run/r.sock?virtual_host=1"),
        ("unix://me:s%40@/run/r.sock", "redis+socket://me:s%40@/run/r.sock?virtual_host=0"),
        ("unix:///run/a%20b/r.sock?password=s%40", "redis+socket://:s%40@/run/a%20b/r.sock?virtual_host=0"),
        ("unix:///r.sock?username=me&password=s", "redis+socket://me:s@/r.sock?virtual_host=0"),
    ],
)
def test_address_is_kombu_s_when_it_is_a_socket(url: str, expected: str) -> None:
    assert celery_url(url) == expected
    assert celery_options(url)["broker_url"] == expected


@pytest.mark.parametrize("db", [0, 3])
def test_kombu_and_redis_py_reach_the_same_database_when_on_a_socket(socket_url: str, db: int) -> None:
    with (
        redis.Redis.from_url(f"{socket_url}{db}") as client,
        kombu.Connection(celery_url(f"{socket_url}{db}")) as connection,
        connection.SimpleQueue("errand") as queue,
    ):
        queue.put({"part": 1})
        assert client.llen("errand") == 1
        assert queue.get(timeout=10).payload == {"part": 1}


def test_celery_takes_json_only_and_keeps_no_results_when_configured() -> None:
    options = celery_options("redis://localhost/0")
    assert options["accept_content"] == ["json"]
    assert options["task_serializer"] == "json"
    assert options["task_ignore_result"] is True
    assert "result_backend" not in options
    assert options["broker_transport_options"]["unacked_restore_interval"] == 2
