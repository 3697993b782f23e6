"""The role that runs the model: a Celery prefork worker with one process per device, or several."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import cached_property

from billiard import set_start_method
from billiard.process import current_process
from celery import signals
from celery.worker import state

from vae_core.errors import DeviceFailed
from vae_core.jobs.channels import PARTS_ROLE
from vae_core.jobs.ids import new_token
from vae_core.settings import Settings
from worker.app import make_app
from worker.child_deaths import ChildDeaths
from worker.closing import Closer
from worker.connections import Connections
from worker.engines import Engines
from worker.hints import Hints
from worker.idleness import IdleWatch
from worker.lifecycle import DEVICE_FAILED, Health, StopFlag, die_with_parent
from worker.parts import PartHandler
from worker.presence import Presence
from worker.probe import probe
from worker.roles import check_store, run_role
from worker.sender import CelerySender
from worker.tasks import add_part_task

log = logging.getLogger(__name__)


class _ChildHandler:
    """The part handler of one child process, made on its first part: only then are torch and the model loaded."""

    def __init__(
        self, connections: Connections, devices: list[str], stop: StopFlag, health: Health, owner: str
    ) -> None:
        self._connections = connections
        self._devices = devices
        self._stop = stop
        self._health = health
        self._owner = owner

    @cached_property
    def _handler(self) -> PartHandler:
        at = self._connections
        engines = Engines(at.settings, at.store, self._devices[self._number])
        return PartHandler(
            at.settings,
            at.store,
            at.hints,
            at.sender,
            engines,
            self._stop.is_set,
            owner=self._owner,
            on_commit=lambda: self._health.committed(self._number),
            closer=Closer(),
        )

    @property
    def _number(self) -> int:
        return getattr(current_process(), "index", 0) % len(self._devices)

    def settle(self) -> None:
        """Before the process ends: what is left of parts is done."""
        if "_handler" in vars(self):
            with suppress(DeviceFailed):  # then that part has gone back
                self._handler.settle()

    def handle(self, job_id: str, part: int) -> None:
        try:
            self._handler.handle(job_id, part)
        except DeviceFailed as error:
            self.settle()
            count = self._health.device_failed(self._number)
            log.error("job %s part %d goes back, device failure %d in a row: %s", job_id, part, count, error)
            os._exit(DEVICE_FAILED)  # after some errors a process cannot use its device any more; the next one may


def run_parts(settings: Settings) -> int:
    """Runs the parts role until it is told to stop; its exit status.

    Raises InvalidValue or StoreError, at once, for a checkpoint, a device or a store that cannot be used.
    """
    check_store(settings)
    findings = probe(settings)
    # Forked children inherit the tasks and the stop flag; where fork is not the default (macOS), it is asked for.
    set_start_method("fork", force=True)
    app = make_app(settings)
    connections = Connections(settings, app)
    stop, health = StopFlag(), Health(len(findings.devices))
    owner = f"{new_token()[:8]}-"
    handler = _ChildHandler(connections, findings.devices, stop, health, owner)
    add_part_task(app, handler.handle)
    parent = os.getpid()
    hints = Hints(settings.broker_url, connections.channels)  # the parent's own; a child makes its own

    def end_if_ill() -> None:
        reason = health.child_died()
        if reason is not None:
            log.error("%s: this worker ends", reason)
            stop.set()
            state.should_stop = 1  # type: ignore[assignment]  # what Celery's own signal handlers set: the exit status

    deaths = ChildDeaths(hints, CelerySender(app, connections.channels), owner, end_if_ill)
    presence = Presence(
        hints,
        settings,
        role=PARTS_ROLE,
        processes=len(findings.devices),
        device=f"{', '.join(dict.fromkeys(findings.devices))}: {findings.model}",
    )
    signals.worker_process_init.connect(lambda **_: die_with_parent(parent), weak=False)
    signals.worker_process_shutdown.connect(lambda **_: handler.settle(), weak=False)
    signals.worker_shutting_down.connect(lambda **_: stop.set(), weak=False)
    signals.task_failure.connect(lambda **told: deaths.on_failure(**told), weak=False)
    return run_role(
        app,
        settings,
        [presence, IdleWatch(hints, connections.channels.parts_queues)],
        queues=connections.channels.parts_queues,
        pool="prefork",
        concurrency=len(findings.devices),
    )
