"""Recovery time with default settings: `python -m tests.chaos.recovery --kills 10`, or `make recovery`.

A whole parts worker is killed, parent and child, while another is idle, and the time is taken until its part is leased
again; beside it the same is done to stock Celery.
"""

from __future__ import annotations

import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import click
import psutil
import redis

from tests.chaos import stock
from tests.chaos.journal import Journal
from tests.chaos.stock_kills import EARLIEST_S, LATEST_S, LONGEST_S, stock_kills
from tests.checkpoints import write_tiny_checkpoint
from tests.fleet import Fleet, Worker, wait_for
from tests.servers.redis import RedisServer
from vae_core.jobs.channels import Channels
from vae_core.jobs.layout import JobKeys

MEDIAN_S, MOST_S = 30.0, 60.0
_SHORTENED = ("VAEJOB_LEASE_S", "VAEJOB_MARK_S", "VAEJOB_RECONCILE_S")
_ONE_LONG_PART = ("sample", "--n", "8000", "--part-size", "8000", "--format", "webp", "--seed", "1")
_POLL_S = 0.05
_BEGIN_S = 180.0


class Pair:
    """A control worker and two parts workers with default settings, on a Redis of their own."""

    def __init__(self, folder: Path, server: RedisServer) -> None:
        write_tiny_checkpoint(folder / "tiny.safetensors")
        settings = {"VAEJOB_CHECKPOINT": str(folder / "tiny.safetensors"), "VAEJOB_THREADS": "1", **server.env}
        self.fleet = Fleet(folder, settings)
        for name in _SHORTENED:
            del self.fleet.environment[name]
        self.channels = Channels(self.fleet.settings.queue)
        self.parts: list[Worker] = []
        self._client = redis.Redis.from_url(server.url, decode_responses=True)

    def start(self) -> None:
        self.fleet.start_worker("control")
        self.fill_up()

    def fill_up(self) -> None:
        """Two parts workers, ready."""
        while len(self.parts) < 2:
            self.parts.append(self.fleet.start_worker("parts"))

    def end(self) -> None:
        self.fleet.end()
        self._client.close()

    def kill_once(self, number: int, after_s: float) -> float:
        """Seconds from the death of the worker that does a job's only part to the part being leased by the other."""
        job_id = f"job-{number}"
        self.fleet.vaejob(*_ONE_LONG_PART, "--job-id", job_id)
        token = wait_for("a leased part", lambda: self._holder(job_id), _BEGIN_S)
        victim = wait_for("the worker that does the part", lambda: self._worker_of(job_id, token), _BEGIN_S)
        time.sleep(after_s)
        killed_at = time.monotonic()
        victim.kill_all()
        self.parts.remove(victim)
        while self._holder(job_id) in (None, token):
            if time.monotonic() - killed_at > LONGEST_S:
                break
            time.sleep(_POLL_S)
        seconds = time.monotonic() - killed_at
        self.fleet.vaejob("cancel", job_id)
        self.fleet.vaejob("watch", job_id, expect=5)
        return seconds

    def _holder(self, job_id: str) -> str | None:
        return cast(str | None, self._client.get(self.channels.lease(job_id, f"{0:05d}")))

    def _worker_of(self, job_id: str, token: str) -> Worker | None:
        """By the note of its attempt, which names its process once the model is loaded."""
        for note in self.fleet.store.list(JobKeys(job_id).attempts(0)):
            if note.key.endswith(f"/{token}"):
                pid = int(json.loads(self.fleet.store.read(note.key).data)["worker"].rpartition(":")[2])
                return next((worker for worker in self.parts if pid in _pids(worker)), None)
        return None


def _pids(worker: Worker) -> set[int]:
    return {process.pid for process in psutil.Process(worker.process.pid).children(recursive=True)}


def our_kills(folder: Path, kills: int, seed: int, journal: Journal) -> list[float]:
    """Seconds to recover from each. folder: exists."""
    draw = random.Random(seed)
    (folder / "redis").mkdir()
    server = RedisServer(folder / "redis")
    found: list[float] = []
    try:
        server.start()
        workers = Pair(folder, server)
        try:
            workers.start()
            for number in range(kills):
                workers.fill_up()
                found.append(workers.kill_once(number, draw.uniform(EARLIEST_S, LATEST_S)))
                journal.note(f"vaejob: kill {number + 1}, leased again after {found[-1]:.1f} s")
        finally:
            workers.end()
    finally:
        server.kill()
    return found


def line(what: str, seconds: Sequence[float]) -> str:
    late = sum(value >= LONGEST_S for value in seconds)
    note = f", {late} of them not within {LONGEST_S:g} s" if late else ""
    return f"{what}: {len(seconds)} kills, median {statistics.median(seconds):.1f} s, most {max(seconds):.1f} s{note}"


@click.command(context_settings={"show_default": True})
@click.option("--kills", type=click.IntRange(1), default=10, help="Of vaejob's parts workers, and of stock ones.")
@click.option("--seed", type=int, default=1, help="Of how far into its work each worker is killed.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all figures there.")
def main(kills: int, seed: int, json_file: Path | None) -> None:
    """Kill whole workers with another one idle, and take the time until their work is taken up again."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-"))
    journal = Journal(folder / "recovery.log", aloud=True)
    theirs: list[float] = []
    failure = threading.Event()
    beside = threading.Thread(
        target=lambda: theirs.extend(stock_kills(folder, kills, seed, journal, failure.is_set)), daemon=True
    )
    beside.start()
    try:
        ours = our_kills(folder, kills, seed, journal)
    except BaseException:
        failure.set()
        raise
    beside.join()
    click.echo(line("vaejob, default settings", ours))
    if theirs:
        usual = f"by default it is {stock.USUAL_VISIBILITY_TIMEOUT_S:,} s, and a task is away for as long"
        click.echo(line(f"stock Celery, visibility_timeout {stock.VISIBILITY_TIMEOUT_S} s ({usual})", theirs))
    if json_file is not None:
        json_file.write_text(json.dumps({"seed": seed, "vaejob_s": ours, "stock_s": theirs}, indent=2) + "\n")
    if statistics.median(ours) > MEDIAN_S or max(ours) > MOST_S or len(theirs) < kills:
        click.echo(f"FAILED: at most {MEDIAN_S:g} s in the median and {MOST_S:g} s are wanted; logs: {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
