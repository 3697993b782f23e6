"""The interpolate kind: frames between points of latent space."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from vae_core.jobs.job import Failure, Input
from vae_core.jobs.layout import sample_name
from vae_core.jobs.points import SeedPoint
from vae_core.jobs.records import ItemError
from vae_core.jobs.spec import InterpolateSpec
from worker.fetching import Limits, Wanted, fetch_fitted
from worker.kinds import Picture

if TYPE_CHECKING:
    from vae_core.model.engine import Engine

_Latent = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A frame, all whose points can be had. images: those among them that are images, by number of the point."""

    position: int
    images: dict[int, NDArray[np.uint8]]


class Interpolating:
    """Item i is frame i of the spec's walk; a frame whose point cannot be read is listed as an error.

    inputs: the images among the points, by number, as they were when the job was planned.
    """

    def __init__(
        self, spec: InterpolateSpec, engine: Engine, inputs: Mapping[int, tuple[Wanted, Input]], limits: Limits
    ) -> None:
        self._spec = spec
        self._walk = spec.walk
        self._engine = engine
        self._inputs = inputs
        self._limits = limits
        self._locks = {point: threading.Lock() for point in inputs}
        self._images: dict[int, NDArray[np.uint8] | ItemError] = {}
        self._latents: dict[int, _Latent] = {}

    def fetch(self, position: int) -> Fetched | ItemError:
        images = {}
        for point in self._walk.frames[position].points:
            if point not in self._inputs:
                continue
            image = self._image(point)
            if isinstance(image, ItemError):
                return msgspec.structs.replace(image, index=position)
            images[point] = image
        return Fetched(position, images)

    def error(self, position: int, failure: Failure) -> ItemError:
        return ItemError(index=position, code=failure.code, message=failure.message)

    def model(self, fetched: Sequence[Fetched]) -> list[Picture]:
        if not fetched:
            return []
        latents = np.stack([self._latent(frame) for frame in fetched]).astype(np.float32)  # (B, Z)
        pixels = self._engine.decode(latents)  # (B, S, S, 3)
        return [self._picture(*made) for made in zip(fetched, latents, pixels, strict=True)]

    def _picture(self, frame: Fetched, latent: NDArray[np.float32], pixels: NDArray[np.uint8]) -> Picture:
        """A frame at an image has that image beside it."""
        point = self._walk.at_point(frame.position)
        found = None if point is None else self._inputs.get(point)
        return Picture(
            index=frame.position,
            name=sample_name(frame.position, self._spec.format),
            pixels=pixels,
            latent=latent,
            fitted=None if point is None else frame.images.get(point),
            source=None if found is None else found[1],
        )

    def _latent(self, fetched: Fetched) -> _Latent:
        """Of the frame, float64 (Z,)."""
        from vae_core.model.blending import bilinear, lerp, slerp  # late, as all of the model is

        frame = self._walk.frames[fetched.position]
        latents = [self._point_latent(point, fetched) for point in frame.points]
        generated = not any(point in self._inputs for point in frame.points)
        arcs = self._spec.method == "slerp" or (self._spec.method == "auto" and generated)
        blend = slerp if arcs else lerp
        match latents:
            case [at]:
                return at
            case [first, second]:
                return blend(first, second, frame.across)
            case [upper_left, upper_right, lower_left, lower_right]:
                corners = (upper_left, upper_right, lower_left, lower_right)
                return bilinear(corners, frame.across, frame.down, blend)
        raise ValueError(f"a frame between {len(latents)} points")

    def _point_latent(self, point: int, fetched: Fetched) -> _Latent:
        """Of the point, float64 (Z,); each is worked out once."""
        if point not in self._latents:
            where = self._walk.points[point]
            if isinstance(where, SeedPoint):
                latent = self._engine.sample_latents(where.seed, [where.index])
            else:
                latent = self._engine.encode(fetched.images[point][None])
            self._latents[point] = latent[0].astype(np.float64)
        return self._latents[point]

    def _image(self, point: int) -> NDArray[np.uint8] | ItemError:
        """The point's image, read once however many frames need it at once. Raises the store's errors."""
        with self._locks[point]:
            if point not in self._images:
                wanted, _ = self._inputs[point]
                self._images[point] = fetch_fitted(
                    point, wanted, size=self._engine.image_size, fit=self._spec.fit, limits=self._limits
                )
            return self._images[point]
