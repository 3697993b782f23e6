"""Does one part and says how it went: the model's pictures encoded, measured and written. Knows no Celery, no Redis."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

from vae_core.imaging.encoding import encoder_name
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import ItemDone, ItemError, PartRecord
from vae_core.storage.base import Store
from worker.guard import Guard
from worker.kinds import Kind, Picture
from worker.part_writer import PartWriter
from worker.pipeline import run_batches


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


class PartRunner:
    """Runs parts against one store, fetching and writing on `executor`'s threads."""

    def __init__(self, store: Store, executor: Executor) -> None:
        self._store = store
        self._executor = executor

    def run(
        self,
        assignment: Assignment,
        kind: Kind,
        *,
        batch_size: int,
        machine: Machine,
        guard: Guard,
        on_progress: Callable[[int], None],
        beat: Callable[[], None] = lambda: None,
        care: Care | None = None,
    ) -> PartRecord:
        """Writes the part's outputs and returns its record, which the caller commits.

        on_progress: told the number of finished items after each batch. beat: called whenever an item was read or
        written, from many threads. care: None for a part that is as any other. Raises what the guard, the engine and
        the store raise, and whatever else an item makes its code raise.
        """
        work = PartWriter(self._store, assignment.job, assignment.plan, assignment.part, guard)
        stages = _Stages(kind, work, guard, beat)
        positions = part_range(assignment.plan, assignment.part)
        done: list[ItemDone] = []
        errors: list[ItemError] = []
        with work.seconds.measured("total"):
            batches = (
                self._batches(positions, stages, batch_size)
                if care is None
                else self._carefully(positions, stages, batch_size, care)
            )
            for batch in batches:
                errors.extend(item for item in batch if isinstance(item, ItemError))
                done.extend(item for item in batch if isinstance(item, ItemDone))
                on_progress(len(done) + len(errors))
            if care is not None:
                care.items_over()
            items = work.write_shard(done) if assignment.job.spec.shards else done
            work.write_sheet()
            work.write_extremes()
            work.write_latents()
        return PartRecord(
            part=assignment.part,
            items=tuple(items),
            errors=tuple(sorted(errors, key=lambda error: error.index)),
            files=tuple(sorted(work.files, key=lambda file: file.key)),
            kind=f"{machine.kind}, {encoder_name(assignment.job.spec.format)}",
            device=machine.device,
            device_type=machine.device_type,
            halved_from=machine.halved_from,
            input_bytes=work.input_bytes,
            seconds=work.seconds.rounded(),
            attempt=assignment.attempt,
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )

    def _batches(self, positions: Sequence[int], stages: _Stages, batch_size: int) -> Iterator[_Batch]:
        return run_batches(
            positions,
            batch_size=batch_size,
            executor=self._executor,
            fetch=stages.fetch,
            model=stages.model,
            write=stages.write,
            between_batches=stages.guard.between_batches,
        )

    def _carefully(self, positions: Sequence[int], stages: _Stages, batch_size: int, care: Care) -> Iterator[_Batch]:
        yield [stages.kind.error(position, failure) for position, failure in care.killers.items()]
        left = [position for position in positions if position not in care.killers]
        yield from self._batches([position for position in left if position < care.alone_from], stages, batch_size)
        for position in left:
            if position >= care.alone_from:
                stages.guard.between_batches()
                care.take(position)
                yield stages.alone(position)


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
