"""What is evaluated: something that encodes and decodes images, and the prior that its samples come from."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vae_core.model.checkpoint import CheckpointInfo
from vae_core.model.network import Network, Posterior
from vae_core.model.prior import Prior
from vae_core.model.weights import load_checkpoint
from vae_core.training.data import to_tensor

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]

_BATCH = 32


class Moments(NamedTuple):
    """Diagonal Gaussian posteriors of N images: mean and variance, float64 (N, Z)."""

    mean: Floats
    variance: Floats


class Coder(Protocol):
    """Images are uint8 (N, S, S, 3), N of any size; latents (N, Z)."""

    @property
    def latent_dim(self) -> int:
        """Z."""

    def encode(self, images: Images) -> Moments:
        """The posterior of each image."""

    def decode(self, latents: NDArray[np.floating]) -> Images:
        """The image of each latent, rounded to 256 levels: what a file of it would hold."""


class NetworkCoder:
    """A network on a device, run with its BatchNorms folded; on a GPU with algorithms that repeat to the bit."""

    def __init__(self, network: Network, device: torch.device) -> None:
        """network: in evaluation mode; it is folded in place and moved to `device`."""
        folded = network.fold().to(memory_format=torch.channels_last)
        self._network: Network = folded.to(device)
        self._device = device

    @property
    def latent_dim(self) -> int:
        """Z."""
        return self._network.config.latent_dim

    def encode(self, images: Images) -> Moments:
        """The posterior of each image; for a whitened network without covariances, see `ResizeConvNetwork.encode`."""
        parts = [self.encode_batch(to_tensor(batch)) for batch in _batches(images)]
        return Moments(
            np.concatenate([part.mean.cpu().numpy() for part in parts]).astype(np.float64),
            np.exp(np.concatenate([part.log_variance.cpu().numpy() for part in parts]).astype(np.float64)),
        )

    def decode(self, latents: NDArray[np.floating]) -> Images:
        """The image of each latent."""
        parts = [_to_pixels(self.decode_batch(torch.from_numpy(batch))) for batch in _batches(_as_float32(latents))]
        return np.concatenate(parts)

    def encode_batch(self, images: Tensor) -> Posterior:
        """float32 in [0, 1], (B, 3, S, S), to posteriors on the device."""
        with torch.inference_mode(), _exact():
            return self._network.encode(images.to(self._device))

    def decode_batch(self, latents: Tensor) -> Tensor:
        """float32 (B, Z) to float32 in [0, 1], (B, 3, S, S), on the device."""
        with torch.inference_mode(), _exact():
            return self._network.decode(latents.to(self._device))


@dataclass(frozen=True)
class Subject:
    """One line of the tables. parameters, info: of a checkpoint; None for a control without a file."""

    label: str
    coder: Coder
    prior: Prior
    image_size: int
    parameters: int | None = None
    info: CheckpointInfo | None = None

    @property
    def notes(self) -> dict[str, str]:
        """What the checkpoint's file says of itself."""
        return self.info.metadata if self.info is not None else {}

    def samples(self, count: int, seed: int, *, standard: bool = False) -> Images:
        """`count` images decoded from the prior at temperature 1. standard: from N(0, I) instead."""
        prior = Prior.standard(self.coder.latent_dim) if standard else self.prior
        return self.coder.decode(prior.sample(seed, range(count)))


def load_subject(path: Path, label: str, device: torch.device) -> Subject:
    """The checkpoint at `path` on the device. Raises BadCheckpoint."""
    network, prior, info = load_checkpoint(path)
    parameters = sum(values.numel() for values in network.parameters())
    return Subject(label, NetworkCoder(network, device), prior, network.config.image_size, parameters, info)


def is_standard(prior: Prior) -> bool:
    """Whether the prior is N(0, I) itself."""
    unit = np.eye(prior.latent_dim)
    return len(prior.weights) == 1 and not prior.means.any() and bool((prior.factors[0] == unit).all())


def _as_float32(latents: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.ascontiguousarray(latents, dtype=np.float32)


def _batches(rows: NDArray[np.generic]) -> list[np.ndarray]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]


def _to_pixels(images: Tensor) -> Images:
    pixels = images.mul(255.0).round_().clamp_(0.0, 255.0).to(torch.uint8)
    array: Images = np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())  # (B, 3, S, S) -> (B, S, S, 3)
    return array


def _exact() -> AbstractContextManager[None]:
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
