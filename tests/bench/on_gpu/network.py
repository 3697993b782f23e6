"""How fast the device decodes, encodes and hands pictures to the host, and what half precision changes in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.bench.on_gpu.device import Captured, Feed, Step, Subject, device_seconds, make_feed
from tests.bench.on_gpu.report import Rate, Report, clocked, rate
from worker.stage_seconds import StageSeconds

Given = TypeVar("Given")

SEED = 7
DECODE = "decode_graph"
DEVICE_ALONE = "device_alone"
_SETS = 4  # different batches that take turns, so that no run has its input in a cache for being the last one's
_WARM_UP_BATCHES = {"cpu": 1, "cuda": 20}  # a GPU that was idle has to come to its clock rate first
_PARITY_BATCHES = 16


@dataclass(frozen=True)
class DeviceBench:
    """images: in each of the runs, in whole batches; their median is reported."""

    subject: Subject
    report: Report
    images: int
    runs: int

    @property
    def batches(self) -> int:
        return -(-self.images // self.subject.engine.batch_size)

    def measure_decode(self) -> None:
        """Eager, from and to the host as a worker does it, as a graph, and as a graph in half precision."""
        report, subject = self.report, self.subject
        with subject.running():
            latents = self._latents()
            eager = self._rate(subject.decode, latents)
            report.rate("decode_eager", "eager, float32, as the engine runs it", eager)
            from_host = self._rate(subject.engine.decode, self._latent_rows(_SETS))
            report.rate("decode_engine", "Engine.decode, from NumPy to NumPy", from_host)
            if not subject.on_gpu:
                report.note("left out, as they need CUDA: the CUDA graph, and bfloat16")
                return
            graph = Captured(subject.decode, latents[0])
            found = self._rate(graph, latents)
            report.rate(DECODE, "CUDA graph, float32", found)
            report.value("graph_gain", "gain of the CUDA graph", found.median / eager.median, "times")
            same = all(np.array_equal(graph(z).cpu().numpy(), subject.engine.decode(z.cpu().numpy())) for z in latents)
            report.verdict("graph_same", "same pixels as from Engine.decode", same)
            half = Captured(subject.half_decode(), latents[0])
            report.rate("decode_bf16", "CUDA graph, bfloat16", self._rate(half, latents))
            self._compare(graph, half)

    def measure_encode(self) -> None:
        """From pictures on the device to latents on the device."""
        report, subject = self.report, self.subject
        with subject.running():
            pixels = [subject.decode(batch).clone() for batch in self._latents()]
            report.rate("encode_eager", "eager, float32, as the engine runs it", self._rate(subject.encode, pixels))
            if subject.on_gpu:
                graph = Captured(subject.encode, pixels[0])
                report.rate("encode_graph", "CUDA graph, float32", self._rate(graph, pixels))

    def measure_copy(self) -> None:
        """Whole batches of pictures to pinned memory, on a stream of their own."""
        report, subject = self.report, self.subject
        if not subject.on_gpu:
            report.note("left out, as it needs CUDA")
            return
        with subject.running():
            pixels = [subject.decode(batch).clone() for batch in self._latents()]
            pinned = [torch.empty(subject.pixels_shape, dtype=torch.uint8, pin_memory=True) for _ in range(2)]
            turns = cycle(pinned)
            stream = torch.cuda.Stream(subject.device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(subject.device))
            with torch.cuda.stream(stream):
                # Nobody reads them: the second copy into the same buffer may follow the first at once.
                found = self._rate(lambda batch: next(turns).copy_(batch, non_blocking=True), pixels)
            stream.synchronize()  # before the pictures, which belong to another stream, are let go
        picture_bytes = int(np.prod(subject.pixels_shape[1:]))
        report.rate("copy", "uint8 pictures to pinned memory", found)
        report.rate("copy_gb", "the same", found.times(picture_bytes / 1e9), "GB/s")

    def measure_feed(self) -> None:
        """All that the device does for a job, with nobody who encodes."""
        with self.subject.running():
            feed = make_feed(self.subject)
            rows = self._latent_rows(_SETS)
            self._feed_through(feed, rows, self._warm_up)
            found = rate(
                self.batches * self._size,
                self.runs,
                lambda: clocked(lambda: self._feed_through(feed, rows, self.batches)),
            )
        what = "decode and copy to the host, overlapped" if self.subject.on_gpu else "decode, as there is no copy"
        self.report.rate(DEVICE_ALONE, what, found)

    def pictures(self, count: int) -> NDArray[np.uint8]:
        """So many decoded pictures, uint8 (n, H, W, 3), as the engine gives them to a worker."""
        engine = self.subject.engine
        latents = engine.sample_latents(SEED, range(count))
        parts = [engine.decode(latents[first : first + self._size]) for first in range(0, count, self._size)]
        return np.concatenate(parts)

    @property
    def _size(self) -> int:
        return self.subject.engine.batch_size

    @property
    def _warm_up(self) -> int:
        return _WARM_UP_BATCHES[self.subject.device.type]

    def _latent_rows(self, batches: int) -> list[NDArray[np.float32]]:
        return [self.subject.latents(number * self._size, self._size, SEED) for number in range(batches)]

    def _latents(self, batches: int = _SETS) -> list[Tensor]:
        """Some batches of latents from the prior, on the device."""
        return [torch.from_numpy(rows).to(self.subject.device) for rows in self._latent_rows(batches)]

    def _rate(self, step: Callable[[Given], object], given: Sequence[Given]) -> Rate:
        """Of the images of all batches, by the device's own clock."""
        self._run(step, given, self._warm_up)
        images = self.batches * self._size
        return rate(
            images, self.runs, lambda: device_seconds(self.subject.device, lambda: self._run(step, given, self.batches))
        )

    def _run(self, step: Callable[[Given], object], given: Sequence[Given], batches: int) -> None:
        for batch in islice(cycle(given), batches):
            step(batch)

    def _compare(self, exact: Step, half: Step) -> None:
        """How far half precision is off, in levels of 0 to 255. A pixel is off by its worst channel."""
        most, total, off = 0, 0.0, 0.0
        for latents in self._latents(_PARITY_BATCHES):
            difference = (exact(latents).int() - half(latents).int()).abs()  # (B, H, W, 3)
            most = max(most, int(difference.max().item()))
            total += difference.float().mean().item()
            off += (difference > 1).any(dim=-1).float().mean().item()
        self.report.value("bf16_most", "bfloat16 against float32, worst", most, "levels")
        self.report.value("bf16_mean", "bfloat16 against float32, mean", total / _PARITY_BATCHES, "levels")
        share = 100 * off / _PARITY_BATCHES
        self.report.value("bf16_off_percent", "pixels that differ by more than one level", share, "%")

    def _feed_through(self, feed: Feed, rows: list[NDArray[np.float32]], batches: int) -> None:
        for _ in feed.batches(islice(cycle(rows), batches), StageSeconds()):
            pass
