"""Acknowledging a message while Redis is away: a worker that cannot do it takes the next message all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kombu.transport import redis as transport


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


def forgive_failed_acknowledgements() -> None:
    """Has every Redis connection that Celery makes in this process keep its books in this way."""
    channel: Any = transport.Channel
    channel.QoS = ForgivingQoS
