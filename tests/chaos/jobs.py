"""The work of a run: its inputs, and the jobs that are submitted again and again."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.unit.imaging.bad import BAD
from vae_core.storage.base import Store

_BAD_INPUTS = 6


@dataclass(frozen=True, slots=True)
class Order:
    """A job to submit, again and again under other ids."""

    name: str
    arguments: tuple[str, ...]


@dataclass
class Submitted:
    """A job of a round. end: `end.json` as it was first seen. may_be_cancelled: its cancellation was asked for."""

    job_id: str
    order: Order
    end: bytes | None = None
    may_be_cancelled: bool = False


def write_inputs(source: Store, count: int) -> None:
    """Pictures of different sizes, JPEG and PNG, and among them some that cannot be decoded."""
    draw = np.random.default_rng(7)
    for number in range(count):
        pixels = draw.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        width, height = (int(side) for side in draw.integers(200, 1000, 2))
        buffer = io.BytesIO()
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(buffer, *(("JPEG",) if number % 3 else ("PNG",)))
        source.write(f"cars/{number:04d}.img", buffer.getvalue())
    step = max(1, count // _BAD_INPUTS)
    for number, (_, data, _) in enumerate(BAD[:: max(1, len(BAD) // _BAD_INPUTS)][:_BAD_INPUTS]):
        source.write(f"cars/{number * step:04d}.img.bad", data)


def lanes(source_url: str, inputs: int, scale: float) -> tuple[tuple[Order, ...], ...]:
    """Two rows of orders, of which one each is open at any time.

    inputs: as for `write_inputs`. scale: of the number of drawn items. However many there are, parts keep their number.
    """

    def items(usual: int) -> str:
        return str(max(1, int(usual * scale)))

    drawn = (
        Order("sample", ("sample", "--n", items(4800), "--seed", "5", "--part-size", items(400))),
        Order("shards", ("sample", "--n", items(4000), "--seed", "6", "--part-size", items(400), "--shards")),
        Order("walk", ("interpolate", "--pairs", "8", "--seed", "3", "--steps", "6", "--part-size", "8")),
    )
    cars = f"{source_url}/cars/"

    def part(parts: int) -> str:
        return str(-(-inputs // parts))

    remade = (
        Order("remade", ("reconstruct", cars, "--part-size", part(12))),
        Order("packed", ("reconstruct", cars, "--part-size", part(10), "--shards", "--fit", "crop", "--save-latents")),
        Order("noisy", ("reconstruct", cars, "--part-size", part(13), "--noise", "0.1", "--format", "webp")),
    )
    return drawn, remade


def short_order(scale: float) -> Order:
    """One that is over soon: its cancellation is to meet its end."""
    size = max(1, int(100 * scale))
    return Order("brief", ("sample", "--n", str(4 * size), "--seed", "8", "--part-size", str(size)))
