"""What a parts worker does when a child process of it dies with a part in hand: its claim need not run out first."""

from __future__ import annotations

import logging
import re
import signal
import threading
from collections.abc import Callable
from typing import Any

from billiard.exceptions import WorkerLostError

from vae_core.errors import QueueUnavailable
from worker.hints import Hints
from worker.lifecycle import DEVICE_FAILED
from worker.quiet_forks import no_fork
from worker.sender import Sender

log = logging.getLogger(__name__)

# How billiard says it: "Worker exited prematurely: signal 6 (SIGABRT) Job: 1." or "… exitcode 70 Job: 1."
_SIGNAL = re.compile(r"signal (\d+)")
_STATUS = re.compile(r"exitcode (\d+)")
_CRASHES = frozenset(
    {signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS, signal.SIGTRAP}
)


def is_crash(lost: str) -> bool:
    """Whether a process ended by its own doing, as an item may make it, and not because somebody killed it.

    lost: text of a WorkerLostError.
    """
    if found := _SIGNAL.search(lost):
        return int(found[1]) in _CRASHES
    found = _STATUS.search(lost)
    return found is not None and int(found[1]) not in (0, DEVICE_FAILED)


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
        work = (job_id, part, is_crash(str(exception)))
        threading.Thread(target=self._free, args=work, name="child-death", daemon=True).start()

    def _free(self, job_id: str, part: int, crashed: bool) -> None:
        log.warning("job %s part %d: the process that worked on it died", job_id, part)
        try:
            with no_fork():  # the dead one's successor is about to be forked
                self._hints.release_of_dead(job_id, part, self._owner, crashed=crashed)
                self._sender.plan(job_id, "high")  # a job with a plan is advanced by it
        except QueueUnavailable as error:
            log.warning("job %s part %d is left to the reconciler: %s", job_id, part, error)
        self._after_death()
