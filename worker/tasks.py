"""The Celery tasks: they check the message, call what does the work, and say in the log what became of it."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery

from vae_core.jobs.channels import FINISH_TASK, PART_TASK, PLAN_TASK
from vae_core.jobs.checks import check_int
from vae_core.jobs.ids import check_job_id
from vae_core.jobs.spec import MAX_ITEMS
from worker.accounting import accounted


def add_part_task(app: Celery, handle: Callable[[str, int], None]) -> None:
    """Registers the task of the parts role."""

    @app.task(name=PART_TASK)
    def part(job_id: str, number: int) -> None:
        with accounted(f"part {number!r} of job {job_id!r}"):
            check_job_id(job_id)
            check_int("part", number, 0, MAX_ITEMS)
            handle(job_id, number)


def add_control_tasks(app: Celery, plan: Callable[[str], None], finish: Callable[[str], None]) -> None:
    """Registers the tasks of the control role."""

    @app.task(name=PLAN_TASK)
    def plan_job(job_id: str) -> None:
        with accounted(f"planning job {job_id!r}"):
            check_job_id(job_id)
            plan(job_id)

    @app.task(name=FINISH_TASK)
    def finish_job(job_id: str) -> None:
        with accounted(f"finishing job {job_id!r}"):
            check_job_id(job_id)
            finish(job_id)
