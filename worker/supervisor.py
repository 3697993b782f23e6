"""Both roles on one machine, for `make worker`: started, watched, started again when they die, stopped together."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from types import FrameType

from vae_core.errors import QueueUnavailable
from vae_core.jobs.channels import CONTROL_ROLE, PARTS_ROLE
from vae_core.settings import Settings
from worker.embedded import ensure_running
from worker.lifecycle import die_with_parent

log = logging.getLogger(__name__)

REFUSED = 2  # the role's own word that starting it again cannot help
_POLL_S = 0.2
_REDIS_CHECK_S = 2.0
_HEALTHY_S = 10.0
_MOST_QUICK_DEATHS = 5
_STOP_TIMEOUT_S = 60.0


class _StopRequest:
    """Counts the signals that ask to stop.

    A plain number: a handler runs in the middle of whatever the main thread does, so one that takes a lock, as setting
    a threading.Event does, may wait for the very code that it interrupted.
    """

    def __init__(self) -> None:
        self.signals = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1


class _Role:
    """One role as a child process."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self._environment = {**os.environ, **settings.as_environment()}
        self._quick_deaths = 0
        self.start()

    def start(self) -> None:
        parent = os.getpid()
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", self.name],
            env=self._environment,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops the roles in order
            preexec_fn=lambda: die_with_parent(parent),
        )

    def restart(self, stop: _StopRequest) -> bool:
        """Starts a dead role again, later the more often it died young; False once it is given up."""
        lived_s = time.monotonic() - self._started_at
        self._quick_deaths = 0 if lived_s >= _HEALTHY_S else self._quick_deaths + 1
        if self._quick_deaths >= _MOST_QUICK_DEATHS:
            log.error("role %s died %d times in a row: giving up", self.name, self._quick_deaths)
            return False
        log.warning("role %s ended with status %s: starting it again", self.name, self.process.returncode)
        again_at = time.monotonic() + min(self._quick_deaths, 5)
        while time.monotonic() < again_at and not stop.signals:
            time.sleep(_POLL_S)
        if not stop.signals:
            self.start()
        return True


def run_both(settings: Settings) -> int:
    """Runs both roles until SIGTERM or Ctrl-C; a second signal stops at once. The exit status.

    Starts the embedded Redis where none is set, and starts it again if it dies; leaving, it lets it run on.
    """
    stop = _StopRequest()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if settings.embedded:
        ensure_running(settings)
    roles = [_Role(name, settings) for name in (PARTS_ROLE, CONTROL_ROLE)]
    try:
        return _watch(roles, settings, stop)
    finally:
        _stop(roles, stop)


def _watch(roles: list[_Role], settings: Settings, stop: _StopRequest) -> int:
    redis_checked_at = time.monotonic()
    while not stop.signals:
        time.sleep(_POLL_S)
        for role in roles:
            status = role.process.poll()
            if status == REFUSED:
                return REFUSED  # it has said why
            if status is not None and not role.restart(stop):
                return 1
        if settings.embedded and time.monotonic() - redis_checked_at >= _REDIS_CHECK_S:
            redis_checked_at = time.monotonic()
            _keep_redis(settings)
    return 0


def _keep_redis(settings: Settings) -> None:
    try:
        ensure_running(settings)
    except QueueUnavailable as error:
        log.warning("%s", error)  # tried again at the next check


def _stop(roles: list[_Role], stop: _StopRequest) -> None:
    for role in roles:
        if role.process.poll() is None:
            role.process.terminate()
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    for role in roles:
        while role.process.poll() is None and time.monotonic() < deadline and stop.signals < 2:
            time.sleep(_POLL_S)
        role.process.kill()
        role.process.wait()
