"""The producer with a real Redis: messages, workers, hints, and what it does when Redis goes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from producer.calling import call_workers
from producer.ending import JobBusy, resume
from producer.hints import Hints
from producer.status import JobReader
from tests.servers.redis import RedisServer
from tests.unit.producer import work
from tests.unit.producer.conftest import Vaejob, home, store, vaejob
from vae_core.errors import QueueUnavailable
from vae_core.jobs.channels import CONTROL_ROLE, FINISH_TASK, PARTS_ROLE, PLAN_TASK, SENT_AT, Channels, WorkerInfo
from vae_core.jobs.layout import open_key
from vae_core.settings import Settings, read_settings
from vae_core.storage.base import Store

__all__ = ["home", "store", "vaejob"]  # fixtures

QUEUE = "producer-test"
CHANNELS = Channels(QUEUE)


@pytest.fixture
def client(redis_server: RedisServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """Redis as the command finds it, empty."""
    monkeypatch.setenv("VAEJOB_REDIS_URL", redis_server.url)
    monkeypatch.setenv("VAEJOB_QUEUE", QUEUE)
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as connection:
        for key in connection.scan_iter(f"{QUEUE}*"):
            connection.delete(key)
        yield connection


@pytest.fixture
def settings(client: redis.Redis, redis_server: RedisServer, home: Path) -> Settings:
    return read_settings({"VAEJOB_HOME": str(home), "VAEJOB_REDIS_URL": redis_server.url, "VAEJOB_QUEUE": QUEUE})


def _announce(client: redis.Redis, store: Store, *roles: str) -> None:
    for role in roles:
        info = WorkerInfo(
            role=role,
            host="box",
            pid=7,
            processes=1,
            device="cuda:0" if role == PARTS_ROLE else "",
            store=store.url,
            code_version="0.1.0",
            started_at="2026-11-23T13:29:00+00:00",
        )
        client.set(CHANNELS.worker(role, "box", 7), msgspec.json.encode(info), ex=60)


def _sent(client: redis.Redis) -> list[tuple[str, list[str]]]:
    """Task names and arguments that wait for the control role, the most urgent first, then the oldest."""
    found = []
    for name in CHANNELS.lists(CHANNELS.control_queue):
        for raw in reversed(client.lrange(name, 0, -1)):
            message = json.loads(raw)
            body = json.loads(base64.b64decode(message["body"]))
            found.append((message["headers"]["task"], body[0]))
    return found


def test_plan_is_sent_when_a_job_is_submitted(vaejob: Vaejob, client: redis.Redis, store: Store) -> None:
    _announce(client, store, PARTS_ROLE, CONTROL_ROLE)
    outcome = vaejob("sample", "--n", "5", "--job-id", "cars")
    assert (outcome.code, outcome.out, outcome.err) == (0, "cars\n", "")
    assert _sent(client) == [(PLAN_TASK, ["cars"])]


def test_message_is_as_urgent_as_its_job_and_says_when_it_was_sent_when_it_is_sent(
    vaejob: Vaejob, client: redis.Redis
) -> None:
    began = time.time()
    for priority in ("low", "high", "normal"):
        vaejob("sample", "--n", "5", "--job-id", priority, "--priority", priority)
    vaejob("cancel", "low")
    vaejob("sample", "--n", "5", "--job-id", "high")  # asked for again, at another priority
    assert _sent(client) == [
        (PLAN_TASK, ["high"]),
        (PLAN_TASK, ["high"]),
        (PLAN_TASK, ["normal"]),
        (PLAN_TASK, ["low"]),
        (FINISH_TASK, ["low"]),
    ]
    for name in CHANNELS.lists(CHANNELS.control_queue):
        (newest, *_) = client.lrange(name, 0, 0)
        headers = json.loads(newest)["headers"]
        assert began <= headers[SENT_AT] <= time.time()


@pytest.mark.parametrize(
    ("roles", "words"),
    [((), "no worker is there"), ((PARTS_ROLE,), "role control"), ((CONTROL_ROLE,), "role parts")],
)
def test_missing_worker_is_told_in_one_line_when_a_job_is_submitted(
    roles: tuple[str, ...], words: str, vaejob: Vaejob, client: redis.Redis, store: Store
) -> None:
    _announce(client, store, *roles)
    outcome = vaejob("sample", "--n", "5")
    assert outcome.code == 0
    assert words in outcome.err
    assert "make worker" in outcome.err
    assert "reaches the same Redis and store" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert len(_sent(client)) == 1


def test_progress_is_that_of_redis_when_parts_are_in_flight(vaejob: Vaejob, client: redis.Redis, store: Store) -> None:
    job = work.accept(store, work.make_job("cars"))
    work.commit(store, job, work.plan(store, job), 0)
    client.hset(CHANNELS.progress("cars"), mapping={"1": 3, "2": 1, "junk": "x"})
    client.hset(CHANNELS.failed_items("cars"), "0", 2)
    found = vaejob("status", "cars", "--json").json
    assert (found["done"], found["errors"]) == (4 + 3 + 1, 2)
    work.accept(store, work.make_job("new"))
    client.set(CHANNELS.lease("new", "plan"), "token")
    assert vaejob("status", "new", "--json").json["state"] == "planning"


def test_cancel_sets_the_flag_and_sends_finish_when_redis_is_there(
    vaejob: Vaejob, client: redis.Redis, store: Store
) -> None:
    work.accept(store, work.make_job("cars"))
    vaejob("cancel", "cars")
    assert client.ttl(CHANNELS.cancelled("cars")) > 3600
    assert _sent(client) == [(FINISH_TASK, ["cars"])]


def test_hints_are_forgotten_and_plan_is_sent_when_a_job_is_resumed(
    vaejob: Vaejob, client: redis.Redis, store: Store
) -> None:
    work.whole_job(store, "cars", state="cancelled", parts=1)
    client.set(CHANNELS.cancelled("cars"), "1")
    client.sadd(CHANNELS.committed("cars"), "all", 0, 1)
    client.zadd(CHANNELS.in_flight("cars"), {"1": 1})
    assert vaejob("resume", "cars", "--json").json["state"] == "running"
    assert _sent(client) == [(PLAN_TASK, ["cars"])]
    assert list(client.scan_iter(f"{QUEUE}*cars*")) == []


def test_plan_is_sent_when_a_paused_job_is_resumed(vaejob: Vaejob, client: redis.Redis, store: Store) -> None:
    _announce(client, store, PARTS_ROLE, CONTROL_ROLE)
    job = work.accept(store, work.make_job("cars", priority="high"))
    work.commit(store, job, work.plan(store, job), 0)
    assert vaejob("pause", "cars").err == ""
    assert _sent(client) == []
    outcome = vaejob("resume", "cars")
    assert (outcome.out, outcome.err) == ("job cars goes on\n", "")
    assert _sent(client) == [(PLAN_TASK, ["cars"])]
    assert client.llen(CHANNELS.control_queue) == 1  # the list of the most urgent


def test_resume_is_put_off_when_a_worker_is_finishing_the_job(
    settings: Settings, client: redis.Redis, store: Store
) -> None:
    job = work.whole_job(store, "cars", state="failed", parts=1)
    client.set(CHANNELS.lease("cars", "finish"), "another")
    with pytest.raises(JobBusy):
        resume(store, Hints(settings), JobReader(store, job).read(None))
    assert client.get(CHANNELS.lease("cars", "finish")) == "another"
    assert store.stat(open_key("cars")) is None


def test_lease_stays_when_it_is_anothers_by_now(settings: Settings, client: redis.Redis) -> None:
    hints = Hints(settings)
    token = hints.take_lease("cars", "finish", 5)
    assert token is not None
    assert hints.take_lease("cars", "finish", 5) is None
    assert 0 < client.pttl(CHANNELS.lease("cars", "finish")) <= 5000
    hints.release_lease("cars", "finish", "another")
    assert client.get(CHANNELS.lease("cars", "finish")) == token
    hints.release_lease("cars", "finish", token)
    assert client.get(CHANNELS.lease("cars", "finish")) is None


def _message(age_s: float) -> str:
    return json.dumps({"body": "e30=", "headers": {"task": "t", SENT_AT: time.time() - age_s}})


def test_workers_and_queues_are_listed_when_redis_is_there(vaejob: Vaejob, client: redis.Redis, store: Store) -> None:
    _announce(client, store, PARTS_ROLE)
    client.set(CHANNELS.worker(PARTS_ROLE, "odd", 1), "no json")
    first, *more = CHANNELS.lists(*CHANNELS.parts_queues)
    client.lpush(first, _message(12), _message(1))
    client.lpush(more[0], "no message")
    client.lpush(more[-1], _message(500), _message(7))
    outcome = vaejob("workers", "--json")
    assert [worker["device"] for worker in outcome.json["workers"]] == ["cuda:0"]
    queues = outcome.json["queues"]
    assert queues["control"] == {"waiting": 0, "oldest_s": None}
    assert queues["parts"]["waiting"] == 5
    assert 500 <= queues["parts"]["oldest_s"] < 530
    shown = vaejob("workers")
    assert shown.out.splitlines()[-1] == "queues: 5 waiting for parts, the oldest for 8 min; 0 waiting for control"
    assert "role control" in shown.err


def test_age_of_our_own_message_is_seen_when_it_waits(vaejob: Vaejob, client: redis.Redis) -> None:
    vaejob("sample", "--n", "5")
    waiting = vaejob("workers", "--json").json["queues"]["control"]
    assert waiting["waiting"] == 1
    assert 0 <= waiting["oldest_s"] < 30


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ((_message(-3600),), "1 waiting for control, the oldest for 0 s"),  # by a clock that is ahead
        (("no message", _message(5)), "2 waiting for control, the oldest for an unknown time"),
        (('{"headers": {}}',), "1 waiting for control, the oldest for an unknown time"),
    ],
)
def test_age_is_never_negative_nor_made_up_when_the_oldest_does_not_say_it(
    messages: tuple[str, ...], text: str, vaejob: Vaejob, client: redis.Redis
) -> None:
    client.lpush(CHANNELS.control_queue, *messages)
    assert text in vaejob("workers").out


def test_doctor_names_each_remedy_when_nothing_is_there(vaejob: Vaejob, store: Store) -> None:
    outcome = vaejob("doctor", "--json")
    assert outcome.code == 1
    checks = {check["name"]: check for check in outcome.json["checks"]}
    assert [name for name, check in checks.items() if name in {"settings", "store"} and check["ok"]]
    for name in ("redis", "parts worker", "control worker", "device"):
        assert not checks[name]["ok"]
        assert checks[name]["remedy"]
    assert list(store.list()) == []


def test_doctor_finds_a_misspelt_variable_when_one_is_set(vaejob: Vaejob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAEJOB_STOER", "s3://x")
    assert "settings: unknown: VAEJOB_STOER" in vaejob("doctor").out


def test_doctor_sees_workers_of_this_store_only_when_others_are_up(
    vaejob: Vaejob, client: redis.Redis, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    _announce(client, store, PARTS_ROLE, CONTROL_ROLE)
    checks = {check["name"]: check for check in vaejob("doctor", "--json").json["checks"]}
    assert all(checks[name]["ok"] for name in ("redis", "store", "parts worker", "control worker", "device"))
    assert checks["device"]["found"] == "cuda:0 on box"
    monkeypatch.setenv("VAEJOB_STORE", str(Path(store.url.removeprefix("file://")).parent / "other"))
    assert "those alive serve" in vaejob("doctor").out


def test_job_is_accepted_in_two_seconds_when_redis_swallows_everything(
    home: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:  # accepts, and never answers
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        settings = read_settings({"VAEJOB_HOME": str(home), "VAEJOB_REDIS_URL": url})
        began = time.monotonic()
        line = call_workers(Hints(settings), settings, store.url, PLAN_TASK, work.make_job("cars"))
        assert time.monotonic() - began < 3.5
    assert line is not None
    assert "does not answer in time" in line


def test_password_is_asked_for_when_redis_wants_another(
    redis_server: RedisServer, client: redis.Redis, home: Path
) -> None:
    client.config_set("requirepass", "right")
    try:
        url = redis_server.url.replace("//", "//:wrong@")
        settings = read_settings({"VAEJOB_HOME": str(home), "VAEJOB_REDIS_URL": url})
        with pytest.raises(QueueUnavailable, match="refuses the password") as caught:
            Hints(settings).server()
        assert "wrong" not in str(caught.value)
    finally:
        client.auth("right")
        client.config_set("requirepass", "")


def test_message_goes_to_our_redis_when_celerys_own_variable_names_another(
    vaejob: Vaejob, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    vaejob("sample", "--n", "5", "--job-id", "cars")
    assert _sent(client) == [(PLAN_TASK, ["cars"])]


def test_claims_are_seen_and_prolonged_when_somebody_holds_them(client: redis.Redis, settings: Settings) -> None:
    hints = Hints(settings)
    for job_id, what in (("cars", "00012"), ("cars", "plan"), ("cars-2", "00001"), ("cars.x", "finish")):
        assert hints.take_lease(job_id, what, 60)
    assert hints.leases("cars") == ["00012", "plan"]
    assert hints.leases("car") == []
    token = hints.take_lease("cars", "finish", 1)
    assert token is not None
    assert hints.renew_lease("cars", "finish", token, 60)
    assert client.ttl(CHANNELS.lease("cars", "finish")) > 30
    assert not hints.renew_lease("cars", "finish", "another", 60)
    assert not hints.renew_lease("cars", "00013", token, 60)


def test_removal_waits_for_a_worker_when_it_is_still_at_a_part(
    client: redis.Redis, settings: Settings, store: Store, vaejob: Vaejob
) -> None:
    work.whole_job(store, "cars", state="cancelled", parts=2)
    client.set(CHANNELS.lease("cars", "00002"), "token", px=1500)  # it lapses: the worker has died
    began = time.monotonic()
    assert vaejob("rm", "cars", "--yes").code == 0
    assert time.monotonic() - began > 1
    assert list(store.list()) == []
    assert Hints(settings).leases("cars") == []


def test_open_job_stays_even_by_force_when_a_worker_holds_a_part(
    client: redis.Redis, store: Store, vaejob: Vaejob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producer.removal.LEASES_S", 0.3)
    job = work.accept(store, work.make_job("cars"))
    work.commit(store, job, work.plan(store, job), 0)
    client.set(CHANNELS.lease("cars", "00001"), "token", px=60_000)
    outcome = vaejob("rm", "cars", "--yes", "--force", "--wait", "0.2")
    assert (outcome.code, "on its part 00001" in outcome.err) == (1, True)
    assert store.stat("jobs/cars/parts/00000.json") is not None
    client.delete(CHANNELS.lease("cars", "00001"))
    assert vaejob("rm", "cars", "--yes", "--force", "--wait", "0.2").code == 0
    assert list(store.list()) == []
