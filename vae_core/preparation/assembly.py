"""One data set from a source: read, without copies, split, written as a zip with its report and a sheet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from vae_core.errors import InvalidValue
from vae_core.imaging.sheets import Tile
from vae_core.jobs.codec import to_lines
from vae_core.preparation.choice import Choice, choose
from vae_core.preparation.opening import Address
from vae_core.preparation.output import Output, plan_output, write_zip, written_whole
from vae_core.preparation.reading import Picture, read_pictures
from vae_core.preparation.recipe import Recipe
from vae_core.preparation.report import Report, count_codes, counted_codes, find_warnings
from vae_core.preparation.sheet import data_sheet
from vae_core.preparation.shelf import Shelf
from vae_core.preparation.sources import Listing, Rejected
from vae_core.preparation.splits import SPLITS, TRAIN

INDEX, REPORT = "index.jsonl", "report.json"
_ON_SHEET = {"train": 30, "validation": 10, "test": 10}
_DUPLICATES_ON_SHEET = 15


class Prepared(NamedTuple):
    """A data set that was written, and what there is to say of it."""

    output: Output
    report: Report


def prepare(
    address: Address,
    archive: Path,
    recipe: Recipe,
    *,
    overwrite: bool = False,
    processes: int = 1,
    tick: Callable[[int, int], None] = lambda _done, _all: None,
) -> Prepared:
    """Write the data set of all pictures at `address` to the zip `archive`, its report and sheet beside it.

    The zip has the pictures as `<split>/<first 16 hex digits of the hash>.png`, `index.jsonl` with a line for each, and
    `report.json`. It depends on the pictures, their names and the recipe, and on nothing else.

    tick: called with the number of files done and of all, after each. Raises InvalidValue, naming what is wrong, for a
    source or place that cannot be used, or no usable picture; StoreError and StoreUnavailable. Then nothing is written.
    """
    output = plan_output(archive, address, overwrite=overwrite)
    with closing(address.open()) as source:
        listing = source.list()
    if not listing.found:
        raise _nothing(address, listing.rejected)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=archive.parent) as file:
        shelf, rejected = Shelf(file), list(listing.rejected)
        with closing(read_pictures(address, listing.found, recipe, processes)) as read:
            for number, each in enumerate(read, 1):
                if isinstance(each, Picture):
                    shelf.put(each)
                else:
                    rejected.append(each)
                tick(number, len(listing.found))
        if not shelf.pictures:
            raise _nothing(address, rejected)
        choice = choose(shelf.pictures, recipe)
        report = _report(listing, shelf, choice, rejected, recipe)
        _write(output, shelf, choice, report)
    return Prepared(output, report)


def _nothing(address: Address, rejected: list[Rejected]) -> InvalidValue:
    if not rejected:
        return InvalidValue(f"{address.text}: holds no files: give a folder, a zip or a prefix with pictures in it")
    first = f"{rejected[0].name}: {rejected[0].message}"
    counts = counted_codes(count_codes(rejected))
    return InvalidValue(f"{address.text}: holds no usable picture: {counts}; the first is {first}")


def _report(listing: Listing, shelf: Shelf, choice: Choice, rejected: list[Rejected], recipe: Recipe) -> Report:
    splits = {split: sum(each.split == split for _, each in choice.kept) for split in SPLITS}
    trained = [shelf.pictures[index] for index, each in choice.kept if each.split == TRAIN]
    mean, std = _mean_and_std(trained, recipe.size)
    return Report(
        recipe=recipe,
        files=len(listing.found) + len(listing.rejected),
        hidden=listing.hidden,
        kept=len(choice.kept),
        splits=splits,
        channel_mean=mean,
        channel_std=std,
        rejected_by_code=count_codes(rejected),
        warnings=find_warnings(recipe, splits, choice.unsplit),
        duplicates=sorted((each for _, _, each in choice.copies), key=lambda each: each.name),
        rejected=sorted(rejected),
    )


def _mean_and_std(pictures: list[Picture], size: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Of each channel over all pixels, in [0, 1], from whole numbers: the order of the pictures changes no digit."""
    count = len(pictures) * size * size
    means, stds = [], []
    for channel in range(3):
        total = sum(picture.sums[channel] for picture in pictures)
        squares = sum(picture.squares[channel] for picture in pictures)
        means.append(round(total / count / 255, 6))
        stds.append(round((squares * count - total * total) ** 0.5 / count / 255, 6))
    return tuple(means), tuple(stds)


def _write(output: Output, shelf: Shelf, choice: Choice, report: Report) -> None:
    document = report.to_json()
    files = [(INDEX, to_lines(kept for _, kept in choice.kept)), (REPORT, document)]
    with written_whole(output) as drafts:
        pictures = ((kept.file, shelf.png(index)) for index, kept in choice.kept)
        write_zip(drafts.archive, (file for part in (files, pictures) for file in part))
        drafts.report.write_bytes(document)
        drafts.sheet.write_bytes(_sheet(shelf, choice, report))


def _sheet(shelf: Shelf, choice: Choice, report: Report) -> bytes:
    kept: list[Tile] = []
    for split in SPLITS:
        # In the order of their hashes, the first are as good as drawn by lot.
        some = [(index, each) for index, each in choice.kept if each.split == split][: _ON_SHEET[split]]
        kept += [Tile((shelf.pixels(index),), f"{each.name} {split}") for index, each in some]
    doubtful = sorted(choice.copies, key=lambda copy: (-copy[2].distance, copy[2].name))[:_DUPLICATES_ON_SHEET]
    pairs = [
        Tile((shelf.pixels(of), shelf.pixels(index)), f"{each.name}, {each.distance} bits")
        for index, of, each in doubtful
    ]
    return data_sheet(
        kept,
        pairs,
        title=next(report.lines()),
        duplicates_title=f"{len(choice.copies):,} left out, on the right, for their likeness to one that is kept",
    )
