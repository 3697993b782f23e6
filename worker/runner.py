"""Does one part and says how it went: the model's pictures encoded, measured and written. Knows no Celery, no Redis."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vae_core.errors import VaejobError
from vae_core.imaging.encoding import CONTENT_TYPES, encode_image, encoder_name
from vae_core.imaging.sheets import atlas, atlas_tile
from vae_core.imaging.similarity import psnr, ssim
from vae_core.jobs.job import Failure, Job, Plan
from vae_core.jobs.layout import (
    EXTENSIONS,
    JobKeys,
    extremes_name,
    fitted_input_name,
    latents_name,
    member_name,
    shard_name,
    sheet_name,
)
from vae_core.jobs.outputs import kept_inputs
from vae_core.jobs.parts import part_range
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile
from vae_core.jobs.spec import ReconstructSpec
from vae_core.storage.base import Store
from worker.extremes import ExtremeInputs
from worker.guard import Guard
from worker.kinds import Kind, Picture
from worker.pipeline import run_batches
from worker.shards import pack

log = logging.getLogger(__name__)

T = TypeVar("T")

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
        work = _Work(self._store, assignment, guard)
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
        self, assignment: Assignment, kind: Kind, work: _Work, guard: Guard, batch_size: int
    ) -> Iterator[list[ItemDone | ItemError]]:
        return run_batches(
            part_range(assignment.plan, assignment.part),
            batch_size=batch_size,
            executor=self._executor,
            fetch=lambda position: work.timed("fetch", lambda: kind.fetch(position)),
            model=lambda fetched: work.timed("model", lambda: kind.model(fetched)),
            write=work.write,
            between_batches=guard.between_batches,
        )


def _one_by_one(
    assignment: Assignment, kind: Kind, work: _Work, guard: Guard, care: Care
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


def _alone(position: int, kind: Kind, work: _Work) -> list[ItemDone | ItemError]:
    fetched = work.timed("fetch", lambda: kind.fetch(position))
    if isinstance(fetched, ItemError):
        return [fetched]
    return [work.write(picture) for picture in work.timed("model", lambda: kind.model([fetched]))]


class _Work:
    """The writing side of one part: what is written, and what is kept for the part's sheet."""

    def __init__(self, store: Store, assignment: Assignment, guard: Guard) -> None:
        self._store = store
        self._part = assignment.part
        self._spec = assignment.job.spec
        self._root = JobKeys(assignment.job.job_id).root
        self._guard = guard
        self._pairs = isinstance(self._spec, ReconstructSpec)  # the atlas shows each input beside its output
        self._kept_inputs = kept_inputs(self._spec, assignment.plan.items)
        self._tiles: dict[int, Sequence[NDArray[np.uint8]]] = {}
        self._latents: dict[int, NDArray[np.float32]] = {}
        self._encoded: dict[int, bytes] = {}  # with shards: what is written once the part is whole
        self._extremes = ExtremeInputs()
        self._input_bytes: dict[int, int] = {}
        self.files: list[SideFile] = []
        self.seconds = StageSeconds()

    @property
    def input_bytes(self) -> int:
        """Of the inputs that pictures were made of."""
        return sum(self._input_bytes.values())

    def timed(self, stage: str, call: Callable[[], T]) -> T:
        with self.seconds.measured(stage):
            return call()

    def write(self, picture: Picture) -> ItemDone:
        """Encodes, measures and writes one picture, or keeps it for the shard. Runs on many threads at once."""
        with self.seconds.measured("encode"):
            data = encode_image(picture.pixels, self._spec.format, self._spec.quality)
            quality = _quality(picture)
        member, tag = None, ""
        if self._spec.shards:
            member = member_name(picture.index, EXTENSIONS[self._spec.format])
            self._encoded[picture.index] = data
        else:
            tag = self._put(picture.name, data, CONTENT_TYPES[self._spec.format])
        seen = picture.fitted if picture.noisy is None else picture.noisy
        tiles = [seen, picture.pixels] if seen is not None and self._pairs else [picture.pixels]
        self._tiles[picture.index] = [atlas_tile(pixels) for pixels in tiles]
        if seen is not None and picture.index in self._kept_inputs:
            self._put_file(fitted_input_name(picture.index), encode_image(seen, "png"), "image/png")
        if picture.source is not None:
            self._input_bytes[picture.index] = picture.source.size_bytes
        if self._spec.save_latents:
            self._latents[picture.index] = picture.latent
        item = ItemDone(
            index=picture.index,
            key=picture.name,
            member=member,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            source=picture.source.key if picture.source else None,
            source_tag=picture.source.tag if picture.source else None,
            psnr=quality.psnr,
            ssim=quality.ssim,
            noisy_psnr=quality.noisy_psnr,
            outlier=picture.outlier,
            tag=tag,
        )
        if seen is not None and self._pairs:
            self._extremes.add(item, seen)
        return item

    def write_shard(self, done: Sequence[ItemDone]) -> Sequence[ItemDone]:
        """Writes the tar of the part's images, if there are any; the items as they lie in it."""
        if not done:
            return done
        name = shard_name(self._part)
        with self.seconds.measured("shard"):
            shard = pack(((item, self._encoded.pop(item.index)) for item in done), name)
        self._put_file(name, shard.data, "application/x-tar")
        return shard.items

    def write_sheet(self) -> None:
        """Writes the atlas of the part: its images in order, each after its fitted input where there is one."""
        tiles = [tile for index in sorted(self._tiles) for tile in self._tiles[index]]
        if tiles:
            with self.seconds.measured("sheet"):
                data = atlas(tiles)
            self._put_file(sheet_name(self._part), data, "image/webp")

    def write_extremes(self) -> None:
        """Writes the fitted inputs that came out worst and best, for the sheets of the whole job."""
        strip = self._extremes.strip()
        if strip is not None:
            self._put_file(extremes_name(self._part), encode_image(strip, "png"), "image/png")

    def write_latents(self) -> None:
        """Writes the latents of the part's images in order, float32 (images, Z), where the spec asks for them."""
        if self._latents:
            rows = np.stack([self._latents[index] for index in sorted(self._latents)])
            buffer = io.BytesIO()
            np.save(buffer, rows, allow_pickle=False)
            self._put_file(latents_name(self._part), buffer.getvalue(), "application/octet-stream")

    def _put_file(self, name: str, data: bytes, content_type: str) -> None:
        tag = self._put(name, data, content_type)
        sha256 = hashlib.sha256(data).hexdigest()
        self.files.append(SideFile(key=name, sha256=sha256, size_bytes=len(data), tag=tag))

    def _put(self, name: str, data: bytes, content_type: str) -> str:
        self._guard.before_write()
        with self.seconds.measured("write"):
            return self._store.write(self._root + name, data, content_type=content_type)


class _Quality(NamedTuple):
    """As in ItemDone."""

    psnr: float | None = None
    ssim: float | None = None
    noisy_psnr: float | None = None


def _quality(picture: Picture) -> _Quality:
    """How near the picture is to its input, if it has one."""
    clean = picture.fitted
    if clean is None:
        return _Quality()
    noisy_psnr = None if picture.noisy is None else psnr(picture.noisy, clean)
    return _Quality(psnr(picture.pixels, clean), ssim(picture.pixels, clean), noisy_psnr)


class StageSeconds:
    """Wall-clock seconds by stage, added up over threads: `fetch`, `encode` and `write` may exceed `total`."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - began

    def rounded(self) -> dict[str, float]:
        with self._lock:
            return {stage: round(seconds, 3) for stage, seconds in sorted(self._seconds.items())}
