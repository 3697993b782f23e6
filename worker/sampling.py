"""The sample kind: new images from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vae_core.jobs.job import Failure
from vae_core.jobs.layout import sample_name
from vae_core.jobs.records import ItemError
from vae_core.jobs.spec import STANDARD_PRIOR, SampleSpec
from worker.kinds import Picture

if TYPE_CHECKING:
    from vae_core.model.engine import Engine


class Sampling:
    """Item k is the k-th image that the spec names: the decoded latent of (seed, its number). Nothing is fetched."""

    def __init__(self, spec: SampleSpec, engine: Engine) -> None:
        self._spec = spec
        self._images = spec.images
        self._engine = engine

    def fetch(self, position: int) -> int | ItemError:
        return self._images[position]

    def error(self, position: int, failure: Failure) -> ItemError:
        return ItemError(index=self._images[position], code=failure.code, message=failure.message)

    def model(self, fetched: Sequence[int]) -> list[Picture]:
        spec = self._spec
        latents = self._engine.sample_latents(
            spec.seed, fetched, spec.temperature, standard=spec.prior == STANDARD_PRIOR
        )
        pixels: NDArray[np.uint8] = self._engine.decode(latents)
        names = (sample_name(index, spec.format) for index in fetched)
        return [Picture(*item) for item in zip(fetched, names, pixels, latents, strict=True)]
