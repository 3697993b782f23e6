"""The sheets of a reconstruction job's worst and best, `worst.png` and `best.png`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vae_core.imaging.sheets import Tile, contact_sheet
from vae_core.jobs.layout import JobKeys, extremes_name
from vae_core.jobs.records import PartRecord
from worker.extremes import best_of, candidates_of, extremes_of, worst_of
from worker.grid import PAIR_COLUMNS, pair_label
from worker.outputs import Outputs


def quality_sheets(outputs: Outputs, keys: JobKeys, records: Sequence[PartRecord]) -> Iterator[tuple[str, bytes, str]]:
    """Key, content and type of each: the 20 inputs of lowest and of highest PSNR, each beside its reconstruction.

    None where no part kept inputs for them.
    """
    kept = [record for record in records if any(file.key == extremes_name(record.part) for file in record.files)]
    total = sum(len(record.items) for record in kept)
    found = [(item, record) for record in kept for item in candidates_of(record.items)]
    parts = {item.index: record for item, record in found}
    candidates = [item for item, _ in found]
    chosen = ((keys.worst, "worst", worst_of(candidates)), (keys.best, "best", best_of(candidates)))
    for key, word, shown in chosen:
        if shown:
            inputs = _inputs(outputs, {parts[item.index].part: parts[item.index] for item in shown})
            made = zip(shown, outputs.of_items(shown), strict=True)
            tiles = [Tile((inputs[item.index], image), pair_label(item)) for item, image in made]
            title = f"The {len(shown)} {word} of {total:,} reconstructions, each beside its input"
            yield key, contact_sheet(tiles, title=title, columns=PAIR_COLUMNS), "image/png"


def _inputs(outputs: Outputs, records: dict[int, PartRecord]) -> dict[int, NDArray[np.uint8]]:
    """The inputs that these parts kept, by index of their item."""
    inputs: dict[int, NDArray[np.uint8]] = {}
    strips = outputs.named(extremes_name(part) for part in records)
    for record, strip in zip(records.values(), strips, strict=True):
        indices = extremes_of(record.items)
        inputs.update(zip(indices, np.split(strip, len(indices)), strict=True))
    return inputs
