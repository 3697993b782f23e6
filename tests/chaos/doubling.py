"""Every message that comes on a queue, pushed once more, as Redis clients do after an answer that was lost."""

from __future__ import annotations

import ast
import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis

from vae_core.jobs.channels import Channels

_TIMEOUT_S = 0.5
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"')
_PUSHES = {"LPUSH", "RPUSH"}


class Doubler:
    """Hears of every push onto the queues of a fleet by MONITOR, and pushes a copy with a delivery tag of its own.

    doubled: how many messages.
    """

    def __init__(self, redis_url: str, channels: Channels) -> None:
        self.doubled = 0
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        self._lists = set(channels.lists(*channels.parts_queues, channels.control_queue))
        self._own: set[str] = set()
        self._stopped = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doubler", daemon=True)

    def start(self) -> None:
        """Returns once it hears of pushes."""
        self._thread.start()
        self._listening.wait(10 * _TIMEOUT_S)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._redis.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            with suppress(redis.RedisError):  # it may be killed meanwhile
                for line in self._lines():
                    for name, message in pushed(line):
                        self._double(name, message)

    def _lines(self) -> Iterator[str]:
        pool = self._redis.connection_pool
        connection = pool.get_connection()
        try:
            connection.send_command("MONITOR")  # type: ignore[no-untyped-call]
            connection.read_response()
            self._listening.set()
            while not self._stopped.is_set():
                try:
                    yield connection.read_response(disconnect_on_error=False).decode("ascii", "replace")
                except redis.TimeoutError:
                    continue
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]
            pool.release(connection)

    def _double(self, name: str, message: str) -> None:
        if name not in self._lists:
            return
        content = json.loads(message)
        if content["properties"]["delivery_tag"] in self._own:
            return
        self._redis.lpush(name, copy_of(content, self._own))
        self.doubled += 1


def pushed(line: str) -> Iterator[tuple[str, str]]:
    """The lists and messages of a line of MONITOR, if it tells of a push."""
    command, *arguments = [ast.literal_eval(word) for word in _WORD.findall(line)] or [""]
    if command.upper() in _PUSHES and len(arguments) > 1:
        for message in arguments[1:]:
            yield arguments[0], message


def copy_of(content: dict[str, object], own: set[str]) -> str:
    """The message again, as JSON, with a new delivery tag, which is added to `own`."""
    tag = str(uuid.uuid4())
    own.add(tag)
    properties = content["properties"]
    assert isinstance(properties, dict)
    return json.dumps({**content, "properties": {**properties, "delivery_tag": tag}})


@contextmanager
def doubled(redis_url: str, channels: Channels) -> Iterator[Doubler]:
    """A doubler at work, stopped at the end."""
    doubler = Doubler(redis_url, channels)
    doubler.start()
    try:
        yield doubler
    finally:
        doubler.stop()
