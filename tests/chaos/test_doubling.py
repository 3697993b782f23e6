"""Messages come twice when they are doubled, whoever takes the first one at once or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
import redis
from celery import Celery

from tests.chaos.doubling import doubled, pushed
from tests.fleet import wait_for
from tests.servers.redis import RedisServer
from vae_core.jobs.channels import MESSAGE_PRIORITIES, Channels, celery_options

CHANNELS = Channels("doubling")
LISTS = CHANNELS.lists(*CHANNELS.parts_queues, CHANNELS.control_queue)


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as connected:
        connected.delete(*LISTS)
        yield connected


@pytest.fixture
def sender(redis_server: RedisServer) -> Iterator[Celery]:
    with Celery("sender") as app:
        app.conf.update(celery_options(redis_server.url))
        yield app


def messages(client: redis.Redis) -> list[dict[str, object]]:
    return [json.loads(text) for name in LISTS for text in client.lrange(name, 0, -1)]


def test_each_message_comes_twice_with_tags_of_its_own_when_doubled(
    redis_server: RedisServer, client: redis.Redis, sender: Celery
) -> None:
    with doubled(redis_server.url, CHANNELS) as doubler:
        for number, priority in enumerate(MESSAGE_PRIORITIES.values()):
            sender.send_task("chaos.none", args=(number,), queue=CHANNELS.more_parts_queue, priority=priority)
        sender.send_task("chaos.none", queue="another")
        wait_for("the copies", lambda: len(messages(client)) == 6, 10)
    found = messages(client)
    assert doubler.doubled == 3
    assert len({message["properties"]["delivery_tag"] for message in found}) == 6  # type: ignore[index]
    assert len({json.dumps([message["headers"], message["body"]]) for message in found}) == 3
    assert all(client.llen(name) in (0, 2) for name in LISTS)
    client.delete("another")


def test_the_copy_comes_when_somebody_has_waited_for_the_message(
    redis_server: RedisServer, client: redis.Redis, sender: Celery
) -> None:
    taken: list[object] = []
    waiter = threading.Thread(target=lambda: taken.append(client.brpop([CHANNELS.control_queue], timeout=10)))
    waiter.start()
    with doubled(redis_server.url, CHANNELS):
        sender.send_task("chaos.none", queue=CHANNELS.control_queue)
        waiter.join()
        wait_for("the copy", lambda: len(messages(client)) == 1, 10)
    assert taken[0]


def test_doubling_goes_on_when_its_connection_is_killed(
    redis_server: RedisServer, client: redis.Redis, sender: Celery
) -> None:
    with doubled(redis_server.url, CHANNELS) as doubler:
        client.client_kill_filter(_type="normal", skipme=True)

        def doubles_again() -> bool:
            sender.send_task("chaos.none", queue=CHANNELS.control_queue)
            return doubler.doubled > 0

        wait_for("a doubled message", doubles_again, 10)


def test_pushes_are_read_from_what_redis_says_of_them() -> None:
    line = r'1339518083.107412 [0 127.0.0.1:60866] "LPUSH" "queue\x06\x163" "{\"body\": \"a\\\\b\"}"'
    assert list(pushed(line)) == [("queue\x06\x163", '{"body": "a\\\\b"}')]
    assert list(pushed('1339518083.1 [0 lua] "SET" "key" "LPUSH"')) == []
    assert list(pushed("OK")) == []
