"""A ledger of very many inputs, in a process of its own that loads no more than a control worker does.

A run that did them all is folded in, then one that did a thousand more, and all of them are looked up, as planning does
it.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from tests.bench.memory import peak_mb
from vae_core.jobs.codec import to_pretty_json
from vae_core.jobs.job import Job, Plan
from vae_core.jobs.layout import ScheduleKeys
from vae_core.jobs.parts import part_count
from vae_core.jobs.records import ItemDone, PartRecord
from vae_core.jobs.spec import ReconstructSpec
from vae_core.schedules.ledger import Entries, Known
from vae_core.schedules.schedule import Schedule, make_job
from vae_core.storage.base import Store
from vae_core.storage.opening import open_store
from worker.ledgers import LedgerKeeper, address_of

MORE = 1000
_PART_SIZE = 512
_SPEC = ReconstructSpec(source="s3://incoming/cars/")
_CHECKPOINT = "c" * 64


class Figures(NamedTuple):
    """Seconds, and MB of 1,000,000 bytes. fold_more_s: of MORE inputs. known: of those that were looked up."""

    fold_s: float
    fold_more_s: float
    look_up_s: float
    known: int
    store_mb: float
    peak_mb: float


def _add(store: Store) -> Schedule:
    """Writes a schedule; its runs need no jobs in the store."""
    schedule = Schedule(
        name="nightly",
        token="t",
        cron="0 2 * * *",
        timezone="UTC",
        spec=_SPEC,
        incremental=True,
        added_at="2026-01-01T00:00:00+00:00",
        added_by="",
        code_version="",
    )
    store.write(ScheduleKeys("nightly").schedule, to_pretty_json(schedule))
    return schedule


def _job(schedule: Schedule, run: str, items: int) -> tuple[Job, Plan]:
    """The job of a run, and its plan."""
    parts = part_count(items, _PART_SIZE)
    plan = Plan(checkpoint_sha256=_CHECKPOINT, items=items, parts=parts, part_size=_PART_SIZE)
    return make_job(schedule, run, schedule.added, by="", code_version=""), plan


def _key(number: int) -> str:
    return f"cars/{number // 1000:06d}/{number:09d}.jpg"


def _records(first: int, count: int) -> Iterator[PartRecord]:
    """Of a job that did the inputs from `first` on, one after the other."""
    for begin in range(first, first + count, _PART_SIZE):
        items = tuple(
            ItemDone(index=number, key="", sha256="", size_bytes=1, source=_key(number), source_tag=f"{number:032x}")
            for number in range(begin, min(begin + _PART_SIZE, first + count))
        )
        yield PartRecord(part=0, items=items, errors=(), files=(), kind="", seconds={}, attempt="", worker="")


def _fold(store: Store, schedule: Schedule, run: str, first: int, count: int) -> float:
    job, plan = _job(schedule, run, count)
    began = time.perf_counter()
    LedgerKeeper(store).fold(job, plan, _records(first, count), lambda: None)
    return time.perf_counter() - began


def _look_up(store: Store, schedule: Schedule, count: int) -> tuple[float, int]:
    """Seconds, and how many were known."""
    job, _ = _job(schedule, "20260103T000000Z", 0)
    assert job.schedule
    address, known = address_of(_SPEC), 0
    began = time.perf_counter()
    ledger = LedgerKeeper(store).known(job.schedule, lambda: None)
    for first in range(0, count, 4096):
        entries = Entries()
        for number in range(first, min(first + 4096, count)):
            entries.add(_CHECKPOINT, address(_key(number)), f"{number:032x}")
        known += int((ledger.look_up(entries) == Known.DONE).sum())
    return time.perf_counter() - began, known


def main() -> None:
    """Prints the figures as JSON. The one argument: how many inputs."""
    count = int(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="folding-") as folder:
        store = open_store(f"file://{folder}/store")
        schedule = _add(store)
        fold_s = _fold(store, schedule, "20260101T000000Z", 0, count)
        size_mb = sum(found.size_bytes for found in store.list(ScheduleKeys("nightly").ledger)) / 1e6
        more_s = _fold(store, schedule, "20260102T000000Z", count, MORE)
        look_up_s, known = _look_up(store, schedule, count + MORE)
    figures = Figures(fold_s, more_s, look_up_s, known, size_mb, peak_mb(psutil.Process()))
    sys.stdout.write(json.dumps(figures._asdict()) + "\n")


if __name__ == "__main__":
    main()
