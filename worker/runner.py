"""Does one part and says how it went: the model's pictures encoded, measured and written. Knows no Celery, no Redis."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import NamedTuple

from vae_core.errors import VaejobError
from vae_core.imaging.encoding import encoder_name
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import ItemDone, ItemError, PartRecord
from vae_core.storage.base import Store
from worker.guard import Guard
from worker.kinds import Kind
from worker.part_writer import PartWriter
from worker.pipeline import run_batches

log = logging.getLogger(__name__)

_KILLER = Failure(
    code="worker_died",
    message="each process that worked on it alone died: see the worker's log, and leave it out or mend it",
)


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
    """How a part is done that has killed its processes: one item at a time.

    before_item: told the position of each item before it is touched. after_items: called once all are written.
    killers: positions that are not touched, but listed.
    """

    before_item: Callable[[int], None]
    after_items: Callable[[], None]
    killers: frozenset[int]


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
        care: Care | None = None,
    ) -> PartRecord:
        """Writes the part's outputs and returns its record, which the caller commits.

        on_progress: told the number of finished items after each batch. care: None for a part that is as any other.
        Raises what the guard, the engine and the store raise.
        """
        work = PartWriter(self._store, assignment.job, assignment.plan, assignment.part, guard)
        done: list[ItemDone] = []
        errors: list[ItemError] = []
        with work.seconds.measured("total"):
            batches = (
                self._batches(assignment, kind, work, guard, batch_size)
                if care is None
                else _one_by_one(assignment, kind, work, guard, care)
            )
            for batch in batches:
                errors.extend(item for item in batch if isinstance(item, ItemError))
                done.extend(item for item in batch if isinstance(item, ItemDone))
                on_progress(len(done) + len(errors))
            if care is not None:
                care.after_items()
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

    def _batches(
        self, assignment: Assignment, kind: Kind, work: PartWriter, guard: Guard, batch_size: int
    ) -> Iterator[list[ItemDone | ItemError]]:
        return run_batches(
            part_range(assignment.plan, assignment.part),
            batch_size=batch_size,
            executor=self._executor,
            fetch=lambda position: work.seconds.timed("fetch", lambda: kind.fetch(position)),
            model=lambda fetched: work.seconds.timed("model", lambda: kind.model(fetched)),
            write=work.write,
            between_batches=guard.between_batches,
        )


def _one_by_one(
    assignment: Assignment, kind: Kind, work: PartWriter, guard: Guard, care: Care
) -> Iterator[list[ItemDone | ItemError]]:
    """What becomes of each item alone. An item that raises what nobody foresaw is listed, as a killer is."""
    for position in part_range(assignment.plan, assignment.part):
        guard.between_batches()
        if position in care.killers:
            yield [kind.error(position, _KILLER)]
            continue
        care.before_item(position)
        try:
            yield _alone(position, kind, work)
        except VaejobError:  # the store, the lease, the device, or the job: not this item
            raise
        except Exception as error:  # the item is listed, and the others go on
            log.exception("item %d of job %s failed", position, assignment.job.job_id)
            message = f"the worker failed on it, alone: {type(error).__name__}: {error}"
            yield [kind.error(position, Failure(code="item_failed", message=" ".join(message.split())[:500]))]


def _alone(position: int, kind: Kind, work: PartWriter) -> list[ItemDone | ItemError]:
    fetched = work.seconds.timed("fetch", lambda: kind.fetch(position))
    if isinstance(fetched, ItemError):
        return [fetched]
    return [work.write(picture) for picture in work.seconds.timed("model", lambda: kind.model([fetched]))]
