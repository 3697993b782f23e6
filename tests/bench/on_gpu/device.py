"""The network on its device: run call by call or as one CUDA graph, with its pictures brought to the host meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from copy import deepcopy
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_core.model.engine import Engine
from vae_core.model.network import Network
from worker.stage_seconds import StageSeconds

Step = Callable[[Tensor], Tensor]

_WARM_UPS = 3  # as torch's notes on CUDA graphs have it
# Two would do if each batch were taken from the host's memory as quickly as the next.
_LANES = 3


class Subject:
    """An engine, and what the measurements need of its inside."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.network: Network = engine._network
        self.device: torch.device = engine._device
        self.on_gpu = self.device.type == "cuda"

    def running(self) -> AbstractContextManager[None]:
        """No gradients, and on a GPU the algorithms that the engine asks for. It holds for this thread."""
        return self.engine._exactly()

    @property
    def latents_shape(self) -> tuple[int, int]:
        """(B, Z)."""
        return self.engine.batch_size, self.engine.latent_dim

    @property
    def pixels_shape(self) -> tuple[int, int, int, int]:
        """(B, H, W, 3)."""
        return self.engine.batch_size, self.engine.image_size, self.engine.image_size, 3

    def latents(self, first: int, count: int, seed: int) -> NDArray[np.float32]:
        """The latents of these images, padded with zeros to the fixed batch size as the engine does: (B, Z)."""
        padded = np.zeros(self.latents_shape, np.float32)
        padded[:count] = self.engine.sample_latents(seed, range(first, first + count))
        return padded

    def decode(self, latents: Tensor) -> Tensor:
        """float32 (B, Z) -> uint8 (B, H, W, 3), both on the device."""
        return _levels(self.network.decode(latents))

    def encode(self, pixels: Tensor) -> Tensor:
        """uint8 (B, H, W, 3) -> float32 (B, Z), both on the device."""
        images = pixels.permute(0, 3, 1, 2)  # (B, H, W, 3) -> (B, 3, H, W), channels last in memory
        return self.network.encode(images.float().div_(255.0)).mean

    def half_decode(self) -> Step:
        """`decode` with all weights and maps in bfloat16; the sigmoid and what follows are in float32."""
        network = deepcopy(self.network).to(torch.bfloat16)
        return lambda latents: _levels(network.decode(latents.to(torch.bfloat16)))


class Captured:
    """A step of the device, captured in a CUDA graph. What it returns is overwritten by the next call.

    Capture and calls belong to the thread that is within `Subject.running`, as what is made in inference mode may be
    changed only there.
    """

    def __init__(self, step: Step, example: Tensor) -> None:
        """example: on the device; all that is given later has its shape and type."""
        self._given = example.clone()
        current = torch.cuda.current_stream(example.device)
        side = torch.cuda.Stream(example.device)  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                step(self._given)
        current.wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._result = step(self._given)

    def __call__(self, given: Tensor) -> Tensor:
        self._given.copy_(given)
        self._graph.replay()
        return self._result


class Feed(Protocol):
    """Decodes batch after batch. `seconds` gets those of the stage `device`, and of `wait for device`."""

    def batches(
        self, latents: Iterable[NDArray[np.float32]], seconds: StageSeconds
    ) -> Generator[NDArray[np.uint8], None, None]:
        """The pictures (B, H, W, 3) of each (B, Z), in order. They are overwritten once the next ones are asked for."""


def make_feed(subject: Subject) -> Feed:
    """On a GPU, with a graph that is captured now: call it within `Subject.running`."""
    if not subject.on_gpu:
        return CpuFeed(subject.decode)
    example = torch.zeros(subject.latents_shape, device=subject.device)
    return GpuFeed(Captured(subject.decode, example), subject)


class CpuFeed:
    """One batch at a time, as there is nothing that could be done beside it."""

    def __init__(self, decode: Step) -> None:
        self._decode = decode

    def batches(
        self, latents: Iterable[NDArray[np.float32]], seconds: StageSeconds
    ) -> Generator[NDArray[np.uint8], None, None]:
        for rows in latents:
            with seconds.measured("device"):
                pixels = self._decode(torch.from_numpy(rows)).numpy()
            yield pixels


class _Lane:
    """Buffers of a batch that is under way, all made before the first. on_host, latents: pinned."""

    def __init__(self, subject: Subject) -> None:
        self.latents = torch.empty(subject.latents_shape, dtype=torch.float32, pin_memory=True)
        self.pixels = torch.empty(subject.pixels_shape, dtype=torch.uint8, device=subject.device)
        self.on_host = torch.empty(subject.pixels_shape, dtype=torch.uint8, pin_memory=True)
        self.began = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self.decoded = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        # Who waits for it sleeps: the encoders need the core.
        self.copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]


class GpuFeed:
    """Decodes on the current stream, and copies to pinned memory on another, some batches ahead of who takes them."""

    def __init__(self, decode: Step, subject: Subject) -> None:
        self._decode = decode
        self._device = subject.device
        self._latents = torch.zeros(subject.latents_shape, device=subject.device)
        self._lanes = [_Lane(subject) for _ in range(_LANES)]
        self._copies = torch.cuda.Stream(subject.device)  # type: ignore[no-untyped-call]
        self._copies.wait_stream(torch.cuda.current_stream(subject.device))

    def batches(
        self, latents: Iterable[NDArray[np.float32]], seconds: StageSeconds
    ) -> Generator[NDArray[np.uint8], None, None]:
        begun = 0
        try:
            for rows in latents:
                self._begin(self._lanes[begun % _LANES], rows)
                begun += 1
                if begun >= _LANES:  # the lane that is next has to be emptied first
                    yield self._finished(self._lanes[begun % _LANES], seconds)
            for number in range(max(0, begun - _LANES + 1), begun):
                yield self._finished(self._lanes[number % _LANES], seconds)
        finally:
            self._copies.synchronize()  # also where it is left early: the lanes are free when it is called again

    def _begin(self, lane: _Lane, rows: NDArray[np.float32]) -> None:
        """Has the device decode and copy. The lane's last batch has been waited for, so all its buffers are free."""
        lane.latents.copy_(torch.from_numpy(rows))
        current = torch.cuda.current_stream(self._device)
        lane.began.record(current)
        self._latents.copy_(lane.latents, non_blocking=True)
        # The graph's own result is overwritten by the next batch while this one is still on its way to the host.
        lane.pixels.copy_(self._decode(self._latents))
        lane.decoded.record(current)
        self._copies.wait_event(lane.decoded)
        with torch.cuda.stream(self._copies):
            lane.on_host.copy_(lane.pixels, non_blocking=True)
        lane.copied.record(self._copies)

    def _finished(self, lane: _Lane, seconds: StageSeconds) -> NDArray[np.uint8]:
        with seconds.measured("wait for device"):
            lane.copied.synchronize()
        seconds.add("device", lane.began.elapsed_time(lane.decoded) / 1000)
        pixels: NDArray[np.uint8] = lane.on_host.numpy()
        return pixels


def device_seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Seconds that the device takes for what `work` asks of the current stream, from an idle start."""
    if device.type != "cuda":
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
    started, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    torch.cuda.synchronize(device)
    started.record()
    work()
    ended.record()
    ended.synchronize()
    return float(started.elapsed_time(ended)) / 1000


def _levels(images: Tensor) -> Tensor:
    """As `Engine` rounds: (B, 3, H, W) in [0, 1] -> uint8 (B, H, W, 3), halves to the even level."""
    pixels = images.mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).contiguous()  # (B, 3, H, W) -> (B, H, W, 3)
