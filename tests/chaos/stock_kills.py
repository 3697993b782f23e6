"""How long a task of a killed worker takes to begin again on another with a stock Celery set-up."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import redis
from celery import Celery

from tests.chaos import stock
from tests.chaos.journal import Journal
from tests.fleet import wait_for
from tests.servers.process import die_with_parent
from tests.servers.redis import RedisServer

LONGEST_S = 300.0
EARLIEST_S, LATEST_S = 2.0, 8.0
_READY_S = 120.0
_ROOT = Path(__file__).parents[2]


class StockWorker:
    """A Celery worker with one process."""

    def __init__(self, name: str, redis_url: str, folder: Path) -> None:
        self._log_file = folder / f"{name}.log"
        command = [sys.executable, "-m", "celery", "-A", "tests.chaos.stock", "worker", "-l", "INFO", "-c", "1"]
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-n", f"{name}@%h"],
                env={**os.environ, stock.REDIS_VARIABLE: redis_url, "PYTHONPATH": str(_ROOT)},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def wait_until_ready(self) -> None:
        wait_for("a ready stock worker", lambda: " ready." in self._log_file.read_text(errors="replace"), _READY_S)

    def holds(self, pid: int) -> bool:
        """Whether this is one of its processes."""
        return any(child.pid == pid for child in psutil.Process(self.process.pid).children(recursive=True))

    def kill(self) -> None:
        """Ends it with its children, as a power cut would."""
        head = psutil.Process(self.process.pid)
        family = [head, *head.children(recursive=True)]
        for process in family:
            process.kill()
        self.process.wait()
        psutil.wait_procs(family, timeout=10)


def stock_kills(folder: Path, kills: int, seed: int, journal: Journal, is_over: Callable[[], bool]) -> list[float]:
    """Seconds from each kill to the task's begin on the other worker, LONGEST_S for one that did not begin by then.

    folder: exists. is_over: whether no further kill is wanted.
    """
    draw = random.Random(seed)
    (folder / "stock-redis").mkdir()
    server = RedisServer(folder / "stock-redis")
    workers: list[StockWorker] = []
    found: list[float] = []
    try:
        server.start()
        with redis.Redis.from_url(server.url) as client, Celery("sender", broker=server.url) as sender:
            for number in range(kills):
                while len(workers) < 2:
                    workers.append(StockWorker(f"stock-{number}-{len(workers)}", server.url, folder))
                for worker in workers:
                    worker.wait_until_ready()
                if is_over():
                    break
                name = f"task-{number}"
                sender.send_task(stock.TASK, args=(name,))
                found.append(_kill(name, client, workers, draw.uniform(EARLIEST_S, LATEST_S)))
                journal.note(f"stock Celery: kill {number + 1}, begun again after {found[-1]:.1f} s")
    finally:
        for worker in workers:
            worker.kill()
        server.kill()
    return found


def _kill(name: str, client: redis.Redis, workers: list[StockWorker], after_s: float) -> float:
    begun = stock.begun_key(name)
    wait_for("a begun task", lambda: client.llen(begun), _READY_S)
    pid = int(client.lrange(begun, 0, 0)[0])
    victim = next(worker for worker in workers if worker.holds(pid))
    time.sleep(after_s)
    killed_at = time.monotonic()
    victim.kill()
    workers.remove(victim)
    while client.llen(begun) < 2 and time.monotonic() - killed_at < LONGEST_S:
        time.sleep(0.05)
    seconds = time.monotonic() - killed_at
    client.set(stock.over_key(name), 1)
    return seconds
