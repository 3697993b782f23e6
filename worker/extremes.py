"""The best and the worst of a reconstruction job: which they are, and the inputs that a part keeps of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vae_core.jobs.records import ItemDone

SHOWN = 20


def worst_of(items: Iterable[ItemDone]) -> list[ItemDone]:
    """Up to 20 of the items with the lowest PSNR, the lowest first; of equal ones the first in the job."""
    return _ranked(items)[:SHOWN]


def best_of(items: Iterable[ItemDone]) -> list[ItemDone]:
    """Up to 20 of the items with the highest PSNR, the highest first."""
    return _ranked(items)[: -SHOWN - 1 : -1]


def extremes_of(items: Sequence[ItemDone]) -> list[int]:
    """Index of each item of a part that may be among the job's worst or best, ascending."""
    return sorted({item.index for item in (*worst_of(items), *best_of(items))})


def candidates_of(items: Sequence[ItemDone]) -> list[ItemDone]:
    """The items of a part that may be among the job's worst or best: the job's are found among those of its parts."""
    indices = set(extremes_of(items))
    return [item for item in items if item.index in indices]


def _ranked(items: Iterable[ItemDone]) -> list[ItemDone]:
    return sorted((item for item in items if item.psnr is not None), key=lambda item: (item.psnr, item.index))


class ExtremeInputs:
    """Fitted inputs, uint8 RGB (S, S, 3), of those items alone that can still be a part's worst or best.

    Told of items on many threads, in any order.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: list[ItemDone] = []
        self._pixels: dict[int, NDArray[np.uint8]] = {}

    def add(self, item: ItemDone, pixels: NDArray[np.uint8]) -> None:
        with self._lock:
            self._items.append(item)
            self._pixels[item.index] = pixels
            if len(self._items) >= 4 * SHOWN:
                kept = set(extremes_of(self._items))
                self._items = [item for item in self._items if item.index in kept]
                self._pixels = {index: self._pixels[index] for index in kept}

    def strip(self) -> NDArray[np.uint8] | None:
        """The inputs in order of their index, one below the other: (n * S, S, 3); None where there are none."""
        kept = extremes_of(self._items)
        return np.concatenate([self._pixels[index] for index in kept]) if kept else None
