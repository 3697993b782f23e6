"""Telling the workers of a job."""

from __future__ import annotations

from producer.fleet import absence, waiting_line
from producer.hints import Hints
from vae_core.errors import QueueUnavailable
from vae_core.jobs.job import Job
from vae_core.settings import Settings


def call_workers(hints: Hints, settings: Settings, store_url: str, task: str, job: Job) -> str | None:
    """Sends a task about the job, if Redis is there. Returns why it has to wait, in one line, or None."""
    try:
        hints.send(task, job)
    except QueueUnavailable as away:
        return waiting_line(away, settings)
    return absence(hints, settings, store_url)
