"""A worker that sits idle while its queue ages: seen after a lost connection, and ended for its supervisor."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence

from celery.worker import state

from vae_core.errors import QueueUnavailable
from worker.hints import Hints
from worker.quiet_forks import no_fork

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LOOKS = 8


class IdleWatch:
    """Ends the process with status 1 once it was idle, with messages waiting for it, at many looks in a row.

    Celery's Redis consumer may come back from a lost connection without ever asking for messages again. An idle
    worker takes a message within milliseconds, so seconds of both are proof; and an idle process can be ended at once.
    """

    def __init__(self, hints: Hints, queues: Sequence[str], end: Callable[[int], None] = os._exit) -> None:
        self._hints = hints
        self._queues = queues
        self._end = end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="idle-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        idle_looks = 0
        while not self._stopped.wait(LOOK_EVERY_S):
            idle_looks = idle_looks + 1 if self._is_idle_in_vain() else 0
            if idle_looks >= LOOKS:
                queues = ", ".join(self._queues)
                log.error("messages wait on %s and none is taken: this worker ends, to be started again", queues)
                self._end(1)
                return

    def _is_idle_in_vain(self) -> bool:
        if state.active_requests:
            return False
        try:
            with no_fork():
                return self._hints.waiting(*self._queues) > 0
        except QueueUnavailable:
            return False  # then it is not this worker's fault
