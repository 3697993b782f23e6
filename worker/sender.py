"""Putting messages on the queues. A message carries no authority: a job's id, and the number of a part."""

from __future__ import annotations

from typing import Any, Protocol

import kombu.exceptions
import redis
from celery import Celery

from vae_core.errors import QueueUnavailable
from vae_core.jobs.channels import FINISH_TASK, PART_TASK, PLAN_TASK, Channels


class Sender(Protocol):
    """Each method raises QueueUnavailable; what was not sent, the reconciler sends later."""

    def plan(self, job_id: str) -> None: ...

    def part(self, job_id: str, part: int) -> None: ...

    def finish(self, job_id: str) -> None: ...


class CelerySender:
    """Sends by task name through the one Celery app."""

    def __init__(self, app: Celery, channels: Channels) -> None:
        self._app = app
        self._channels = channels

    def plan(self, job_id: str) -> None:
        self._send(PLAN_TASK, [job_id], self._channels.control_queue)

    def part(self, job_id: str, part: int) -> None:
        self._send(PART_TASK, [job_id, part], self._channels.parts_queue)

    def finish(self, job_id: str) -> None:
        self._send(FINISH_TASK, [job_id], self._channels.control_queue)

    def _send(self, task: str, arguments: list[Any], queue: str) -> None:
        try:
            self._app.send_task(task, args=arguments, queue=queue, retry=False)
        except (kombu.exceptions.KombuError, redis.RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis takes no message: {error}") from error
