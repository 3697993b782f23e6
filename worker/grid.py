"""The contact sheet of a job, `grid.png`."""

from __future__ import annotations

from collections.abc import Sequence

from vae_core.imaging.sheets import Tile, contact_sheet
from vae_core.jobs.job import Job, Plan
from vae_core.jobs.outputs import item_numbers
from vae_core.jobs.parts import GRID_ITEMS, GRID_PAIRS, grid_indices
from vae_core.jobs.records import ItemDone
from vae_core.jobs.spec import InterpolateSpec, ReconstructSpec, SampleSpec
from worker.outputs import Outputs
from worker.walk_sheet import walk_sheet

_SAMPLE_COLUMNS = 10
PAIR_COLUMNS = 5


def make_grid(outputs: Outputs, job: Job, plan: Plan, items: Sequence[ItemDone]) -> bytes:
    """A PNG of up to 100 samples, of up to 50 inputs each beside its reconstruction, or of an interpolation's rows.

    Made of outputs alone.
    """
    match spec := job.spec:
        case SampleSpec():
            shown = _on_sheet(job, plan, items, GRID_ITEMS)
            made = outputs.of_items(shown)
            tiles = [Tile((pixels,), str(item.index)) for item, pixels in zip(shown, made, strict=True)]
            title = f"{_count(plan.items, len(shown))} samples, seed {spec.seed}"
            return contact_sheet(tiles, title=title, columns=_SAMPLE_COLUMNS)
        case ReconstructSpec():
            shown = _on_sheet(job, plan, items, GRID_PAIRS)
            pairs = zip(outputs.fitted_inputs(shown), outputs.of_items(shown), strict=True)
            tiles = [Tile(pair, pair_label(item)) for item, pair in zip(shown, pairs, strict=True)]
            title = f"{_count(plan.items, len(shown))} inputs, each beside its reconstruction"
            return contact_sheet(tiles, title=title, columns=PAIR_COLUMNS)
        case InterpolateSpec():
            return walk_sheet(outputs, spec, items)


def _on_sheet(job: Job, plan: Plan, items: Sequence[ItemDone], most: int) -> list[ItemDone]:
    numbers = item_numbers(job.spec, plan.items)
    wanted = {numbers[position] for position in grid_indices(plan.items, most)}
    return [item for item in items if item.index in wanted]


def _count(planned: int, shown: int) -> str:
    return str(planned) if shown == planned else f"{shown} of {planned:,}"


def pair_label(item: ItemDone) -> str:
    """`a.jpg  21.3 dB`, for an input and its reconstruction."""
    name = (item.source or "").rpartition("/")[2]
    return f"{name}  {item.psnr:.1f} dB" if item.psnr is not None else name
