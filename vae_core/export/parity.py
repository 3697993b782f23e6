"""Whether an exported file computes what the checkpoint does, at several batch sizes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch

from vae_core.errors import ExportDiffers
from vae_core.export.formats import Runner
from vae_core.export.functions import Function
from vae_core.model.latents import uniforms
from vae_core.model.network import Network
from vae_core.model.prior import Prior

BATCH_SIZES = (1, 2, 5)
_SEED = 0
_TEMPERATURES = (0.0, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0)


class Probes(NamedTuple):
    """Inputs to compare at: float32 rows, and what each of them is, for an error text."""

    rows: np.ndarray
    names: tuple[str, ...]


class Difference(NamedTuple):
    """The largest absolute difference of a function, and where it is.

    place: indices in the output, the first of them that of the row in its batch.
    """

    value: float
    output: str
    place: tuple[int, ...]
    batch_size: int
    probe: str


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Has torch add up in the same order on every machine: the last bits depend on its number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def image_probes(network: Network, prior: Prior) -> Probes:
    """Ten images: the extremes, the finest pattern there is, a ramp, noise, and three that the network draws."""
    S = network.config.image_size
    rows = np.zeros((10, 3, S, S), dtype=np.float32)
    rows[1] = 1.0
    rows[2] = np.indices((S, S)).sum(axis=0) % 2
    rows[3] = np.linspace(0.0, 1.0, S)
    rows[4:7] = uniforms(_SEED, range(3), 3 * S * S).reshape(3, 3, S, S)
    with torch.inference_mode():
        rows[7:] = network.decode(torch.from_numpy(prior.sample(_SEED, range(3)))).numpy()
    return Probes(rows, ("black", "white", "a chequered image", "a ramp", *["noise"] * 3, *["a drawn image"] * 3))


def latent_probes(prior: Prior) -> Probes:
    """Ten latents: zero, and samples of the prior at temperatures up to 2."""
    samples = [prior.sample(_SEED, [index], temperature) for index, temperature in enumerate(_TEMPERATURES)]
    names = (f"a latent at temperature {temperature:g}" for temperature in _TEMPERATURES)
    return Probes(np.concatenate([np.zeros_like(samples[0]), *samples]), ("zero", *names))


def largest_difference(original: Function, exported: Runner, probes: Probes) -> Difference:
    """Compare at every probe and batch size. A result that is not a number counts as infinitely different.

    Raises ExportDiffers when an output is missing or has another shape.
    """
    expected = _run(original, probes.rows)
    worst = Difference(-1.0, "", (), 0, "")
    for size in BATCH_SIZES:
        for start in range(0, len(probes.rows), size):
            stop = start + size
            results = exported(probes.rows[start:stop])
            for name, whole, found in zip(original.outputs, expected, results, strict=True):
                wanted = whole[start:stop]
                if found.shape != wanted.shape:
                    raise ExportDiffers(
                        f"{original.name} cannot be exported: {name} has shape {found.shape} where the checkpoint's is "
                        f"{wanted.shape}; nothing was written"
                    )
                distance = np.nan_to_num(np.abs(found.astype(np.float64) - wanted), nan=np.inf)
                value = float(distance.max())
                if value > worst.value:
                    place = tuple(int(index) for index in np.argwhere(distance == value)[0])
                    worst = Difference(value, name, place, size, probes.names[start + place[0]])
    return worst


def check(function: Function, found: Difference, tolerance: float) -> None:
    """Raises ExportDiffers, naming function, difference and place, when it is above `tolerance`."""
    if found.value > tolerance:
        raise ExportDiffers(
            f"{function.name} differs from the checkpoint by {found.value:.3g} in {found.output}{list(found.place)}, "
            f"at a batch of {found.batch_size}, for {found.probe}: at most {tolerance:g} is allowed; nothing was "
            "written; --tolerance sets what is allowed"
        )


def _run(function: Function, rows: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        results = function.module(torch.from_numpy(rows))
    return [tensor.numpy() for tensor in (results if isinstance(results, tuple) else (results,))]
