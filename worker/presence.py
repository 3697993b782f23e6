"""A worker saying that it lives, every few seconds, to whoever asks `vaejob workers` or sizes a window."""

from __future__ import annotations

import logging
import os
import socket
import threading
from datetime import UTC, datetime

from vae_core.errors import QueueUnavailable
from vae_core.jobs.channels import WORKER_EXPIRY_S, WorkerInfo
from vae_core.settings import Settings
from vae_core.version import code_version
from worker.hints import Hints
from worker.quiet_forks import no_fork

log = logging.getLogger(__name__)

_ANNOUNCEMENTS_PER_EXPIRY = 3


class Presence:
    """Announces one worker from a thread, from `start` to `stop`."""

    def __init__(self, hints: Hints, settings: Settings, *, role: str, processes: int, device: str) -> None:
        self._hints = hints
        self._info = WorkerInfo(
            role=role,
            host=socket.gethostname(),
            pid=os.getpid(),
            processes=processes,
            device=device,
            store=settings.store,
            code_version=code_version(),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the announcements and takes the last one back."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=WORKER_EXPIRY_S)
        try:
            self._hints.withdraw(self._info)
        except QueueUnavailable as error:
            log.debug("the last announcement is left to expire: %s", error)

    def _run(self) -> None:
        away = False
        while True:
            try:
                with no_fork():
                    self._hints.announce(self._info)
                away = False
            except QueueUnavailable as error:
                if not away:  # said once, not every few seconds
                    log.warning("waiting for Redis: %s", error)
                away = True
            if self._stopped.wait(WORKER_EXPIRY_S / _ANNOUNCEMENTS_PER_EXPIRY):
                return
