"""Putting messages on the queues. A message carries no authority: a job's id, and the number of a part."""

from __future__ import annotations

import time
from typing import Any, Protocol

import kombu.exceptions
import redis
from celery import Celery

from vae_core.errors import QueueUnavailable
from vae_core.jobs.channels import FINISH_TASK, MESSAGE_PRIORITIES, PART_TASK, PLAN_TASK, SENT_AT, Channels


class Sender(Protocol):
    """Each method raises QueueUnavailable; what was not sent, the reconciler sends later. priority: as in Job."""

    def plan(self, job_id: str, priority: str) -> None: ...

    def part(self, job_id: str, part: int, priority: str, *, first: bool) -> None:
        """first: the job has no other part under way."""

    def finish(self, job_id: str, priority: str) -> None: ...


class CelerySender:
    """Sends by task name through the one Celery app."""

    def __init__(self, app: Celery, channels: Channels) -> None:
        self._app = app
        self._channels = channels

    def plan(self, job_id: str, priority: str) -> None:
        self._send(PLAN_TASK, [job_id], self._channels.control_queue, priority)

    def part(self, job_id: str, part: int, priority: str, *, first: bool) -> None:
        queue = self._channels.first_parts_queue if first else self._channels.more_parts_queue
        self._send(PART_TASK, [job_id, part], queue, priority)

    def finish(self, job_id: str, priority: str) -> None:
        self._send(FINISH_TASK, [job_id], self._channels.control_queue, priority)

    def _send(self, task: str, arguments: list[Any], queue: str, priority: str) -> None:
        try:
            self._app.send_task(
                task,
                args=arguments,
                queue=queue,
                priority=MESSAGE_PRIORITIES[priority],
                headers={SENT_AT: time.time()},
                retry=False,
            )
        except (kombu.exceptions.KombuError, redis.RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis takes no message: {error}") from error
