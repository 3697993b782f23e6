"""The two roles as running processes: building their parts, and starting Celery with the right pool."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from billiard import set_start_method
from billiard.process import current_process
from celery import Celery, signals
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.worker import state

from vae_core.errors import DeviceFailed, InvalidValue, QueueRefused, QueueUnavailable, StoreUnavailable
from vae_core.jobs.channels import CONTROL_ROLE, PARTS_ROLE, Channels
from vae_core.jobs.ids import new_token
from vae_core.model.checkpoint import read_info
from vae_core.settings import Settings
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from worker.advancing import Advancer
from worker.app import make_app
from worker.child_deaths import ChildDeaths
from worker.embedded import ensure_running
from worker.engines import Engines
from worker.finishing import Finisher
from worker.hints import Hints
from worker.idleness import IdleWatch
from worker.lifecycle import DeviceFailures, StopFlag, die_with_parent
from worker.logs import set_up_logs
from worker.parts import PartHandler
from worker.planning import Planner
from worker.presence import Presence
from worker.probe import probe
from worker.reconciler import Reconciler
from worker.sender import CelerySender
from worker.tasks import add_control_tasks, add_part_task

log = logging.getLogger(__name__)

CONTROL_THREADS = 4
MOST_DEVICE_FAILURES = 3
DEVICE_FAILED = 71  # exit status of a child: EX_OSERR of sysexits.h
STOPPED_AT_ONCE = 130


class _Connections:
    """What both roles work with; each is made when it is first asked for, in the process that asks."""

    def __init__(self, settings: Settings, app: Celery) -> None:
        self.settings = settings
        self.channels = Channels(settings.queue)
        self._app = app

    @cached_property
    def store(self) -> Store:
        return open_store(self.settings.store)

    @cached_property
    def hints(self) -> Hints:
        return Hints(self.settings.broker_url, self.channels)

    @cached_property
    def sender(self) -> CelerySender:
        return CelerySender(self._app, self.channels)

    @cached_property
    def advancer(self) -> Advancer:
        return Advancer(self.store, self.hints, self.sender, self.settings)


class _ChildHandler:
    """The part handler of one child process, made on its first part: only then are torch and the model loaded."""

    def __init__(
        self, connections: _Connections, devices: list[str], stop: StopFlag, failures: DeviceFailures, owner: str
    ) -> None:
        self._connections = connections
        self._devices = devices
        self._stop = stop
        self._failures = failures
        self._owner = owner

    @cached_property
    def _handler(self) -> PartHandler:
        at = self._connections
        engines = Engines(at.settings, at.store, self._devices[self._number])
        return PartHandler(at.settings, at.store, at.hints, at.sender, engines, self._stop.is_set, owner=self._owner)

    @property
    def _number(self) -> int:
        return getattr(current_process(), "index", 0) % len(self._devices)

    def handle(self, job_id: str, part: int) -> None:
        try:
            if self._handler.handle(job_id, part):
                self._failures.note(self._number, failed=False)
        except DeviceFailed as error:
            count = self._failures.note(self._number, failed=True)
            log.error("job %s part %d goes back, device failure %d in a row: %s", job_id, part, count, error)
            os._exit(DEVICE_FAILED)  # after some errors a process cannot use its device any more; the next one may


def run_parts(settings: Settings) -> int:
    """Runs the parts role until it is told to stop; its exit status.

    Raises InvalidValue or StoreError, at once, for a checkpoint, a device or a store that cannot be used.
    """
    _check_store(settings)
    findings = probe(settings)
    # Forked children inherit the tasks and the stop flag; where fork is not the default (macOS), it is asked for.
    set_start_method("fork", force=True)
    app = make_app(settings)
    connections = _Connections(settings, app)
    stop, failures = StopFlag(), DeviceFailures(len(findings.devices))
    owner = f"{new_token()[:8]}-"
    add_part_task(app, _ChildHandler(connections, findings.devices, stop, failures, owner).handle)
    parent = os.getpid()
    hints = Hints(settings.broker_url, connections.channels)  # the parent's own; a child makes its own

    def end_if_the_device_is_broken() -> None:
        if failures.most() >= MOST_DEVICE_FAILURES:
            log.error("a device failed %d times in a row: this worker ends", failures.most())
            stop.set()
            state.should_stop = 1  # type: ignore[assignment]  # what Celery's own signal handlers set: the exit status

    deaths = ChildDeaths(hints, CelerySender(app, connections.channels), owner, end_if_the_device_is_broken)
    presence = Presence(
        hints,
        settings,
        role=PARTS_ROLE,
        processes=len(findings.devices),
        device=f"{', '.join(findings.devices)}: {findings.model}",
    )
    signals.worker_process_init.connect(lambda **_: die_with_parent(parent), weak=False)
    signals.worker_shutting_down.connect(lambda **_: stop.set(), weak=False)
    signals.task_failure.connect(lambda **told: deaths.on_failure(**told), weak=False)
    return _run_celery(
        app,
        settings,
        [presence, IdleWatch(hints, connections.channels.parts_queues)],
        queues=connections.channels.parts_queues,
        pool="prefork",
        concurrency=len(findings.devices),
    )


def run_control(settings: Settings) -> int:
    """Runs the control role until it is told to stop; its exit status.

    Raises BadCheckpoint, at once, where there is none to pin jobs to: better no planner than one that fails every job.
    Raises StoreError for a store that cannot be used.
    """
    _check_store(settings)
    read_info(settings.checkpoint_path)
    app = make_app(settings)
    at = _Connections(settings, app)
    add_control_tasks(
        app,
        Planner(at.store, at.hints, at.advancer, settings).plan,
        Finisher(at.store, at.hints, at.advancer, settings).finish,
    )
    presence = Presence(at.hints, settings, role=CONTROL_ROLE, processes=CONTROL_THREADS, device="")
    reconciler = Reconciler(at.store, at.hints, at.advancer, settings)
    return _run_celery(
        app,
        settings,
        [presence, reconciler, IdleWatch(at.hints, [at.channels.control_queue])],
        queues=[at.channels.control_queue],
        pool="threads",
        concurrency=CONTROL_THREADS,
    )


def _check_store(settings: Settings) -> None:
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


def _run_celery(
    app: Celery, settings: Settings, threads: Sequence[Presence | Reconciler | IdleWatch], **options: Any
) -> int:
    """Celery's worker in this process, with `threads` beside it while it is up."""
    if settings.embedded:
        ensure_running(settings)
    else:
        _check_queue(settings)
    signals.setup_logging.connect(lambda **_: set_up_logs(settings.log_format), weak=False)

    @signals.worker_ready.connect(weak=False)
    def start(**_: Any) -> None:
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

    # Celery warns of running as root because of pickle, which no message here may use, and at each lost connection of
    # what a later version will do with running tasks.
    for category in (SecurityWarning, CPendingDeprecationWarning):
        warnings.filterwarnings("ignore", category=category)
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
