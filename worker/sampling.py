"""The sample kind: new images from the prior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vae_core.jobs.layout import sample_name
from vae_core.jobs.records import ItemError
from vae_core.jobs.spec import SampleSpec
from worker.kinds import Picture

if TYPE_CHECKING:
    from vae_core.model.engine import Engine


class Sampling:
    """Item i is the decoded latent i of the seed; there is nothing to fetch."""

    def __init__(self, spec: SampleSpec, engine: Engine) -> None:
        self._spec = spec
        self._engine = engine

    def fetch(self, index: int) -> int | ItemError:
        return index

    def model(self, fetched: Sequence[int]) -> list[Picture]:
        latents = self._engine.sample_latents(self._spec.seed, fetched, self._spec.temperature)
        pixels: NDArray[np.uint8] = self._engine.decode(latents)
        names = (sample_name(index, self._spec.format) for index in fetched)
        return [Picture(*item) for item in zip(fetched, names, pixels, strict=True)]
