"""How Celery's own connection comes through outages of Redis: it waits, looks often, and takes messages again after."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Self

import kombu
import redis
from celery.app.amqp import AMQP
from kombu.transport import redis as transport

log = logging.getLogger(__name__)

PROBE_KEY = "probe_key"  # transport option: a key that a new connection writes, to be gone at once
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 5.0


class PromptConnection(kombu.Connection):
    """Looks for a lost Redis every 5 seconds at the latest, and takes one that refuses to be written to as lost.

    Celery waits 2 seconds longer each time, up to 30, and has no setting for it. A Redis that is read-only or has no
    memory left would let it in, and end it with the first message.
    """

    def ensure_connection(self, *args: Any, **options: Any) -> Self:
        """As kombu's, which documents the arguments."""
        waits = {"interval_start": _FIRST_WAIT_S, "interval_step": 1.0, "interval_max": _LONGEST_WAIT_S}
        return super().ensure_connection(*args, **{**waits, **options})

    def _connection_factory(self) -> Any:
        made = super()._connection_factory()
        key = (self.transport_options or {}).get(PROBE_KEY)
        if key is None:
            return made
        try:
            channel: Any = self.channel()
            with channel, channel.conn_or_acquire() as client:
                client.set(key, "", px=1)
        except redis.RedisError as error:
            self.close()
            if isinstance(error, redis.ResponseError):
                raise redis.ConnectionError(f"Redis does not let itself be written to: {error}") from error
            raise
        return made


class Queues(AMQP):
    """What the app connects with: `Celery(amqp=Queues)`."""

    Connection = PromptConnection


class ForgivingQoS(transport.QoS):
    """kombu's bookkeeping of taken messages, in which a failed acknowledgement frees its place.

    kombu marks a message as done only after Redis has heard of it. If Redis is away at that moment the message counts
    as being worked on for as long as the process lives, and with a prefetch of one nothing is ever taken again.
    """

    _quick_ack: Callable[[str], None]

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            # Redis may deliver it once more when its visibility timeout is over: then it sees the commit, and stops.
            self._quick_ack(delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        except Exception:
            self._quick_ack(delivery_tag)  # lost, or delivered again later: the reconciler sends what is still to do
            raise

    def restore_visible(self, *args: Any, **options: Any) -> None:
        try:
            super().restore_visible(*args, **options)
        except redis.ResponseError as refusal:  # every two seconds, with nothing lost by it
            log.debug("messages that nobody acknowledged stay where they are: %s", refusal)


def forgive_failed_acknowledgements() -> None:
    """Has every Redis connection that Celery makes in this process keep its books in this way."""
    channel: Any = transport.Channel
    channel.QoS = ForgivingQoS
