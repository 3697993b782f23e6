"""Finished jobs without a model: drawn cars for outputs, everything else as the worker writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from vae_core.imaging.encoding import CONTENT_TYPES, encode_image
from vae_core.imaging.sheets import atlas
from vae_core.imaging.similarity import psnr, ssim
from vae_core.jobs.codec import to_lines, to_pretty_json
from vae_core.jobs.job import Document, End, Failure, Job, Plan
from vae_core.jobs.layout import (
    JobKeys,
    fitted_input_name,
    member_name,
    reconstruction_name,
    sample_name,
    shard_name,
    sheet_name,
)
from vae_core.jobs.parts import GRID_PAIRS, grid_indices, part_count
from vae_core.jobs.records import ItemDone, ItemError, PartRecord, SideFile, manifest_line
from vae_core.jobs.spec import JobSpec, ReconstructSpec, SampleSpec
from vae_core.storage.folder import FolderStore
from worker.grid import make_grid
from worker.outputs import Outputs
from worker.page import make_page
from worker.shards import pack
from worker.summary import make_summary

WHEN = "2026-11-23T13:29:00+00:00"
Pixels = NDArray[np.uint8]


@cache
def car(index: int) -> Pixels:
    """A drawn car, 128 pixels a side."""
    from vae_core.training.cars.draw import draw_car

    pixels, _ = draw_car(5, index, size=128)
    return np.asarray(pixels, dtype=np.uint8)


def blurred(pixels: Pixels, radius: float) -> Pixels:
    """What stands in for a reconstruction; the larger the radius, the lower the PSNR."""
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)), dtype=np.uint8)


class JobFolder:
    """A job of one store, written part by part and then ended."""

    def __init__(self, home: Path, job_id: str, spec: JobSpec, items: int, part_size: int = 512) -> None:
        """home: what VAEJOB_HOME is set to; the store is the folder in it that is the default."""
        self.home = home
        self.store = FolderStore(str(home / "store"))
        self.keys = JobKeys(job_id)
        self.job = Job(job_id=job_id, spec=spec, submitted_at=WHEN, submitted_by="user@host", code_version="0.1.0")
        self.plan = Plan(
            checkpoint_sha256="5eed" * 16, items=items, parts=part_count(items, part_size), part_size=part_size
        )
        self.records: list[PartRecord] = []
        self.store.create(self.keys.job, to_pretty_json(self.job))
        self.store.create(self.keys.plan, to_pretty_json(self.plan))

    @property
    def page(self) -> Path:
        """`index.html`, as a double click opens it."""
        return self.home / "store" / self.keys.page

    def put(self, name: str, data: bytes, content_type: str = "") -> SideFile:
        tag = self.store.write(self.keys.root + name, data, content_type=content_type or None)
        return SideFile(key=name, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), tag=tag)

    def commit(self, items: Sequence[ItemDone], sheet: bytes, errors: Sequence[ItemError] = ()) -> None:
        """The record of the next part, and its atlas."""
        part = len(self.records)
        record = PartRecord(
            part=part,
            items=tuple(items),
            errors=tuple(errors),
            files=(self.put(sheet_name(part), sheet, "image/jpeg"),),
            kind="drawn by the tests",
            seconds={"total": 1.5},
            attempt="a",
            worker="box:1",
        )
        self.store.create(self.keys.part(part), to_pretty_json(record))
        self.records.append(record)

    def end(self, failure: Failure | None = None, *, with_grid: bool = True, extras: Sequence[str] = ()) -> None:
        """The documents about the whole job, and `end.json`."""
        items = [item for record in self.records for item in record.items]
        errors = [error for record in self.records for error in record.errors]
        state = "failed" if failure else "succeeded"
        end = End(state=state, items=self.plan.items, done=len(items), errors=len(errors), failure=failure)
        summary = make_summary(self.job, self.plan, end, self.records, errors)
        page = make_page(self.job, self.plan, end, summary, self.records, errors, extras)
        written = [
            self.put("errors.jsonl", to_lines(errors)),
            self.put("manifest.jsonl", to_lines(manifest_line(item) for item in items)),
            self.put("summary.json", to_pretty_json(summary)),
            self.put("index.html", page),
        ]
        if with_grid:
            written.append(
                self.put("grid.png", make_grid(Outputs(self.store, self.keys.root), self.job, self.plan, items))
            )
        documents = tuple(Document(name=file.key, sha256=file.sha256, size_bytes=file.size_bytes) for file in written)
        self.store.create(self.keys.end, to_pretty_json(msgspec.structs.replace(end, documents=documents)))


def sampled(
    home: Path, job_id: str = "samples", count: int = 60, part_size: int = 40, *, shards: bool = False
) -> JobFolder:
    """Samples with outlier scores, in parts; the score of image i is (i * 7 mod count) / 10."""
    spec = SampleSpec(n=count, seed=7, part_size=part_size, shards=shards)
    folder = JobFolder(home, job_id, spec, count, part_size)
    for part, first in enumerate(range(0, count, part_size)):
        indices = range(first, min(count, first + part_size))
        items, packed = [], []
        for index in indices:
            data, outlier = encode_image(car(index), "png"), index * 7 % count / 10
            if shards:
                packed.append((_packed(index, data, outlier), data))
            else:
                file = folder.put(sample_name(index, "png"), data, CONTENT_TYPES["png"])
                items.append(_item(index, file, outlier=outlier))
        if shards:
            tar, items = pack(packed, shard_name(part))
            folder.put(shard_name(part), tar)
        folder.commit(items, atlas([car(index) for index in indices]))
    folder.end()
    return folder


def reconstructed(home: Path, sources: Sequence[str], errors: Sequence[ItemError], job_id: str = "pairs") -> JobFolder:
    """One reconstruction of each source, the later the worse; errors have the indices after them."""
    spec = ReconstructSpec(source="s3://cars/photographs/")
    folder = JobFolder(home, job_id, spec, len(sources) + len(errors))
    on_grid = grid_indices(folder.plan.items, GRID_PAIRS)
    items, tiles = [], []
    for index, source in enumerate(sources):
        fitted = car(index)
        made = blurred(fitted, 0.5 + index / 4)
        tiles += [fitted, made]
        file = folder.put(reconstruction_name(source, "png"), encode_image(made, "png"), CONTENT_TYPES["png"])
        items.append(_item(index, file, source=source, psnr=psnr(made, fitted), ssim=ssim(made, fitted)))
        if index in on_grid:
            folder.put(fitted_input_name(index), encode_image(fitted, "png"), CONTENT_TYPES["png"])
    folder.commit(items, atlas(tiles), errors)
    folder.end()
    return folder


def large(home: Path, count: int, job_id: str = "large", part_size: int = 512) -> JobFolder:
    """Samples by the thousand: every part has the same atlas, and the images themselves are left out."""
    folder = JobFolder(home, job_id, SampleSpec(n=count, seed=7, part_size=part_size), count, part_size)
    tiles = [car(number % 32) for number in range(part_size)]
    sheets = {part_size: atlas(tiles)}
    for first in range(0, count, part_size):
        indices = range(first, min(count, first + part_size))
        size = len(indices)
        if size not in sheets:
            sheets[size] = atlas(tiles[:size])
        digest = hashlib.sha256(str(first).encode()).hexdigest()
        items = [
            ItemDone(
                index=index,
                key=sample_name(index, "png"),
                sha256=digest,
                size_bytes=20_000,
                outlier=index * 7 % 997 / 100,
            )
            for index in indices
        ]
        folder.commit(items, sheets[size])
    folder.end(with_grid=False)
    return folder


def _packed(index: int, data: bytes, outlier: float) -> ItemDone:
    """An image that is to lie in a shard."""
    return ItemDone(
        index=index,
        key="",
        member=member_name(index, "png"),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        outlier=outlier,
    )


def _item(
    index: int,
    file: SideFile,
    *,
    source: str | None = None,
    psnr: float | None = None,
    ssim: float | None = None,
    outlier: float | None = None,
) -> ItemDone:
    return ItemDone(
        index=index,
        key=file.key,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        source=source,
        psnr=psnr,
        ssim=ssim,
        outlier=outlier,
        tag=file.tag,
    )
