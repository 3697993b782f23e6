"""The role that plans, finishes and heals jobs: a small Celery worker with a pool of threads, and no torch."""

from __future__ import annotations

from vae_core.jobs.channels import CONTROL_ROLE
from vae_core.model.checkpoint import read_info
from vae_core.settings import Settings
from worker.app import make_app
from worker.connections import Connections
from worker.finishing import Finisher
from worker.idleness import IdleWatch
from worker.planning import Planner
from worker.presence import Presence
from worker.reconciler import Reconciler
from worker.roles import check_store, run_role
from worker.scheduling import Scheduler
from worker.tasks import add_control_tasks

CONTROL_THREADS = 4


def run_control(settings: Settings) -> int:
    """Runs the control role until it is told to stop; its exit status.

    Raises BadCheckpoint, at once, where there is none to pin jobs to: better no planner than one that fails every job.
    Raises StoreError for a store that cannot be used.
    """
    check_store(settings)
    read_info(settings.checkpoint_path)
    app = make_app(settings)
    at = Connections(settings, app)
    add_control_tasks(
        app,
        Planner(at.store, at.hints, at.advancer, settings).plan,
        Finisher(at.store, at.hints, at.advancer, settings).finish,
    )
    presence = Presence(at.hints, settings, role=CONTROL_ROLE, processes=CONTROL_THREADS, device="")
    scheduler = Scheduler(at.store, at.advancer)
    reconciler = Reconciler(at.store, at.hints, at.advancer, scheduler, settings)
    return run_role(
        app,
        settings,
        [presence, reconciler, IdleWatch(at.hints, [at.channels.control_queue])],
        queues=[at.channels.control_queue],
        pool="threads",
        concurrency=CONTROL_THREADS,
    )
