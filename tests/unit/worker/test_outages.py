"""How often a worker looks for a Redis that is away, and what a message costs that could not be acknowledged."""

from __future__ import annotations

from pathlib import Path

import kombu
import kombu.utils.functional
import pytest

from tests.servers.process import free_port
from tests.servers.redis import RedisServer
from vae_core.settings import read_settings
from worker.app import make_app


def test_redis_is_looked_for_every_five_seconds_at_the_latest_when_it_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kombu.utils.functional, "sleep", lambda seconds: None)
    app = make_app(read_settings({"VAEJOB_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}))
    waits: list[float] = []
    with app.connection_for_read() as connection, pytest.raises(kombu.exceptions.OperationalError):
        connection.ensure_connection(lambda _, wait_s: waits.append(wait_s), 7)
    assert waits == [1, 2, 3, 4, 5, 5, 5]


def test_next_message_is_taken_when_one_could_not_be_acknowledged(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        with make_app(read_settings(server.env)).connection_for_read() as connection:
            channel = connection.channel()
            channel.basic_qos(0, 1, False)
            for body in ("first", "second"):
                connection.SimpleQueue("q", channel=channel).put(body)
            queue = connection.SimpleQueue("q", channel=channel)
            first = queue.get(timeout=10)
            assert not channel.qos.can_consume()
            server.kill()
            with pytest.raises(connection.connection_errors):
                first.ack()
            assert channel.qos.can_consume()
    finally:
        server.kill()
