"""A checkpoint loaded on a device: latents and images in, latents and images out, the same bytes every time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vae_core.errors import BatchTooLarge, DeviceFailed, InvalidValue
from vae_core.model.allocator import keep_freed_memory
from vae_core.model.devices import EngineKind, default_batch_size, device_model, find_device
from vae_core.model.network import Network
from vae_core.model.outliers import OutlierScale
from vae_core.model.prior import Prior
from vae_core.model.weights import load_checkpoint
from vae_core.settings import MAX_BATCH_SIZE

# torch tells these apart from faults of the program by their text alone.
_NO_HOST_MEMORY = "can't allocate memory"
_DEVICE_WORDS = (
    "CUDA error",
    "CUDA driver error",
    "cuDNN error",
    "CUBLAS_STATUS",
    "CUDNN_STATUS",
    "unable to find an engine",
    "Unable to find a valid cuDNN algorithm",
)


class Engine:
    """Runs one network with one fixed batch shape; build it with `Engine.load`.

    Arrays go in and come out in NumPy: images are uint8 (B, H, W, 3), latents float32 (B, Z). A short batch is padded,
    so that no item's result depends on its neighbours or its place. Threads may share it: `streams` batches are run at
    once, and further ones wait. Those of `pool` are as many, and each has its memory at hand from the batch before.
    """

    def __init__(
        self,
        network: Network,
        prior: Prior,
        checkpoint_sha256: str,
        device: torch.device,
        batch_size: int,
        streams: int = 1,
    ) -> None:
        """network: folded, on `device`, channels last. Callers use `Engine.load`."""
        self.streams = streams
        self.pool = ThreadPoolExecutor(streams, thread_name_prefix="model")
        self._free = threading.BoundedSemaphore(streams)
        self._network = network
        self._prior = prior
        self._device = device
        self.checkpoint_sha256 = checkpoint_sha256
        self.batch_size = batch_size
        self.latent_dim = network.config.latent_dim
        self.image_size = network.config.image_size
        self.device_type: str = device.type  # `cpu`, or `cuda`
        self.kind = EngineKind(
            device=device_model(device),
            threads=torch.get_num_threads() if device.type == "cpu" else 0,
            torch_version=torch.__version__,
            backend="eager",
            dtype="float32",
            memory_layout="channels_last",
            batch_shape=(batch_size, self.image_size, self.image_size),
        )

    def with_batches_of(self, batch_size: int) -> Engine:
        """The same network in memory, run in another batch shape; its kind, and so its bytes, may differ."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return Engine(self._network, self._prior, self.checkpoint_sha256, self._device, batch_size, self.streams)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        device: str = "auto",
        batch_size: int | None = None,
        threads: int | None = None,
        streaming: bool = False,
    ) -> Engine:
        """Load a checkpoint.

        device: `auto`, `cpu`, `cuda` or `cuda:N`. batch_size: 1 to 4096; left out, the fixed one of the device type.
        threads: of the whole process, for computation on the CPU; left out, torch's own choice stays. streaming: on a
        CPU let as many threads run a batch each, rather than all of them one batch: more images a second, and the bytes
        do not depend on their number; the process keeps what memory it once had. Raises BadCheckpoint, InvalidValue, or
        DeviceFailed when the device cannot even hold the weights.
        """
        found = find_device(device)
        size = default_batch_size(found) if batch_size is None else batch_size
        _check_range("batch size", size, MAX_BATCH_SIZE)
        if threads is not None:
            _check_range("threads", threads, 1024)
            torch.set_num_threads(threads)
        streams = 1
        if streaming and found.type == "cpu":
            keep_freed_memory()
            streams = torch.get_num_threads()
        network, prior, info = load_checkpoint(path)
        if streams > 1:  # now that it can be loaded: the number that is taken back here cannot be asked for again
            torch.set_num_threads(1)
        # Folded before it moves: the folded weights are then the same on every device.
        folded = network.fold().to(memory_format=torch.channels_last)
        try:
            with _device_errors(size):
                return cls(folded.to(found), prior, info.sha256, found, size, streams)
        except BatchTooLarge as exc:
            raise DeviceFailed(f"device {device} has no room for the weights of {path}") from exc

    def sample_latents(
        self, seed: int, indices: Sequence[int], temperature: float = 1.0, *, standard: bool = False
    ) -> np.ndarray:
        """The latent of each (seed, index) under the checkpoint's prior, float32 (B, Z), B of any size.

        seed: 0 to 2**64 - 1. indices: 0 to 2**63 - 1. temperature: 0 to 4. standard: under N(0, I) instead. Raises
        InvalidValue.
        """
        prior = Prior.standard(self.latent_dim) if standard else self._prior
        return prior.sample(seed, indices, temperature)

    @cached_property
    def outlier_scale(self) -> OutlierScale:
        """Says how unlike the training images an image with some latent is; made when it is first asked for."""
        return OutlierScale(self._prior)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The image of each latent: float32 (B, Z) -> uint8 (B, H, W, 3), 1 <= B <= batch_size.

        Values are rounded to the nearest of 256 levels, halves to the even one. Raises InvalidValue for another shape
        or type or for values that are not finite, BatchTooLarge when the device runs out of memory, DeviceFailed when
        it does not work.
        """
        self._check(z, "latents", np.dtype(np.float32), (self.latent_dim,))
        with self._running():
            return self._to_pixels(self._network.decode(self._to_device(z)), len(z))

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The posterior mean of each image: uint8 (B, H, W, 3) -> float32 (B, Z). Raises as `decode`."""
        self._check_images(images)
        with self._running():
            means = self._encode(images)[: len(images)].cpu().numpy()
        if not np.isfinite(means).all():
            raise DeviceFailed("the device gave values that are not finite for images that are")
        return means

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Each image encoded and decoded from its posterior mean: uint8 (B, H, W, 3) both ways. Raises as `decode`."""
        self._check_images(images)
        with self._running():
            return self._to_pixels(self._network.decode(self._encode(images)), len(images))

    def _encode(self, images: np.ndarray) -> Tensor:
        pixels = self._to_device(images).permute(0, 3, 1, 2)  # (B, H, W, 3) -> (B, 3, H, W), channels last in memory
        return self._network.encode(pixels.float().div_(255.0)).mean

    def _to_device(self, rows: np.ndarray) -> Tensor:
        """The rows on the device, padded with zeros to the fixed batch size."""
        padded = np.zeros((self.batch_size, *rows.shape[1:]), dtype=rows.dtype)
        padded[: len(rows)] = rows
        return torch.from_numpy(padded).to(self._device)

    def _to_pixels(self, images: Tensor, count: int) -> np.ndarray:
        pixels = images.mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)
        return np.ascontiguousarray(pixels.permute(0, 2, 3, 1)[:count].cpu().numpy())  # (B, 3, H, W) -> (B, H, W, 3)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """The turn of one of the streams."""
        with self._free, self._exactly():
            yield

    @contextlib.contextmanager
    def _exactly(self) -> Iterator[None]:
        """No gradients; on a GPU only algorithms that give the same bits each time, at full float32 precision."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(_device_errors(self.batch_size))
            stack.enter_context(torch.inference_mode())
            torch.get_num_threads()  # has this thread keep to torch's number from its first operation on
            if self.device_type == "cuda":  # these belong to the process, and one thread at a time is here
                stack.enter_context(
                    torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
                )
            yield

    def _check_images(self, images: np.ndarray) -> None:
        self._check(images, "images", np.dtype(np.uint8), (self.image_size, self.image_size, 3))

    def _check(self, rows: np.ndarray, what: str, dtype: np.dtype[np.generic], row_shape: tuple[int, ...]) -> None:
        if rows.dtype != dtype or rows.shape[1:] != row_shape or rows.ndim == 0:
            raise InvalidValue(
                f"{what} are {rows.dtype} {rows.shape}: {dtype} (B, {str(row_shape)[1:-1].strip(',')}) is expected"
            )
        if not 1 <= len(rows) <= self.batch_size:
            raise InvalidValue(f"a batch of {len(rows)} {what} is out of range: 1 to {self.batch_size}")
        if dtype.kind == "f" and not np.isfinite(rows).all():
            raise InvalidValue(f"{what} hold a value that is not finite: only finite numbers are allowed")


@contextlib.contextmanager
def _device_errors(batch_size: int) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as exc:
        raise BatchTooLarge(f"the device ran out of memory with batches of {batch_size} images") from exc
    except torch.AcceleratorError as exc:
        raise DeviceFailed(f"the device failed: {_first_line(exc)}") from exc
    except RuntimeError as exc:
        text = str(exc)
        if _NO_HOST_MEMORY in text:
            raise BatchTooLarge(f"this machine ran out of memory with batches of {batch_size} images") from exc
        if any(word in text for word in _DEVICE_WORDS):
            raise DeviceFailed(f"the device failed: {_first_line(exc)}") from exc
        raise


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0] or type(exc).__name__


def _check_range(field: str, value: int, high: int) -> None:
    if not 1 <= value <= high:
        raise InvalidValue(f"{field} {value} is out of range: 1 to {high}")
