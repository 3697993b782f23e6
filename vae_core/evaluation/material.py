"""The images of an evaluation: opened, drawn from, halved, and the controls fitted to them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae_core.errors import InvalidValue
from vae_core.evaluation.subject import Images
from vae_core.training.dataset import Dataset, fingerprint, open_dataset

# PCA and the feature space gain next to nothing from more, and take memory and minutes.
MAX_FITTED = 8_000


class Material(NamedTuple):
    """train: all training images, uint8 (T, S, S, 3). fitted: at most 8,000 of them, to fit controls to.

    test: held-out images in an order drawn from the seed. duplicates: of them that are also training images.
    test_images: how many held-out images there were. fingerprint: of the data set that training images are from.
    """

    train: Images
    fitted: Images
    test: Images
    test_images: int
    duplicates: int
    fingerprint: str

    def halves(self, most: int) -> tuple[Images, Images]:
        """Two disjoint sets of equally many test images, together at most `most`."""
        half = min(len(self.test), most) // 2
        return self.test[:half], self.test[half : 2 * half]


def open_material(data: Path, train_data: Path | None, size: int, limit: int, seed: int) -> Material:
    """The images of `data` at `size` pixels, at most `limit` of them to test on.

    train_data: where the training images are, if not in `data`; then all of `data` is held out. Raises InvalidValue
    when there are fewer than two training images or no test images.
    """
    opened = open_dataset(train_data or data, size)
    if train_data is None:
        train, held_out = opened.train, opened.test
        remedy = "name training images with --train-data, and all of DATA is tested on"
    else:
        train, held_out = _joined(opened), open_all(data, size)
        remedy = "name more with --train-data"
    if len(train) < 2:
        raise InvalidValue(f"{train_data or data}: {len(train)} training images: at least 2 are needed; {remedy}")
    if len(held_out) == 0:
        raise InvalidValue(f"{data}: holds no test images beside its {len(train)} training images; {remedy}")
    rng = np.random.default_rng(seed)
    test = held_out[rng.permutation(len(held_out))[:limit]]
    fitted = train[_spread(len(train), MAX_FITTED)]
    known = {_digest(image) for image in train}
    duplicates = sum(_digest(image) in known for image in test)
    return Material(train, fitted, test, len(held_out), duplicates, fingerprint(opened))


def open_all(source: Path, size: int) -> Images:
    """All pictures of `source`, whichever set they fall in."""
    return _joined(open_dataset(source, size))


def _joined(dataset: Dataset) -> Images:
    return np.concatenate([part for part in dataset if len(part)])


def _spread(count: int, most: int) -> slice | np.ndarray:
    """Rows of at most `most` of `count`, evenly spread."""
    return slice(None) if count <= most else np.linspace(0, count - 1, most).round().astype(np.intp)


def _digest(image: Images) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
