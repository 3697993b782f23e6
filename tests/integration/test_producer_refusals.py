"""The producer with a Redis that is there and does not do what it is asked: told apart, each in one line."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.servers.process import free_port
from tests.servers.redis import RedisServer
from tests.unit.producer.conftest import Vaejob, home, store, vaejob
from vae_core.jobs.layout import JobKeys, open_key
from vae_core.storage.base import Store

__all__ = ["home", "store", "vaejob"]  # fixtures

READS_ONLY = ("ACL", "SETUSER", "reader", "on", ">secret", "~*", "+@all", "-lpush")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, to be set up badly."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder)
    server.start()
    yield server
    server.kill()


@contextmanager
def answering(line: bytes) -> Iterator[str]:
    """The URL of a server that answers each command with this error."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while header := self.rfile.readline():
                for _ in range(int(header[1:])):
                    self.rfile.readline()
                    self.rfile.readline()
                self.wfile.write(line + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"redis://:secret@127.0.0.1:{listening.server_address[1]}/0"
        finally:
            listening.shutdown()
            thread.join()


def check_accepted(vaejob: Vaejob, store: Store, words: str, job_id: str = "cars") -> None:
    """A job is accepted, and told in one line is what is the matter, what to do, and no secret."""
    outcome = vaejob("sample", "--n", "5", "--job-id", job_id)
    assert (outcome.code, outcome.out, len(outcome.err.splitlines())) == (0, f"{job_id}\n", 1)
    assert words in outcome.err
    assert "no worker is there" not in outcome.err  # who knows
    assert "the job is accepted" in outcome.err
    assert "secret" not in outcome.err
    assert store.stat(JobKeys(job_id).job) is not None
    assert store.stat(open_key(job_id)) is not None


def test_password_is_asked_for_when_there_is_none(
    vaejob: Vaejob, store: Store, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "secret")
    monkeypatch.setenv("VAEJOB_REDIS_URL", server.url)
    check_accepted(vaejob, store, "wants a password: write it into VAEJOB_REDIS_URL")
    told = vaejob("workers")
    assert (told.code, told.out, len(told.err.splitlines())) == (1, "", 1)
    assert "wants a password" in told.err
    monkeypatch.setenv("VAEJOB_REDIS_URL", server.url.replace("//", "//:other-secret@"))
    check_accepted(vaejob, store, "refuses the password of VAEJOB_REDIS_URL: correct it", "cars-2")
    check = next(check for check in vaejob("doctor", "--json").json["checks"] if check["name"] == "redis")
    assert (check["ok"], check["remedy"]) == (False, "correct it")


def test_permission_is_asked_for_when_the_user_may_not_send(
    vaejob: Vaejob, store: Store, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.execute_command(*READS_ONLY)
    monkeypatch.setenv("VAEJOB_REDIS_URL", server.url.replace("//", "//reader:secret@"))
    check_accepted(vaejob, store, "does not allow it to the user of VAEJOB_REDIS_URL")
    assert "lpush" in vaejob("sample", "--n", "5").err
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "-@all")
    told = vaejob("workers")
    assert (told.code, len(told.err.splitlines())) == (1, 1)
    assert "grant it in the server's ACL" in told.err


def test_primary_is_asked_for_when_redis_is_a_replica(
    vaejob: Vaejob, store: Store, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.replicaof("127.0.0.1", free_port())
    monkeypatch.setenv("VAEJOB_REDIS_URL", server.url)
    check_accepted(vaejob, store, "takes no writes, or is failing over: wait, or name the primary")


def test_memory_is_asked_for_when_redis_is_full(
    vaejob: Vaejob, store: Store, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1)
    monkeypatch.setenv("VAEJOB_REDIS_URL", server.url)
    check_accepted(vaejob, store, "has no memory left: raise its maxmemory")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"-LOADING Redis is loading the dataset in memory", "is still loading its data: wait until it has"),
        (b"-NOAUTH Authentication required.", "wants a password"),
        (b"-WRONGPASS invalid username-password pair or user is disabled.", "refuses the password"),
        (b"-NOPERM this user has no permissions to run the 'ping' command", "does not allow it"),
        (b"-READONLY You can't write against a read only replica.", "takes no writes, or is failing over"),
        (b"-MASTERDOWN Link with MASTER is down", "takes no writes, or is failing over"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.", "has no memory left"),
    ],
)
def test_refusal_is_told_apart_when_redis_gives_its_reason(
    line: bytes, words: str, vaejob: Vaejob, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(line) as url:
        monkeypatch.setenv("VAEJOB_REDIS_URL", url)
        told = vaejob("workers")
        check_accepted(vaejob, store, words)
    assert (told.code, told.out, len(told.err.splitlines())) == (1, "", 1)
    assert words in told.err
    assert "secret" not in told.err
