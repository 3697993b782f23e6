"""What a picture looks like in a few bytes, and which pictures look the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# 16 x 16 frequencies. With the usual 8 x 8, cars drawn at random are as near to each other as copies to an original.
_SIDE = 16
BITS = _SIDE * _SIDE
_CELLS = 8
# Copies that were made brighter by a fifth or packed hard differ by up to 30 in some cell, a repainted car by over 45.
_COLOUR_TOLERANCE = 40
# Of 20,000 drawn cars no two are as near, nor any of the photographs it was measured on, which are 80 apart and more.
DEFAULT_DISTANCE = 14
MAX_DISTANCE = 40


class Fingerprint(NamedTuple):
    """A picture's look.

    shape: perceptual hash of its brightness, 32 bytes (`imagehash.phash`).
    colour: red minus green and green minus blue in 8 x 8 cells, int16 (8, 8, 2): brightness hardly changes it, and the
        hash, which knows no colours, takes a red car for the same car in blue.
    """

    shape: bytes
    colour: NDArray[np.int16]


def fingerprint(pixels: NDArray[np.uint8]) -> Fingerprint:
    """The fingerprint of a uint8 RGB picture (S, S, 3)."""
    from imagehash import phash  # brings scipy along, which takes its time

    image = Image.fromarray(pixels)
    cells = np.asarray(image.resize((_CELLS, _CELLS), Image.Resampling.BOX)).astype(np.int16)
    bits = phash(image, hash_size=_SIDE).hash
    return Fingerprint(np.packbits(bits).tobytes(), cells[..., :2] - cells[..., 1:])


class Match(NamedTuple):
    """The earlier picture that another one looks like. distance: bits of their hashes that differ."""

    place: int
    distance: int


def find_copies(looks: Sequence[Fingerprint], distance: int) -> list[Match | None]:
    """For each picture the nearest of the earlier ones that is kept, if it looks the same; those with None are kept.

    distance: 0 to 40 bits of 256 by which two hashes of the same picture may differ; colours have to agree as well.
    No two of those kept look the same.

    Only pictures that share a band of their hashes are compared: of distance + 1 bands, `distance` differing bits
    leave at least one untouched. With 14, of 20,000 drawn cars one pair in 270 is.
    """
    shapes = np.frombuffer(b"".join(each.shape for each in looks), np.uint8).reshape(len(looks), BITS // 8)
    bits = np.unpackbits(shapes, axis=1)
    # Every n-th bit, so that each band has its share of the low frequencies, which tell least, and of the high ones.
    bands = [np.packbits(bits[:, first :: distance + 1], axis=1) for first in range(distance + 1)]
    words = shapes.view(np.uint64)  # (N, 4)
    kept: list[dict[bytes, list[int]]] = [{} for _ in bands]
    matches: list[Match | None] = []
    for place, look in enumerate(looks):
        buckets = [holder.setdefault(band[place].tobytes(), []) for holder, band in zip(kept, bands, strict=True)]
        match = _nearest(place, look, sorted({each for bucket in buckets for each in bucket}), words, looks, distance)
        matches.append(match)
        if match is None:
            for bucket in buckets:
                bucket.append(place)
    return matches


def _nearest(
    place: int,
    look: Fingerprint,
    others: list[int],
    words: NDArray[np.uint64],
    looks: Sequence[Fingerprint],
    most: int,
) -> Match | None:
    """The nearest of the others; the earliest of those that are equally near."""
    if not others:
        return None
    distances = np.bitwise_count(words[others] ^ words[place]).sum(axis=1, dtype=np.int64)
    for order in np.argsort(distances, kind="stable"):
        if distances[order] > most:
            break
        other = others[order]
        if np.abs(looks[other].colour - look.colour).max() <= _COLOUR_TOLERANCE:
            return Match(other, int(distances[order]))
    return None
