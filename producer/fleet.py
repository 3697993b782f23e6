"""Whether somebody is there to do the work, said in one line."""

from __future__ import annotations

from collections.abc import Collection

from producer.hints import Hints
from vae_core.errors import QueueRefused, QueueUnavailable
from vae_core.jobs.channels import CONTROL_ROLE, PARTS_ROLE, WorkerInfo
from vae_core.settings import Settings

ROLES = (PARTS_ROLE, CONTROL_ROLE)
HOW_TO_START = "start one with `make worker` on a machine that reaches the same Redis and store"
HOW_TO_START_HERE = "start one with `make worker`"


def missing_roles(workers: Collection[WorkerInfo], stores: Collection[str]) -> list[str]:
    """Roles that no living worker of one of these store addresses has."""
    serving = {worker.role for worker in workers if serves(worker, stores)}
    return [role for role in ROLES if role not in serving]


def serves(worker: WorkerInfo, stores: Collection[str]) -> bool:
    """Whether the worker's store is one of these addresses."""
    return worker.store.rstrip("/") in {store.rstrip("/") for store in stores}


def waiting_line(away: QueueUnavailable, settings: Settings) -> str:
    """One line for a Redis that cannot be used: where it does not answer, nobody can be there to do the work."""
    if isinstance(away, QueueRefused):
        return str(away)
    if settings.embedded:
        return f"no worker is there: {HOW_TO_START_HERE}"
    return f"no worker is there ({away}): {HOW_TO_START}"


def absence(hints: Hints, settings: Settings, store_url: str) -> str | None:
    """Why the job has to wait and how to start a worker, in one line; None when both roles are up."""
    stores = (store_url, settings.store)
    how = HOW_TO_START_HERE if settings.embedded else HOW_TO_START
    try:
        workers = hints.workers()
    except QueueUnavailable as away:
        return waiting_line(away, settings)
    missing = missing_roles(workers, stores)
    if not missing:
        return None
    others = sorted({worker.store for worker in workers if not serves(worker, stores)})
    if others and len(missing) == len(ROLES):
        return f"no worker is there for {store_url} (those up serve {', '.join(others)}): {how}"
    roles = "" if len(missing) == len(ROLES) else f" of the role {missing[0]}"
    return f"no worker{roles} is there: {how}"
