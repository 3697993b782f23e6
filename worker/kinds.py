"""What every kind of job gives the runner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vae_core.jobs.job import Failure, Input
from vae_core.jobs.records import ItemError


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that the model made, to be written.

    name: relative to the job's folder. pixels, fitted, noisy: uint8 RGB (H, W, 3). fitted: the input, made square.
    noisy: the same with noise on it, where the model saw that. latent: what was decoded, float32 (Z,). outlier: see
    `ItemDone`.
    """

    index: int
    name: str
    pixels: NDArray[np.uint8]
    latent: NDArray[np.float32]
    fitted: NDArray[np.uint8] | None = None
    noisy: NDArray[np.uint8] | None = None
    source: Input | None = None
    outlier: float | None = None


class Kind(Protocol):
    """One part's work, in the stages of the pipeline. `fetch` runs on many threads at once."""

    def fetch(self, position: int) -> Any | ItemError:
        """What the model needs for the item at `position` of the plan, or why it cannot be had. Raises store errors."""

    def error(self, position: int, failure: Failure) -> ItemError:
        """The entry of errors.jsonl for the item at `position`, which has this failure."""

    def model(self, fetched: Sequence[Any]) -> list[Picture]:
        """The pictures of up to a batch of fetched items, in their order."""
