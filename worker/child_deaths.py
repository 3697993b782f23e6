"""What a parts worker does when a child process of it dies with a part in hand: its claim need not run out first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from billiard.exceptions import WorkerLostError

from vae_core.errors import QueueUnavailable
from worker.hints import Hints
from worker.sender import Sender

log = logging.getLogger(__name__)


class ChildDeaths:
    """Hears of each task that took its process with it, in the parent. Best effort: the reconciler sees to the rest.

    owner: what the tokens of the children's leases begin with. after_death: called once the part is free again.
    """

    def __init__(self, hints: Hints, sender: Sender, owner: str, after_death: Callable[[], None]) -> None:
        self._hints = hints
        self._sender = sender
        self._owner = owner
        self._after_death = after_death

    def on_failure(self, *, exception: BaseException, args: Any, **_: Any) -> None:
        """For Celery's signal `task_failure`."""
        if not isinstance(exception, WorkerLostError) or len(args) != 2:
            return
        job_id, part = args
        # Redis may be slow to answer, and Celery's loop, which runs this, is not to wait for it.
        thread = threading.Thread(target=self._free, args=(job_id, part), name="child-death", daemon=True)
        thread.start()

    def _free(self, job_id: str, part: int) -> None:
        log.warning("job %s part %d: the process that worked on it died", job_id, part)
        try:
            if self._hints.release_of_owner(job_id, f"{part:05d}", self._owner, part):
                self._sender.plan(job_id, "high")  # a job with a plan is advanced by it
        except QueueUnavailable as error:
            log.warning("job %s part %d is left to the reconciler: %s", job_id, part, error)
        self._after_death()
