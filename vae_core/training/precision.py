"""How a device computes while it trains, and while a trained network is measured."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import torch

from vae_core.training.config import TrainingConfig

# What gains: bfloat16 autocast is 8 to 17 times slower than float32 on a CPU, and compiling pays only where launching
# the kernels one by one is what takes the time.
_PRECISION = {"cpu": "float32", "cuda": "bfloat16"}
_COMPILE = {"cpu": False, "cuda": True}
# On a CPU the published network, whose outermost maps have 512 channels, trains 1.5 times as fast with each channel in
# one piece; ours is a tenth slower then.
_CHANNELS_FIRST = {("cpu", "reference")}


class Arithmetic(NamedTuple):
    """autocast: the type that convolutions and matrix products are computed in, or None for that of the weights.

    layout: of images, maps and kernels in memory.
    """

    autocast: torch.dtype | None
    compiled: bool
    layout: torch.memory_format = torch.channels_last


def arithmetic_of(config: TrainingConfig, device: torch.device) -> Arithmetic:
    """What the config asks for; its `auto` is looked up by the type of the device, and never measured.

    In float32 a GPU trains with torch's own defaults: convolutions may use TF32, matrix products do not.
    """
    precision = _PRECISION[device.type] if config.precision == "auto" else config.precision
    if config.precision == "auto" and device.type == "cuda" and not _has_bfloat16(device):
        precision = "float32"
    compiled = _COMPILE[device.type] if config.compile == "auto" else config.compile == "on"
    channels_first = (device.type, config.model.architecture) in _CHANNELS_FIRST
    layout = torch.contiguous_format if channels_first else torch.channels_last
    return Arithmetic(torch.bfloat16 if precision == "bfloat16" else None, compiled, layout)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the GPU computes in it, which those since Ampere (8.0) do; older ones only imitate it."""
    major, _ = torch.cuda.get_device_capability(device)
    return major >= 8


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Full float32 and repeatable algorithms on a GPU, for what is measured or exported; a CPU always has them."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
