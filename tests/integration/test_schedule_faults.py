"""A hundred nights with two controls that die at any call of the store, and a Redis that is emptied at any time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from tests.integration.conftest import Bench
from tests.nights import FIRST_NIGHT, Pictures, add, runs_of, schedule
from vae_core.documents import load_end
from vae_core.errors import ObjectMissing, VaejobError
from vae_core.jobs.layout import JobKeys, ScheduleKeys
from vae_core.schedules.schedule import iso
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store

NIGHTS = 100
ROUNDS = 60
WRITES = {"write", "create", "delete"}
SLOT = timedelta(hours=8, minutes=30)  # after FIRST_NIGHT: two in the morning in Kolkata


class Killed(BaseException):
    """What kill -9 is to a process: nothing in it gets to do anything more."""


class Mortal:
    """A store that kills whoever calls it: before the call, or after it has taken effect.

    lives: calls until then. between: what happens elsewhere in the middle of a call, once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lives = -1
        self.after = False
        self.dead = False
        self.between: dict[int, Callable[[], None]] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return found if not callable(found) else lambda *args, **options: self._call(name, found, args, options)

    def _call(self, name: str, call: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if self.dead:
            raise Killed  # a thread of the dead one
        self.lives -= 1
        self.between.pop(self.lives, lambda: None)()
        if self.lives != 0:
            return call(*args, **options)
        self.dead = True
        if self.after or name not in WRITES:
            call(*args, **options)
        raise Killed


class Night:
    """Two controls, and parts that live, with random faults from a seed."""

    def __init__(self, bench: Bench, pictures: Pictures, seed: int) -> None:
        self.bench = bench
        self.pictures = pictures
        self.draw = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.put: Counter[tuple[str, str]] = Counter()
        self._names: list[str] = []
        self._controls = [self._control(), self._control()]

    def change(self) -> None:
        """Up to three new pictures, and up to two that change, unless a run may be about to read them."""
        most = self.draw.randrange(3) if self.is_quiet() else 0
        again = self.draw.sample(self._names, min(len(self._names), most))
        new = [f"{len(self._names) + number:04d}.jpg" for number in range(self.draw.randrange(4))]
        self._names += new
        for name in (*again, *new):
            self.pictures.put(name, self.draw.randrange(10**6))

    def note(self) -> None:
        """The versions that are there now, each to be done once."""
        for found in open_store(self.pictures.url).list():
            self.put[found.key, found.tag] = 1

    def round(self) -> None:
        """One thing that one of the controls does, or that happens to it."""
        self._maybe_empty_redis()
        number = self.draw.randrange(2)
        self._arm(number)
        _, mortal = self._controls[number]
        if self.draw.random() < 0.3:
            self._arm(1 - number)
            mortal.between = {mortal.lives - self.draw.randrange(1, 25): lambda: self._meanwhile(1 - number)}
        if self.draw.random() < 0.2:
            mortal.between[mortal.lives - self.draw.randrange(1, 25)] = self._empty_redis
        self._work(number)

    def _arm(self, number: int) -> None:
        """Perhaps it will die soon."""
        bench, mortal = self._controls[number]
        bench.now = self.bench.now
        mortal.between = {}
        mortal.lives, mortal.after = -1, self.draw.random() < 0.5
        if self.draw.random() < 0.3:
            mortal.lives = self.draw.randrange(1, 25)

    def _meanwhile(self, number: int) -> None:
        self.faults["both at work"] += 1
        self._work(number)

    def _work(self, number: int) -> None:
        """A pass of one of the controls, and what it is sent."""
        bench, _ = self._controls[number]
        try:
            bench.reconciler.reconcile()
            for task, arguments in bench.sent():
                if self.draw.random() < 0.1:
                    self.faults["message lost"] += 1
                elif task == "part":
                    self.bench.parts.handle(*arguments)
                else:
                    {"plan": bench.planner.plan, "finish": bench.finisher.finish}[task](*arguments)
        except Killed:
            self.faults["control killed"] += 1
            self._controls[number] = self._control()
            self._lapse()
        except VaejobError:  # a claim that was lost with Redis: another pass
            self.faults["put off"] += 1

    def is_quiet(self) -> bool:
        return not self.bench.keys("open/")

    def _control(self) -> tuple[Bench, Mortal]:
        mortal = Mortal(self.bench.store)
        return self.bench.with_store(cast(Store, mortal)), mortal

    def _maybe_empty_redis(self) -> None:
        if self.draw.random() < 0.1:
            self._empty_redis()

    def _empty_redis(self) -> None:
        self.faults["Redis emptied"] += 1
        self._forget_all()

    def _lapse(self) -> None:
        """Time passes until the claims of the dead process lapse."""
        channels = self.bench.hints.channels
        kept = {*channels.lists(channels.control_queue, *channels.parts_queues)}
        self._forget_all(kept)

    def _forget_all(self, kept: Collection[str] = ()) -> None:
        """Of this bench; the Redis is others' too."""
        keys = [key for key in self.bench.redis.scan_iter(f"{self.bench.hints.channels.prefix}:*") if key not in kept]
        if keys:
            self.bench.redis.delete(*keys)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("overlap", "seed"), [("skip", 1), ("queue", 2)])
def test_each_slot_and_input_is_done_once_when_controls_die_and_redis_is_emptied(
    bench: Bench, tmp_path: Path, overlap: str, seed: int
) -> None:
    pictures = Pictures(tmp_path / "incoming")
    add(bench, schedule(pictures, overlap=overlap))
    nights = Night(bench, pictures, seed)
    bench.now = FIRST_NIGHT
    slots = []
    for night in range(NIGHTS):
        nights.change()
        nights.note()
        bench.now = FIRST_NIGHT + SLOT + night * timedelta(days=1)
        slots.append(iso(bench.now))
        # Some nights the next one comes before the work of this one is over.
        rounds = nights.draw.randrange(1, 8) if overlap == "queue" and nights.draw.random() < 0.2 else ROUNDS
        for _ in range(rounds):
            nights.round()
            if rounds == ROUNDS and nights.is_quiet() and slots[-1] in {run.at for run in runs_of(bench)}:
                break
    for _ in range(3 * ROUNDS):
        nights.round()
        if nights.is_quiet():
            break
    runs = runs_of(bench)
    assert sorted(run.at for run in runs) == sorted({run.at for run in runs})
    if overlap == "skip":
        assert [run.at for run in runs] == slots
    assert len(bench.keys("jobs/")) > 0
    done = Counter[tuple[str, str]]()
    for run in runs:
        if run.job_id is None:
            continue
        end = load_end(bench.store, run.job_id)
        assert end is not None and (end.state, end.errors) == ("succeeded", 0), run
        done.update(_manifest(bench, run.job_id))
    missing, twice = nights.put - done, {one: count for one, count in done.items() if count > 1}
    assert (missing, twice, done - nights.put) == (Counter(), {}, Counter())
    assert nights.faults["control killed"] > 30
    assert nights.faults["Redis emptied"] > 20
    assert nights.faults["both at work"] > 20
    assert len(bench.keys(ScheduleKeys("nightly").ledger)) == 1


def _manifest(bench: Bench, job_id: str) -> list[tuple[str, str]]:
    try:
        lines = bench.store.read(JobKeys(job_id).manifest).data.splitlines()
    except ObjectMissing:
        return []
    return [(line["source"], line["source_tag"]) for line in map(msgspec.json.decode, lines)]
