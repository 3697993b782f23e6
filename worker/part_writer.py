"""The writing side of a part: pictures encoded, measured and stored, and what is kept of them for the part's sheet."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae_core.imaging.encoding import CONTENT_TYPES, encode_image
from vae_core.imaging.sheets import atlas, atlas_tile
from vae_core.imaging.similarity import psnr, ssim
from vae_core.jobs.job import Job, Plan
from vae_core.jobs.layout import (
    EXTENSIONS,
    JobKeys,
    extremes_name,
    fitted_input_name,
    latents_name,
    member_name,
    shard_name,
    sheet_name,
)
from vae_core.jobs.outputs import kept_inputs
from vae_core.jobs.records import ItemDone, SideFile
from vae_core.jobs.spec import ReconstructSpec
from vae_core.storage.base import Store
from worker.extremes import ExtremeInputs
from worker.guard import Guard
from worker.kinds import Picture
from worker.shards import pack
from worker.stage_seconds import StageSeconds


class PartWriter:
    """The writing side of one part: what is written, and what is kept for the part's sheet."""

    def __init__(self, store: Store, job: Job, plan: Plan, part: int, guard: Guard) -> None:
        self._store = store
        self._part = part
        self._spec = job.spec
        self._root = JobKeys(job.job_id).root
        self._guard = guard
        self._pairs = isinstance(self._spec, ReconstructSpec)  # the atlas shows each input beside its output
        self._kept_inputs = kept_inputs(self._spec, plan.items)
        self._tiles: dict[int, Sequence[NDArray[np.uint8]]] = {}
        self._latents: dict[int, NDArray[np.float32]] = {}
        self._encoded: dict[int, bytes] = {}  # with shards: what is written once the part is whole
        self._extremes = ExtremeInputs()
        self._input_bytes: dict[int, int] = {}
        self.files: list[SideFile] = []
        self.seconds = StageSeconds()

    @property
    def input_bytes(self) -> int:
        """Of the inputs that pictures were made of."""
        return sum(self._input_bytes.values())

    def write(self, picture: Picture) -> ItemDone:
        """Encodes, measures and writes one picture, or keeps it for the shard. Runs on many threads at once."""
        with self.seconds.measured("encode"):
            data = encode_image(picture.pixels, self._spec.format, self._spec.quality)
            quality = _quality(picture)
        member, tag = None, ""
        if self._spec.shards:
            member = member_name(picture.index, EXTENSIONS[self._spec.format])
            self._encoded[picture.index] = data
        else:
            tag = self._put(picture.name, data, CONTENT_TYPES[self._spec.format])
        seen = picture.fitted if picture.noisy is None else picture.noisy
        tiles = [seen, picture.pixels] if seen is not None and self._pairs else [picture.pixels]
        self._tiles[picture.index] = [atlas_tile(pixels) for pixels in tiles]
        if seen is not None and picture.index in self._kept_inputs:
            self._put_file(fitted_input_name(picture.index), encode_image(seen, "png"), "image/png")
        if picture.source is not None:
            self._input_bytes[picture.index] = picture.source.size_bytes
        if self._spec.save_latents:
            self._latents[picture.index] = picture.latent
        item = ItemDone(
            index=picture.index,
            key=picture.name,
            member=member,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            source=picture.source.key if picture.source else None,
            source_tag=picture.source.tag if picture.source else None,
            psnr=quality.psnr,
            ssim=quality.ssim,
            noisy_psnr=quality.noisy_psnr,
            outlier=picture.outlier,
            tag=tag,
        )
        if seen is not None and self._pairs:
            self._extremes.add(item, seen)
        return item

    def write_shard(self, done: Sequence[ItemDone]) -> Sequence[ItemDone]:
        """Writes the tar of the part's images, if there are any; the items as they lie in it."""
        if not done:
            return done
        name = shard_name(self._part)
        with self.seconds.measured("shard"):
            shard = pack(((item, self._encoded.pop(item.index)) for item in done), name)
        self._put_file(name, shard.data, "application/x-tar")
        return shard.items

    def write_sheet(self) -> None:
        """Writes the atlas of the part: its images in order, each after its fitted input where there is one."""
        tiles = [tile for index in sorted(self._tiles) for tile in self._tiles[index]]
        if tiles:
            with self.seconds.measured("sheet"):
                data = atlas(tiles)
            self._put_file(sheet_name(self._part), data, "image/jpeg")

    def write_extremes(self) -> None:
        """Writes the fitted inputs that came out worst and best, for the sheets of the whole job."""
        strip = self._extremes.strip()
        if strip is not None:
            self._put_file(extremes_name(self._part), encode_image(strip, "png"), "image/png")

    def write_latents(self) -> None:
        """Writes the latents of the part's images in order, float32 (images, Z), where the spec asks for them."""
        if self._latents:
            rows = np.stack([self._latents[index] for index in sorted(self._latents)])
            buffer = io.BytesIO()
            np.save(buffer, rows, allow_pickle=False)
            self._put_file(latents_name(self._part), buffer.getvalue(), "application/octet-stream")

    def _put_file(self, name: str, data: bytes, content_type: str) -> None:
        tag = self._put(name, data, content_type)
        sha256 = hashlib.sha256(data).hexdigest()
        self.files.append(SideFile(key=name, sha256=sha256, size_bytes=len(data), tag=tag))

    def _put(self, name: str, data: bytes, content_type: str) -> str:
        self._guard.before_write()
        with self.seconds.measured("write"):
            return self._store.write(self._root + name, data, content_type=content_type)


class _Quality(NamedTuple):
    """As in ItemDone."""

    psnr: float | None = None
    ssim: float | None = None
    noisy_psnr: float | None = None


def _quality(picture: Picture) -> _Quality:
    """How near the picture is to its input, if it has one."""
    clean = picture.fitted
    if clean is None:
        return _Quality()
    noisy_psnr = None if picture.noisy is None else psnr(picture.noisy, clean)
    return _Quality(psnr(picture.pixels, clean), ssim(picture.pixels, clean), noisy_psnr)
