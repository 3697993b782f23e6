"""The whole way of a sample job's images to shards in a folder, with the device and all cores at work at once."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.bench.on_gpu.device import Feed, Subject
from tests.bench.on_gpu.shards import ShardFiles, cut, whole_shard
from tests.bench.on_gpu.slots import Made, Piece, Slots, make_piece, png_encoder
from vae_core.jobs.layout import shard_name
from worker.stage_seconds import StageSeconds

_SAMPLERS = 4  # threads, as one draws no more latents than a GPU decodes; NumPy lets the others run meanwhile
_LATENTS_AHEAD = 8  # batches


class Times(NamedTuple):
    """Of one run. seconds: by stage; those of the encoders and samplers are of their cores, the others by the clock."""

    wall_s: float
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Line:
    """All that works on a run.

    Latents are drawn by threads, batches are decoded and copied by `feed` in the calling thread, pieces of them become
    PNGs and members of a shard in `pool`, and one more thread writes those to files. The pictures of a batch and what
    is made of them lie in a slot, which is used again once they are written.
    """

    subject: Subject
    feed: Feed
    pool: Executor
    slots: Slots
    memory: NDArray[np.uint8]

    def make(self, images: int, shard_size: int, seed: int, folder: Path) -> Times:
        """Writes images 0 to `images` - 1 of a seed. Call it within `Subject.running`."""
        seconds = StageSeconds()
        size = self.subject.engine.batch_size
        began = time.perf_counter()
        with ExitStack() as stack:
            shards = stack.enter_context(ShardFiles(folder, shard_size))
            samplers = stack.enter_context(ThreadPoolExecutor(_SAMPLERS))
            writer = stack.enter_context(ThreadPoolExecutor(1))  # one, so that batches are written in order
            writes: deque[Future[None]] = deque()
            latents = self._latents(images, seed, samplers, seconds)
            batches = stack.enter_context(closing(self.feed.batches(latents, seconds)))
            for number, pixels in enumerate(batches):
                if len(writes) == self.slots.count:
                    with seconds.measured("wait for encoders"):
                        writes.popleft().result()
                first, slot = number * size, number % self.slots.count
                count = min(size, images - first)
                with seconds.measured("copy to slot"):
                    self.slots.fill(self.memory[slot], pixels[:count])
                cuts = cut(first, count, shard_size)
                pieces = [Piece(slot, start, stop, first + start) for start, stop in cuts]
                made = [self.pool.submit(make_piece, self.slots, piece) for piece in pieces]
                writes.append(writer.submit(self._write, shards, pieces, made, seconds))
            with seconds.measured("wait for the last"):
                for write in writes:
                    write.result()
        return Times(time.perf_counter() - began, seconds.rounded())

    def _latents(
        self, images: int, seed: int, samplers: Executor, seconds: StageSeconds
    ) -> Iterator[NDArray[np.float32]]:
        """Those of each batch, some batches ahead."""
        waiting: deque[Future[NDArray[np.float32]]] = deque()

        def next_one() -> NDArray[np.float32]:
            with seconds.measured("wait for latents"):
                return waiting.popleft().result()

        size = self.subject.engine.batch_size
        for first in range(0, images, size):
            waiting.append(samplers.submit(self._sample, first, min(size, images - first), seed, seconds))
            if len(waiting) > _LATENTS_AHEAD:
                yield next_one()
        while waiting:
            yield next_one()

    def _sample(self, first: int, count: int, seed: int, seconds: StageSeconds) -> NDArray[np.float32]:
        began = time.thread_time()
        latents = self.subject.latents(first, count, seed)
        seconds.add("latents", time.thread_time() - began)
        return latents

    def _write(
        self, shards: ShardFiles, pieces: Sequence[Piece], made: Sequence[Future[Made]], seconds: StageSeconds
    ) -> None:
        for piece, future in zip(pieces, made, strict=True):
            done = future.result()
            seconds.add("png", done.png_s)
            seconds.add("hash and tar", done.pack_s)
            rows = self.memory[piece.slot, piece.start : piece.stop]
            with seconds.measured("write"):
                shards.add(piece.first, rows.reshape(-1)[: done.size_bytes].data)  # (n, room) -> (n * room,)


def make_plainly(subject: Subject, images: int, shard_size: int, seed: int) -> dict[str, str]:
    """SHA-256 of each shard, by its name, made one after another by the same calls as a worker's."""
    engine = subject.engine
    _, encode = png_encoder()
    encoded: list[bytes] = []
    for first in range(0, images, engine.batch_size):
        indices = range(first, min(images, first + engine.batch_size))
        encoded += [encode(pixels) for pixels in engine.decode(engine.sample_latents(seed, indices))]
    return {
        shard_name(number): hashlib.sha256(whole_shard(first, encoded[first : first + shard_size])).hexdigest()
        for number, first in enumerate(range(0, images, shard_size))
    }
