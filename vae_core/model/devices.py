"""Devices that an engine can run on, and what is fixed for each of them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from vae_core.errors import InvalidValue

# Never a measurement at start-up: two workers with the same hardware have to arrive at the same bytes.
_BATCH_SIZES = {"cpu": 32, "cuda": 256}


@dataclass(frozen=True)
class EngineKind:
    """All that an engine's pixels depend on beside checkpoint and input. Equal kinds give equal bytes.

    threads: of a CPU, as sums over a matrix are split between them: one against two changed 11 of 4.9 million values
        by one level. 0 for a GPU. batch_shape: (B, H, W), the one shape that is ever run.
    """

    device: str
    threads: int
    torch_version: str
    backend: str
    dtype: str
    memory_layout: str
    batch_shape: tuple[int, int, int]

    def __str__(self) -> str:
        shape = "x".join(str(size) for size in self.batch_shape)
        where = f"{self.device}, threads {self.threads}" if self.threads else self.device
        return f"{where}; torch {self.torch_version}; {self.backend}; {self.dtype}; {self.memory_layout}; {shape}"


def devices() -> list[str]:
    """Names of the devices of this machine, the best one first: `cuda:0`, ..., and `cpu` last."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [*(f"cuda:{number}" for number in range(count)), "cpu"]


def find_device(name: str) -> torch.device:
    """The device called `name`; `auto` is the best one, `cuda` the first GPU. Raises InvalidValue for any other."""
    names = devices()
    wanted = {"auto": names[0], "cuda": "cuda:0"}.get(name, name)
    if wanted not in names:
        raise InvalidValue(f"device {name} is not on this machine: auto, {', '.join(names)} are allowed")
    return torch.device(wanted)


def default_batch_size(device: torch.device) -> int:
    """Images per batch, from the fixed table."""
    return _BATCH_SIZES[device.type]


def device_model(device: torch.device) -> str:
    """What the hardware is called, with the instruction set that torch uses on a CPU."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"{torch.cuda.get_device_name(device)} (sm_{major}{minor}, CUDA {torch.version.cuda})"
    return f"{_cpu_name()} ({torch.backends.cpu.get_cpu_capability()})"


def _cpu_name() -> str:
    """Model name of the processor, from Linux's table of processors where there is one."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names and names[0] else platform.machine()
