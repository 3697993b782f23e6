"""What became of each file of a source: for machines, and in a few lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from vae_core.jobs.codec import to_pretty_json
from vae_core.preparation.recipe import Recipe
from vae_core.preparation.sources import Rejected
from vae_core.preparation.splits import SPLITS, TRAIN


class Kept(msgspec.Struct, frozen=True):
    """A picture of the data set, as `index.jsonl` lists it.

    file: its place in the zip. name: of the file it comes from. width, height: of that file's picture.
    """

    file: str
    name: str
    sha256: str
    split: str
    width: int
    height: int


class Duplicate(msgspec.Struct, frozen=True):
    """A file left out because its picture looks like one that is kept.

    of: name of that one's file. distance: differing bits of their hashes. same_pixels: whether nothing differs at all.
    """

    name: str
    of: str
    distance: int
    same_pixels: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a preparation, which names no time and no place, so that the same pictures have the same.

    files: all that were looked at; each was kept, is a duplicate, or was rejected. hidden: those passed over as litter.
    splits: number of pictures in each. rejected_by_code: number of files, the most frequent code first.
    channel_mean, channel_std: of red, green and blue over all pixels of the training split, in [0, 1].
    """

    recipe: Recipe
    files: int
    hidden: int
    kept: int
    splits: dict[str, int]
    channel_mean: tuple[float, ...]
    channel_std: tuple[float, ...]
    rejected_by_code: dict[str, int]
    warnings: list[str]
    duplicates: list[Duplicate]
    rejected: list[Rejected]

    def to_json(self) -> bytes:
        """The report as a file."""
        return to_pretty_json(self)

    def lines(self) -> Iterator[str]:
        """For people: what is in the data set, and what is not."""
        each = ", ".join(f"{self.splits[split]:,} {split}" for split in SPLITS)
        yield f"{self.kept:,} of {self.files:,} files kept: {each}"
        if self.duplicates:
            exact = sum(duplicate.same_pixels for duplicate in self.duplicates)
            yield f"{len(self.duplicates):,} duplicates left out, {exact:,} of them to the last pixel"
        if self.rejected:
            yield f"{len(self.rejected):,} rejected: {counted_codes(self.rejected_by_code)}"
        mean, std = (" ".join(f"{value:.4f}" for value in values) for values in (self.channel_mean, self.channel_std))
        yield f"training split, red green blue: mean {mean}, std {std}"
        for warning in self.warnings:
            yield f"warning: {warning}"


def count_codes(rejected: Sequence[Rejected]) -> dict[str, int]:
    """Number of files for each code, the most frequent first."""
    counts = Counter(each.code for each in rejected)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def counted_codes(counts: dict[str, int]) -> str:
    """Such as `not_an_image 3, empty 1`."""
    return ", ".join(f"{code} {count:,}" for code, count in counts.items())


def find_warnings(recipe: Recipe, splits: dict[str, int], all_train: bool) -> list[str]:
    """What whoever trains on the data set has to know."""
    kept = sum(splits.values())
    if all_train:
        return [f"{kept} pictures are too few to split: all are for training, and a set with more may split them"]
    asked = {**msgspec.structs.asdict(recipe.shares), TRAIN: 1.0}
    empty = [split for split in SPLITS if not splits[split] and asked[split]]
    remedy = "add pictures, or ask for larger shares"
    return [f"no picture is for {split}: {kept} are few for a share of {asked[split]:g}; {remedy}" for split in empty]
