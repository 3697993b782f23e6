"""Nights of a schedule on a moved clock, with real processes: `python -m tests.chaos.nights --nights 100`.

Two controls and a parts worker, each a process of its own. In each night pictures come and change, and at random a
control or both are killed with SIGKILL and started again, and Redis is emptied, before, at or after the slot. Each
slot's run has to exist once, and each version of each picture has to be done once.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import redis

from tests.chaos.moved_clock import CLOCK, MOVED_CLOCK, set_clock
from tests.checkpoints import write_tiny_checkpoint
from tests.fleet import Fleet, Worker, wait_for
from tests.nights import Pictures
from tests.servers.redis import RedisServer
from vae_core.schedules.documents import load_run, run_names
from vae_core.schedules.schedule import Run, iso
from vae_core.storage.opening import open_store

_BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
_SLOT = timedelta(hours=8, minutes=30)  # later: two in the morning in Kolkata
_END_S = 120.0


@dataclass
class Outcome:
    """What the nights have come to. done: versions of pictures."""

    slots: int
    runs: int
    done: int
    seconds: float
    faults: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Nights:
    """The fleet and its pictures. Use `run`, once."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._draw = random.Random(seed)
        self._folder = folder
        self._clock = folder / "clock"
        self._faults: Counter[str] = Counter()
        self._versions: Counter[tuple[str, str]] = Counter()
        self._names: list[str] = []
        self._pictures = Pictures(folder / "incoming")
        self._server = RedisServer(folder / "redis")
        write_tiny_checkpoint(folder / "tiny.safetensors")

    def run(self, nights: int) -> Outcome:
        set_clock(self._clock, _BEGIN)
        (self._folder / "redis").mkdir(exist_ok=True)
        self._server.start()
        try:
            self._fleet = Fleet(
                self._folder,
                {
                    "VAEJOB_CHECKPOINT": str(self._folder / "tiny.safetensors"),
                    "VAEJOB_SOURCES": str(self._folder),
                    CLOCK: str(self._clock),
                    **self._server.env,
                },
            )
            try:
                return self._nights(nights)
            finally:
                self._fleet.end()
        finally:
            self._server.kill()

    def _nights(self, nights: int) -> Outcome:
        began = time.monotonic()
        self._fleet.start_worker("parts")
        self._controls = [self._control(), self._control()]
        when = ("--cron", "0 2 * * *", "--timezone", "Asia/Kolkata")
        self._fleet.vaejob("schedule", "add", "nightly", *when, "--", "reconstruct", str(self._pictures.folder))
        self._date_back()
        slots = []
        for night in range(nights):
            self._change()
            slot = _BEGIN + _SLOT + night * timedelta(days=1)
            slots.append(iso(slot))
            set_clock(self._clock, slot - timedelta(seconds=2))
            self._maybe_fault()
            set_clock(self._clock, slot)
            self._maybe_fault()
            self._maybe_fault()
            wait_for(f"the end of the run of {slots[-1]}", lambda: self._is_over(slots[-1]), _END_S)
        return self._judged(slots, time.monotonic() - began)

    def _date_back(self) -> None:
        """The command line has no moved clock: the schedule was added when the nights begin."""
        key = "schedules/nightly.json"
        document = self._fleet.store.read(key).data.decode()
        begin, mark, rest = document.partition('"added_at": "')
        self._fleet.store.write(key, (begin + mark + iso(_BEGIN) + rest[rest.index('"') :]).encode())

    def _change(self) -> None:
        again = self._draw.sample(self._names, min(len(self._names), self._draw.randrange(3)))
        new = [f"{len(self._names) + number:04d}.jpg" for number in range(self._draw.randrange(4))]
        self._names += new
        for name in (*again, *new):
            self._pictures.put(name, self._draw.randrange(10**6))
        for found in open_store(self._pictures.url).list():
            self._versions[found.key, found.tag] = 1

    def _maybe_fault(self) -> None:
        time.sleep(self._draw.random() * 0.6)
        faults: list[tuple[str, Callable[[], None]]] = [
            ("nothing", lambda: None),
            ("Redis emptied", self._empty_redis),
            ("a control killed", lambda: self._kill(self._draw.randrange(2))),
            ("both controls killed", lambda: (self._kill(0), self._kill(1))[0]),
        ]
        what, do = self._draw.choice(faults)
        do()
        self._faults[what] += 1

    def _empty_redis(self) -> None:
        with redis.Redis.from_url(self._server.url) as client:
            client.flushall()

    def _kill(self, number: int) -> None:
        self._controls[number].kill_all()
        self._controls[number] = self._control()

    def _control(self) -> Worker:
        return self._fleet.start_worker("control", module=MOVED_CLOCK)

    def _runs(self) -> list[Run]:
        store = self._fleet.store
        found = [load_run(store, "nightly", name) for name in run_names(store, "nightly")]
        return [run for run in found if run is not None]

    def _is_over(self, slot: str) -> bool:
        ids = [run.job_id for run in self._runs() if run.at == slot and run.job_id]
        return bool(ids) and self._fleet.store.stat(f"jobs/{ids[0]}/end.json") is not None

    def _judged(self, slots: list[str], seconds: float) -> Outcome:
        runs = self._runs()
        done = Counter[tuple[str, str]]()
        outcome = Outcome(slots=len(slots), runs=len(runs), done=0, seconds=seconds, faults=self._faults)
        if [run.at for run in runs] != slots:
            outcome.problems.append(f"the runs are not the slots: {[run.at for run in runs]}")
        for run in runs:
            lines = self._fleet.manifest(str(run.job_id))
            done.update((line["source"], line["source_tag"]) for line in lines)
            if errors := self._fleet.lines(str(run.job_id), "errors.jsonl"):
                outcome.problems.append(f"run {run.name} has errors: {errors[:3]}")
        outcome.done = sum(done.values())
        for what, found in (
            ("left out", self._versions - done),
            ("done twice", +(done - Counter(done.keys()))),
            ("unknown", done - self._versions),
        ):
            if found:
                outcome.problems.append(f"{what}: {dict(found)}")
        known = {run.job_id for run in runs}
        others = [job for job in self._fleet.store.list_folders("jobs/") if job not in known]
        outcome.problems.extend(f"there is a job {job}" for job in others)
        return outcome


@click.command(context_settings={"show_default": True})
@click.option("--nights", type=click.IntRange(1), default=100)
@click.option("--seed", type=int, default=1)
def main(nights: int, seed: int) -> None:
    """Kill controls and empty Redis through so many nights, and see that each slot and picture is done once."""
    folder = Path(tempfile.mkdtemp(prefix="nights-"))
    outcome = Nights(folder, seed).run(nights)
    faults = ", ".join(f"{what} {count}" for what, count in sorted(outcome.faults.items()))
    click.echo(f"slots {outcome.slots}, runs {outcome.runs}, pictures done {outcome.done}, {outcome.seconds:.0f} s")
    click.echo(f"faults: {faults}")
    for problem in outcome.problems:
        click.echo(f"WRONG: {problem}")
    click.echo("failed" if outcome.problems else "passed: each slot and each version of a picture once")
    if not outcome.problems:
        shutil.rmtree(folder)
    sys.exit(1 if outcome.problems else 0)


if __name__ == "__main__":
    main()
