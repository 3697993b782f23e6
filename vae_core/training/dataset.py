"""Pictures to train, validate and test on, in memory, from whatever holds them."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vae_core.errors import BadImage, InvalidValue
from vae_core.imaging.decoding import decode_fitted
from vae_core.preparation.opening import open_local
from vae_core.preparation.sources import Candidate, PictureSource
from vae_core.preparation.splits import SPLITS, Shares, content_hash, split_of

Images = NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".ppm")
_FIT = "pad"
_MAX_BYTES = 64 * 2**20
_MAX_PIXELS = 100_000_000
_BLOCK = 256
_FINGERPRINTED = 64
DATA_NOTE = "data"


class Dataset(NamedTuple):
    """Three sets of pictures, each uint8 RGB (N, size, size, 3). Any may be empty, but not all."""

    train: Images
    validation: Images
    test: Images


def fingerprint(dataset: Dataset) -> str:
    """How many images there are to train and validate on, and a hash of some: enough to tell data sets apart.

    A run notes it in its checkpoint under `DATA_NOTE`.
    """
    digest = hashlib.sha256()
    for images in (dataset.train, dataset.validation):
        for row in np.linspace(0, len(images) - 1, min(_FINGERPRINTED, len(images)), dtype=int):
            digest.update(images[row].tobytes())
    return f"{len(dataset.train)}+{len(dataset.validation)} images, {digest.hexdigest()[:16]}"


def open_dataset(source: Path, size: int) -> Dataset:
    """The pictures of `source`, in the order of their names within each set.

    source: one of these:
        a zip that `vaecore prepare` wrote, or any folder or zip whose pictures all lie in folders `train`, `validation`
        and `test`: these are the sets, as they are;
        a folder, zip or `.npy` array, uint8 (N, size, size, 3), without them: each picture goes to the set that its
        content decides, 80, 10 and 10 % of them. The same picture is always in the same set, whatever is beside it. Of
        so few that none would be trained on, all are.
    Files are known by their suffix; a picture of another size is scaled and padded with white, as `prepare` does by
    default. An array of another size is refused. In memory each picture is held once.
    Raises InvalidValue when there are none, or one cannot be read.
    """
    if source.suffix == ".npy":
        images = _open_array(source, size)
        return _split_by_content(images, len(images), size)
    with closing(open_local(source, max_bytes=_MAX_BYTES)) as opened:
        found = [each for each in opened.list().found if each.name.lower().endswith(SUFFIXES)]
        if not found:
            raise InvalidValue(f"{source}: holds no pictures: files that end in {', '.join(SUFFIXES)} are looked for")
        sides = _own_sides(source, [each.name for each in found])
        pictures = _decoded(source, opened, found, size)
        if sides is None:
            return _split_by_content(pictures, len(found), size)
        return _gathered(zip(sides, pictures, strict=True), len(found), size)


def _open_array(source: Path, size: int) -> Images:
    """The array file, mapped into memory and not read."""
    try:
        images: Images = np.load(source, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InvalidValue(f"{source}: no such file") from error
    except (OSError, ValueError, EOFError) as error:
        raise InvalidValue(f"{source}: is not a readable array file: {error}") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (size, size, 3) or not len(images):
        what = f"holds {images.dtype} {images.shape}"
        raise InvalidValue(f"{source}: {what}: uint8 (N, {size}, {size}, 3) with N of at least 1 is expected")
    return images


def _own_sides(source: Path, names: Sequence[str]) -> list[str] | None:
    """The set of each picture by the folder it lies in, or None where there are no such folders."""
    # What was zipped as one folder, or downloaded as one, has that folder around all.
    parts = [PurePosixPath(name).parts for name in names]
    while len({each[0] for each in parts}) == 1 and parts[0][0] not in SPLITS and all(len(each) > 1 for each in parts):
        parts = [each[1:] for each in parts]
    inside = [len(each) > 1 and each[0] in SPLITS for each in parts]
    if not any(inside):
        return None
    if not all(inside):
        other = names[inside.index(False)]
        raise InvalidValue(
            f"{source}: some pictures lie in folders {', '.join(SPLITS)}, and others, such as {other!r}, do not: "
            "put all of them there, or none"
        )
    return [each[0] for each in parts]


def _decoded(source: Path, opened: PictureSource, found: Sequence[Candidate], size: int) -> Iterator[Images]:
    """Each picture as (size, size, 3), in order; threads, as decoding mostly runs outside of Python's lock."""

    def decode(candidate: Candidate) -> Images:
        try:
            return decode_fitted(opened.read(candidate), size=size, fit=_FIT, max_pixels=_MAX_PIXELS)
        except BadImage as error:
            remedy = "take it away, or let `vaecore prepare` leave out what is not usable"
            raise InvalidValue(f"{source}: {candidate.name}: {error}; {remedy}") from error

    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as threads:
        warnings.simplefilter("ignore")  # Pillow's, of odd but readable files
        for start in range(0, len(found), _BLOCK):
            yield from threads.map(decode, found[start : start + _BLOCK])


def _split_by_content(pictures: Iterable[Images], count: int, size: int) -> Dataset:
    shares = Shares()
    dataset = _gathered(((split_of(content_hash(each), shares), each) for each in pictures), count, size)
    if len(dataset.train):
        return dataset
    # As `split_all` has it: so few that none is trained on are not kept from anything.
    none = dataset.train
    return Dataset(np.concatenate([dataset.validation, dataset.test]), none, none)


def _gathered(placed: Iterable[tuple[str, Images]], most: int, size: int) -> Dataset:
    """The data set of these (set, picture) pairs, at most `most` of them."""
    # Room for all in each: what is never written to takes no memory.
    rooms = {split: np.empty((most, size, size, 3), np.uint8) for split in SPLITS}
    counts = dict.fromkeys(SPLITS, 0)
    for split, pixels in placed:
        rooms[split][counts[split]] = pixels
        counts[split] += 1
    return Dataset(*(rooms[split][: counts[split]] for split in SPLITS))
