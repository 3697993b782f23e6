"""How many images a second a network encodes and decodes on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from vae_core.evaluation.report import Speed
from vae_core.evaluation.subject import NetworkCoder

BATCH_SIZE = 64
_REPEATS = 5


def measure_speed(coder: NetworkCoder, image_size: int) -> Speed:
    """The median of five batches of 64, after one that is not counted."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH_SIZE, 3, image_size, image_size, generator=generator)
    latents = torch.randn(BATCH_SIZE, coder.latent_dim, generator=generator)
    images = images.contiguous(memory_format=torch.channels_last)
    return Speed(
        encode_per_s=_rate(lambda: coder.encode_batch(images).mean.cpu()),
        decode_per_s=_rate(lambda: coder.decode_batch(latents).cpu()),
    )


def _rate(run: Callable[[], object]) -> float:
    run()
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return BATCH_SIZE / max(statistics.median(seconds), 1e-9)
