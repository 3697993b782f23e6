"""Both roles on one machine, for `make worker`: started, watched, started again when they die, stopped together."""

from __future__ import annotations

import logging
import math
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
_MOST_YOUNG_ENDS = 5
_LONGEST_WAIT_S = 30
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
    """One role as a child process, started again whenever it dies."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name
        self._environment = {**os.environ, **settings.as_environment()}
        self._has_worked = False
        self._young_deaths = 0  # in a row
        self._young_ends = 0  # those of them that nobody else brought about
        self._again_at: float | None = None
        self._start()

    def look(self) -> int | None:
        """To be called often. A status for the whole worker where starting the role again cannot help.

        A role that ends by itself, time and again and soon, is broken. One that is killed from outside is not, nor is
        one that store or Redis refuse after it has worked: that passes.
        """
        now = time.monotonic()
        if self._again_at is not None:
            if now >= self._again_at:
                self._start()
            return None
        status = self.process.poll()
        if status is None:
            return None
        if now - self._started_at >= _HEALTHY_S:
            self._has_worked, self._young_deaths, self._young_ends = True, 0, 0
        else:
            self._young_deaths += 1
            self._young_ends += status > 0 and not (status == REFUSED and self._has_worked)
        if status == REFUSED and not self._has_worked:
            return REFUSED  # it has said why
        if self._young_ends >= _MOST_YOUNG_ENDS:
            log.error("role %s ended %d times in a row, and soon: giving up", self._name, self._young_ends)
            return 1
        wait_s = min(self._young_deaths, _LONGEST_WAIT_S)
        when = f"in {wait_s} s" if wait_s else "now"
        log.warning("role %s ended with status %s: it is started again %s", self._name, status, when)
        self._again_at = now + wait_s
        return None

    def ask_to_stop(self) -> None:
        self._again_at = math.inf
        if self.process.poll() is None:
            self.process.terminate()

    def _start(self) -> None:
        parent = os.getpid()
        self._again_at = None
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "worker.cli", self._name],
            env=self._environment,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops the roles in order
            preexec_fn=lambda: die_with_parent(parent),
        )


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
            status = role.look()
            if status is not None:
                return status
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
        role.ask_to_stop()
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    for role in roles:
        while role.process.poll() is None and time.monotonic() < deadline and stop.signals < 2:
            time.sleep(_POLL_S)
        role.process.kill()
        role.process.wait()
