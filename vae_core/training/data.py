"""Training images in memory, and batches of them made beside the training."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_core.training.augmentation import Augmentation, Batch, shown
from vae_core.training.cars.dataset import draw_array

_READY_BATCHES = 4


def drawn_cars(out: Path, count: int, seed: int, size: int, processes: int) -> Path:
    """The `.npy` file in the folder `out` of cars 0 to count - 1 of this seed, uint8 (count, size, size, 3).

    They are drawn only once. Raises InvalidValue for a count, seed or size that is out of range.
    """
    path = out / f"cars-{seed}-{count}-{size}.npy"
    if not path.exists():
        images = draw_array(seed, 0, count, size, processes)
        out.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.save(file, images)
        partial.replace(path)
    return path


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) -> float32 in [0, 1], (B, 3, H, W), channels last in memory."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(255.0)


class Batches:
    """An endless stream of training batches, prepared by one thread while the last one is being trained on.

    Images are shown epoch by epoch, each once in every one; a batch may end one epoch and begin the next. Which images
    make up a batch, and how they are changed, is a function of (seed, number of the batch) alone, so a run that goes on
    after a kill sees what it would have seen. Use it as a context manager: leaving it ends the thread.
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        seed: int,
        *,
        start: int = 0,
        augmentation: Augmentation | None = None,
    ) -> None:
        """images: uint8 (N, H, W, 3). start: number of the first batch."""
        self._images, self.batch_size, self._seed = images, batch_size, seed
        self._augmentation = augmentation or Augmentation()
        self._orders: dict[int, np.ndarray] = {}
        self._ready: queue.Queue[Batch | BaseException] = queue.Queue(_READY_BATCHES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(start,), name="batches", daemon=True)

    def __enter__(self) -> Iterator[Batch]:
        self._thread.start()
        return iter(self._next, None)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _next(self) -> Batch:
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _fill(self, number: int) -> None:
        try:
            while not self._stop.is_set():
                self._put(self.batch(number))
                number += 1
        except Exception as exc:  # noqa: BLE001 - handed to the training, which ends with it
            self._put(exc)

    def _put(self, item: Batch | BaseException) -> None:
        """Wait for room in the queue, or until nobody wants the item any more."""
        while not self._stop.is_set():
            try:
                self._ready.put(item, timeout=0.1)
                break
            except queue.Full:
                continue

    def batch(self, number: int) -> Batch:
        """Batch `number` of the stream."""
        images = to_tensor(self._images[self.rows(number)])
        return shown(images, self._augmentation, self._seed, number)

    def rows(self, number: int) -> np.ndarray:
        """Which images make up batch `number`, (B,), in rising order."""
        N, B = len(self._images), self.batch_size
        places = np.arange(number * B, (number + 1) * B)
        epochs = places // N
        self._orders = {epoch: self._order(epoch) for epoch in np.unique(epochs).tolist()}
        parts = [order[places[epochs == epoch] % N] for epoch, order in self._orders.items()]
        return np.sort(np.concatenate(parts))

    def _order(self, epoch: int) -> np.ndarray:
        """The order of the images in this epoch, (N,); that of the last batch's epochs is at hand."""
        if epoch in self._orders:
            return self._orders[epoch]
        return np.random.default_rng((self._seed, epoch)).permutation(len(self._images))
