"""Which pictures of a heap make the data set, and on which side of the split each of them is: no file is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vae_core.preparation.fingerprints import find_copies
from vae_core.preparation.reading import Picture
from vae_core.preparation.recipe import Recipe
from vae_core.preparation.report import Duplicate, Kept
from vae_core.preparation.splits import TRAIN, split_all, split_of

_HASH_LETTERS = 16


class Choice(NamedTuple):
    """kept: place of the picture among all, and its entry, by ascending file. copies: place of the picture left out,
    place of the one it looks like, and its entry. unsplit: all are for training, as none had been otherwise.
    """

    kept: list[tuple[int, Kept]]
    copies: list[tuple[int, int, Duplicate]]
    unsplit: bool


def choose(pictures: Sequence[Picture], recipe: Recipe) -> Choice:
    """The choice, which depends on what the pictures are, and not on their order.

    Of those that look the same the one with most pixels in its file is kept; of equals the one whose file is largest,
    as it lost least; then the one with the smallest hash, and of the same picture twice the first by name.
    """

    def rank(place: int) -> tuple[int, int, str, str]:
        picture = pictures[place]
        return -picture.width * picture.height, -picture.file_bytes, picture.sha256, picture.name

    order = sorted(range(len(pictures)), key=rank)
    matches = find_copies([pictures[place].look for place in order], recipe.distance)
    chosen = [place for place, match in zip(order, matches, strict=True) if match is None]
    copies = [
        (place, order[match.place], _duplicate(pictures[place], pictures[order[match.place]], match.distance))
        for place, match in zip(order, matches, strict=True)
        if match is not None
    ]
    hashes = [pictures[place].sha256 for place in chosen]
    sides = split_all(hashes, recipe.shares)
    kept = [(place, _kept(pictures[place], side)) for place, side in zip(chosen, sides, strict=True)]
    unsplit = all(split_of(sha256, recipe.shares) != TRAIN for sha256 in hashes)
    return Choice(sorted(kept, key=lambda each: each[1].file), copies, unsplit)


def _kept(picture: Picture, side: str) -> Kept:
    return Kept(
        file=f"{side}/{picture.sha256[:_HASH_LETTERS]}.png",
        name=picture.name,
        sha256=picture.sha256,
        split=side,
        width=picture.width,
        height=picture.height,
    )


def _duplicate(picture: Picture, original: Picture, distance: int) -> Duplicate:
    return Duplicate(
        name=picture.name,
        of=original.name,
        distance=distance,
        same_pixels=picture.sha256 == original.sha256,
    )
