"""What both roles do as running processes: see that store and Redis let them in, and run Celery's worker."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from typing import Any

from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning

from vae_core.errors import InvalidValue, QueueRefused, QueueUnavailable, StoreUnavailable
from vae_core.jobs.channels import Channels
from vae_core.settings import Settings
from vae_core.storage.opening import open_store
from worker.embedded import ensure_running
from worker.hints import Hints
from worker.idleness import IdleWatch
from worker.logs import set_up_logs
from worker.presence import Presence
from worker.reconciler import Reconciler

log = logging.getLogger(__name__)

STOPPED_AT_ONCE = 130


def check_store(settings: Settings) -> None:
    """Raises StoreError where the store refuses this worker; a store that is only away is waited for."""
    try:
        open_store(settings.store).check()
    except StoreUnavailable as error:
        log.warning("waiting for the store: %s", error)


def _check_queue(settings: Settings) -> None:
    """Raises InvalidValue where Redis refuses this worker; one that is only away is waited for."""
    hints = Hints(settings.broker_url, Channels(settings.queue))
    try:
        hints.ping()
    except QueueRefused as error:
        raise InvalidValue(str(error)) from error
    except QueueUnavailable as error:
        log.warning("waiting for Redis: %s", error)
    finally:
        hints.close()


def run_role(
    app: Celery, settings: Settings, threads: Sequence[Presence | Reconciler | IdleWatch], **options: Any
) -> int:
    """Celery's worker in this process, with `threads` beside it while it is up; its exit status.

    Told to stop, it lets the work in hand come to its next stop; told so again, it ends at once.
    """
    if settings.embedded:
        ensure_running(settings)
    else:
        _check_queue(settings)
    signals.setup_logging.connect(lambda **_: set_up_logs(settings.log_format), weak=False)

    @signals.worker_ready.connect(weak=False)
    def start(**_: Any) -> None:
        # At each lost connection Celery warns of what a later version will do; starting, it lets such warnings through.
        warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
        for thread in threads:
            thread.start()
        log.info("ready, on %s", ", ".join(options["queues"]))

    @signals.worker_shutdown.connect(weak=False)
    def stop(**_: Any) -> None:
        for thread in reversed(threads):
            thread.stop()

    asked_to_stop = 0

    @signals.worker_shutting_down.connect(weak=False)
    def insist(**_: Any) -> None:
        nonlocal asked_to_stop
        asked_to_stop += 1
        if asked_to_stop > 1:
            os._exit(STOPPED_AT_ONCE)  # its children go with it

    # Celery warns of running as root because of pickle, which no message here may use.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    worker = app.Worker(
        quiet=True,
        loglevel="INFO",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        **options,
    )
    worker.start()
    return int(worker.exitcode or 0)
