"""A Celery app as one sets it up for long tasks: late acknowledgement, a visibility timeout, all else as it is.

Its worker: `celery -A tests.chaos.stock worker`, with CHAOS_STOCK_REDIS naming the broker.
"""

from __future__ import annotations

import os
import time

import redis
from celery import Celery

REDIS_VARIABLE = "CHAOS_STOCK_REDIS"
VISIBILITY_TIMEOUT_S = 60
USUAL_VISIBILITY_TIMEOUT_S = 3600
TASK = "stock.hold"
TASK_S = 45.0

_URL = os.environ.get(REDIS_VARIABLE, "")

app = Celery("stock", broker=_URL)
app.conf.task_acks_late = True
app.conf.broker_transport_options = {"visibility_timeout": VISIBILITY_TIMEOUT_S}
app.conf.broker_connection_retry_on_startup = True  # as is, said so that Celery does not warn


def begun_key(name: str) -> str:
    """A list of the processes that have begun the task."""
    return f"begun:{name}"


def over_key(name: str) -> str:
    """Exists once the task need not go on."""
    return f"over:{name}"


@app.task(name=TASK)
def hold(name: str) -> None:
    """Says that it has begun, and takes its time."""
    with redis.Redis.from_url(_URL) as client:
        client.rpush(begun_key(name), os.getpid())
        until = time.monotonic() + TASK_S
        while time.monotonic() < until and not client.exists(over_key(name)):
            time.sleep(0.2)
