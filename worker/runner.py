"""Does one part and says how it went: the model's pictures encoded, measured and written. Knows no Celery, no Redis."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vae_core.imaging.encoding import encoder_name
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import ItemDone, ItemError, PartRecord
from vae_core.storage.base import Store
from worker.guard import Guard
from worker.kinds import Kind, Picture
from worker.part_writer import PartWriter
from worker.pipeline import Batches
from worker.pools import Pools


class Assignment(NamedTuple):
    """A part of a planned job, and the token of the attempt at it."""

    job: Job
    plan: Plan
    part: int
    attempt: str


class Machine(NamedTuple):
    """What a part is done on: the kind of engine; the rest as in PartRecord."""

    kind: str
    device: str
    device_type: str
    halved_from: int | None = None


class Care(NamedTuple):
    """How a part is done that has killed its processes: from some position on, each item is worked on alone.

    alone_from: that position; the items before it are done in batches. killers: what is listed of positions that are
    not touched. take: told the position of each item that is worked on alone, before it is touched. items_over: called
    once all items are written.
    """

    alone_from: int
    killers: Mapping[int, Failure]
    take: Callable[[int], None]
    items_over: Callable[[], None]


class PartRun:
    """One attempt at a part: `begin` all of its batches, then `finish` them; or `close`, to leave it at that."""

    def __init__(
        self,
        store: Store,
        pools: Pools,
        assignment: Assignment,
        kind: Kind,
        *,
        batch_size: int,
        machine: Machine,
        guard: Guard,
        on_progress: Callable[[int], None],
        beat: Callable[[], None] = lambda: None,
        care: Care | None = None,
    ) -> None:
        """on_progress: told the number of finished items after each batch. beat: called whenever an item was read or
        written, from many threads. care: None for a part that is as any other.
        """
        self._assignment = assignment
        self._machine = machine
        self._on_progress = on_progress
        self._care = care
        self._work = PartWriter(store, assignment.job, assignment.plan, assignment.part, guard)
        self._stages = _Stages(kind, self._work, guard, beat)
        self._pools = pools
        self._batch_size = batch_size
        self._began = time.perf_counter()
        self._done: list[ItemDone] = []
        self._errors: list[ItemError] = []
        self._batches: Batches[Any, Picture, ItemDone] | None = None

    def begin(self) -> None:
        """Returns once the model has been given the last batch, or is done with a careful part. Raises what the guard,
        the engine and the store raise, and whatever else an item makes its code raise; then nothing of it goes on.
        """
        positions = part_range(self._assignment.plan, self._assignment.part)
        if self._care is not None:
            self._make_carefully(positions, self._care)
            return
        self._batches = self._pipelined(positions)
        while not self._batches.all_begun:
            self._count(next(self._batches))

    def finish(self) -> PartRecord:
        """Writes what is left of the part's outputs, and returns its record, which the caller commits. May run on
        another thread than `begin`; raises the same.
        """
        for batch in self._batches or ():
            self._count(batch)
        assignment, work = self._assignment, self._work
        items = work.write_shard(self._done) if assignment.job.spec.shards else self._done
        work.write_sheet()
        work.write_extremes()
        work.write_latents()
        work.seconds.add("total", time.perf_counter() - self._began)
        return PartRecord(
            part=assignment.part,
            items=tuple(items),
            errors=tuple(sorted(self._errors, key=lambda error: error.index)),
            files=tuple(sorted(work.files, key=lambda file: file.key)),
            kind=f"{self._machine.kind}, {encoder_name(assignment.job.spec.format)}",
            device=self._machine.device,
            device_type=self._machine.device_type,
            halved_from=self._machine.halved_from,
            input_bytes=work.input_bytes,
            seconds=work.seconds.rounded(),
            attempt=assignment.attempt,
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )

    def close(self) -> None:
        """Begins nothing more, and waits for what was begun."""
        if self._batches is not None:
            self._batches.close()

    def _count(self, batch: _Batch) -> None:
        self._errors.extend(item for item in batch if isinstance(item, ItemError))
        self._done.extend(item for item in batch if isinstance(item, ItemDone))
        if batch:
            self._on_progress(len(self._done) + len(self._errors))

    def _pipelined(self, positions: Sequence[int]) -> Batches[Any, Picture, ItemDone]:
        return Batches(
            positions,
            batch_size=self._batch_size,
            pools=self._pools,
            fetch=self._stages.fetch,
            model=self._stages.model,
            write=self._stages.write,
            between_batches=self._stages.guard.between_batches,
        )

    def _make_carefully(self, positions: Sequence[int], care: Care) -> None:
        self._count([self._stages.kind.error(position, failure) for position, failure in care.killers.items()])
        left = [position for position in positions if position not in care.killers]
        self._batches = self._pipelined([position for position in left if position < care.alone_from])
        for batch in self._batches:
            self._count(batch)
        for position in left:
            if position >= care.alone_from:
                self._stages.guard.between_batches()
                care.take(position)
                self._count(self._stages.alone(position))
        care.items_over()


_Batch = list[ItemDone | ItemError]


class _Stages(NamedTuple):
    """The stages that an item goes through, each measured."""

    kind: Kind
    work: PartWriter
    guard: Guard
    beat: Callable[[], None]

    def fetch(self, position: int) -> Any:
        fetched = self.work.seconds.timed("fetch", lambda: self.kind.fetch(position))
        self.beat()
        return fetched

    def model(self, fetched: Sequence[Any]) -> list[Picture]:
        return self.work.seconds.timed("model", lambda: self.kind.model(fetched))

    def write(self, picture: Picture) -> ItemDone:
        written = self.work.write(picture)
        self.beat()
        return written

    def alone(self, position: int) -> _Batch:
        """All of them for one item, in this thread: whatever happens, happens to it."""
        fetched = self.fetch(position)
        if isinstance(fetched, ItemError):
            return [fetched]
        return [self.write(picture) for picture in self.model([fetched])]
