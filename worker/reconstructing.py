"""The reconstruct kind: every input encoded and decoded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vae_core.inputs import Place
from vae_core.jobs.job import Failure, Input
from vae_core.jobs.layout import reconstruction_name
from vae_core.jobs.records import ItemError
from vae_core.jobs.spec import ReconstructSpec
from worker.fetching import Limits, Wanted, fetch_fitted
from worker.kinds import Picture

if TYPE_CHECKING:
    from vae_core.model.engine import Engine


@dataclass(frozen=True, slots=True)
class Fetched:
    """An input, made square, and with noise on it where that is asked for: uint8 RGB (S, S, 3)."""

    index: int
    source: Input
    pixels: NDArray[np.uint8]
    noisy: NDArray[np.uint8] | None = None

    @property
    def seen(self) -> NDArray[np.uint8]:
        """What the model is given."""
        return self.pixels if self.noisy is None else self.noisy


class Reconstructing:
    """Item i is input i of the plan, read at the version that was planned.

    inputs: those of this part, the first of them being item `first`. places: where an input of some key is.
    """

    def __init__(
        self,
        spec: ReconstructSpec,
        engine: Engine,
        places: Callable[[str], Place],
        inputs: Sequence[Input],
        first: int,
        limits: Limits,
    ) -> None:
        self._spec = spec
        self._engine = engine
        self._places = places
        self._inputs = inputs
        self._first = first
        self._limits = limits

    def fetch(self, position: int) -> Fetched | ItemError:
        source = self._inputs[position - self._first]
        if source.failure is not None:
            return self.error(position, source.failure)
        pixels = fetch_fitted(
            position,
            Wanted(*self._places(source.key), source.tag, source.key),
            size=self._engine.image_size,
            fit=self._spec.fit,
            limits=self._limits,
        )
        if isinstance(pixels, ItemError):
            return pixels
        return Fetched(position, source, pixels, self._noisy(position, pixels))

    def error(self, position: int, failure: Failure) -> ItemError:
        source = self._inputs[position - self._first].key
        return ItemError(index=position, source=source, code=failure.code, message=failure.message)

    def model(self, fetched: Sequence[Fetched]) -> list[Picture]:
        if not fetched:
            return []
        latents = self._engine.encode(np.stack([item.seen for item in fetched]))  # (B, Z)
        pixels = self._engine.decode(latents)  # (B, S, S, 3)
        scale = self._engine.outlier_scale
        return [
            Picture(
                index=item.index,
                name=reconstruction_name(item.source.key, self._spec.format),
                pixels=image,
                latent=latent,
                fitted=item.pixels,
                noisy=item.noisy,
                source=item.source,
                outlier=scale.score(latent),
            )
            for item, image, latent in zip(fetched, pixels, latents, strict=True)
        ]

    def _noisy(self, index: int, pixels: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """The input with noise on it, or None where none is asked for."""
        if self._spec.noise == 0.0:
            return None
        from vae_core.model.noise import noisy  # late, as all of the model is

        return noisy(pixels, self._spec.noise, index)
