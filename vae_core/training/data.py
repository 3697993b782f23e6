"""Training images in memory, and batches of them made beside the training."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms import v2

from vae_core.errors import InvalidValue
from vae_core.training.cars.dataset import draw_array

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
_READY_BATCHES = 4


def open_images(source: Path, size: int) -> np.ndarray:
    """The images of an array file or a folder, uint8 (N, size, size, 3), in the order of their paths.

    source: a `.npy` file of that shape, which is mapped and not read, or a folder whose images are resized without
    keeping their aspect. Raises InvalidValue when there are none, or the array has another shape.
    """
    if source.suffix == ".npy":
        try:
            images: np.ndarray = np.load(source, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as exc:
            raise InvalidValue(f"{source}: is not a readable array file: {exc}") from exc
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
            raise InvalidValue(
                f"{source}: holds {images.dtype} {images.shape}: uint8 (N, {size}, {size}, 3) is expected"
            )
        return images
    if not source.is_dir():
        raise InvalidValue(f"{source}: no such folder of images, or .npy file")
    paths = sorted(path for path in source.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InvalidValue(f"{source}: holds no images: {', '.join(sorted(IMAGE_SUFFIXES))} are looked for")
    return np.stack([_open_image(path, size) for path in paths])


def _open_image(path: Path, size: int) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as exc:
        raise InvalidValue(f"{path}: cannot be read as an image: {exc}") from exc


def drawn_cars(out: Path, count: int, seed: int, size: int, processes: int) -> np.ndarray:
    """Cars 0 to count - 1 of this seed, uint8 (count, size, size, 3), kept as a `.npy` file in `out` and drawn once.

    Raises InvalidValue for a count, seed or size that is out of range.
    """
    path = out / f"cars-{seed}-{count}-{size}.npy"
    if not path.exists():
        images = draw_array(seed, 0, count, size, processes)
        out.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("wb") as file:
            np.save(file, images)
        partial.replace(path)
    return open_images(path, size)


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) -> float32 in [0, 1], (B, 3, H, W), channels last in memory."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(255.0)


class Batches:
    """An endless stream of training batches, prepared by one thread while the last one is being trained on.

    Which images make up a batch, and how they are changed, is a function of (seed, number of the batch) alone, so a run
    that goes on after a kill sees what it would have seen. Use it as a context manager: leaving it ends the thread.
    """

    def __init__(
        self,
        images: np.ndarray,
        batch_size: int,
        seed: int,
        *,
        start: int = 0,
        max_shift_px: int = 0,
        jitter: float = 0.0,
    ) -> None:
        """images: uint8 (N, H, W, 3). start: number of the first batch. Raises InvalidValue when N < batch_size."""
        if len(images) < batch_size:
            raise InvalidValue(f"{len(images)} training images are too few: at least a batch of {batch_size} is needed")
        self._images, self._batch_size, self._seed = images, batch_size, seed
        self._max_shift_px = max_shift_px
        self._jitter = v2.ColorJitter(brightness=jitter, contrast=jitter, saturation=jitter) if jitter else None
        self._ready: queue.Queue[Tensor | BaseException] = queue.Queue(_READY_BATCHES)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(start,), name="batches", daemon=True)

    def __enter__(self) -> Iterator[Tensor]:
        self._thread.start()
        return iter(self._next, None)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _next(self) -> Tensor:
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _fill(self, number: int) -> None:
        try:
            while True:
                batch = self.batch(number)
                number += 1
                while not self._stop.is_set():
                    try:
                        self._ready.put(batch, timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if self._stop.is_set():
                    return
        except Exception as exc:  # noqa: BLE001 - handed to the training, which ends with it
            self._ready.put(exc)

    def batch(self, number: int) -> Tensor:
        """Batch `number` of the stream: float32 in [0, 1], (B, 3, H, W). Each epoch shows every image at most once."""
        per_epoch = len(self._images) // self._batch_size
        epoch, place = divmod(number, per_epoch)
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._images))
        rows = np.sort(order[place * self._batch_size : (place + 1) * self._batch_size])
        images = to_tensor(self._images[rows])
        return self._changed(images, number) if self._max_shift_px or self._jitter else images

    def _changed(self, images: Tensor, number: int) -> Tensor:
        """Each image moved by some pixels, its border repeated, and its colours changed a little."""
        rng = np.random.default_rng((self._seed, number, 1))
        H, W = images.shape[2:]
        padded = torch.nn.functional.pad(images, (self._max_shift_px,) * 4, mode="replicate")
        moved = torch.empty_like(images)
        for row, (dy, dx) in enumerate(rng.integers(0, 2 * self._max_shift_px + 1, (len(images), 2))):
            moved[row] = padded[row, :, dy : dy + H, dx : dx + W]
        if self._jitter is None:
            return moved
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63)))
            return torch.stack([self._jitter(image) for image in moved]).contiguous(memory_format=torch.channels_last)
