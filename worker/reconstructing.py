"""The reconstruct kind: every input encoded and decoded again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae_core.errors import BadImage, ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError
from vae_core.imaging.decoding import decode_fitted
from vae_core.jobs.job import Input
from vae_core.jobs.layout import reconstruction_name
from vae_core.jobs.records import ItemError
from vae_core.jobs.spec import ReconstructSpec
from vae_core.storage.base import Store
from worker.kinds import Picture

if TYPE_CHECKING:
    from vae_core.model.engine import Engine


class Limits(NamedTuple):
    """What one input may be at most, before it is decoded."""

    input_bytes: int
    input_pixels: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """An input as the model sees it: uint8 RGB (S, S, 3)."""

    index: int
    source: Input
    pixels: NDArray[np.uint8]


class Reconstructing:
    """Item i is input i of the plan, read at the version that was planned.

    inputs: those of this part, the first of them being item `first`. source: the store that their keys are in.
    """

    def __init__(
        self,
        spec: ReconstructSpec,
        engine: Engine,
        source: Store,
        inputs: Sequence[Input],
        first: int,
        limits: Limits,
    ) -> None:
        self._spec = spec
        self._engine = engine
        self._source = source
        self._inputs = inputs
        self._first = first
        self._limits = limits

    def fetch(self, index: int) -> Fetched | ItemError:
        source = self._inputs[index - self._first]
        try:
            data = self._source.read(source.key, max_bytes=self._limits.input_bytes, if_tag=source.tag).data
            pixels = decode_fitted(
                data, size=self._engine.image_size, fit=self._spec.fit, max_pixels=self._limits.input_pixels
            )
        except BadImage as error:
            return ItemError(index=index, source=source.key, code=error.reason, message=str(error))
        except (ObjectMissing, ObjectTooLarge, ObjectChanged) as error:
            return ItemError(index=index, source=source.key, code=error.code, message=str(error))
        except StoreError as error:
            self._source.check()  # raises where it is not this object alone that is refused
            return ItemError(index=index, source=source.key, code=error.code, message=str(error))
        return Fetched(index, source, pixels)

    def model(self, fetched: Sequence[Fetched]) -> list[Picture]:
        if not fetched:
            return []
        pixels = self._engine.reconstruct(np.stack([item.pixels for item in fetched]))  # (B, S, S, 3)
        pairs = zip(fetched, pixels, strict=True)
        return [Picture(item.index, self._name(item), image, item.pixels, item.source) for item, image in pairs]

    def _name(self, item: Fetched) -> str:
        return reconstruction_name(item.source.key, self._spec.format)
