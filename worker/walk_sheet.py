"""The contact sheet of an interpolation: a row from each point to the next, true inputs at its ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vae_core.imaging.sheets import PAPER, Tile, contact_sheet
from vae_core.jobs.parts import grid_indices
from vae_core.jobs.points import point_name
from vae_core.jobs.records import ItemDone
from vae_core.jobs.spec import InterpolateSpec
from vae_core.jobs.walk import Walk
from worker.outputs import Outputs

_MAX_COLUMNS = 12
_MAX_ROWS = 20


def walk_sheet(outputs: Outputs, spec: InterpolateSpec, items: Sequence[ItemDone]) -> bytes:
    """A PNG of the walk's rows, up to 20 of up to 12 frames each, spread evenly with the ends kept.

    Where an image is among the points, every row has room for one before and behind it. A
    frame that could not be made is left blank.
    """
    done = {item.index: item for item in items}
    walk = spec.walk
    with_inputs = any(item.source is not None for item in items)
    rows = [walk.rows[number] for number in grid_indices(len(walk.rows), _MAX_ROWS)]
    shown = [[row[number] for number in grid_indices(len(row), _MAX_COLUMNS)] for row in rows]
    frames = _frames(outputs, walk, [done[position] for row in shown for position in row if position in done])
    inputs = _inputs(outputs, [done[end] for row in rows for end in (row[0], row[-1]) if end in done])
    tiles: list[Tile | None] = []
    for row, positions in zip(rows, shown, strict=True):
        across = [frames.get(position) for position in positions]
        tiles += [inputs.get(row[0]), *across, inputs.get(row[-1])] if with_inputs else across
    size = next((tile.images[0].shape for tile in tiles if tile is not None), None)
    blank = np.full(size, PAPER, dtype=np.uint8) if size is not None else None
    filled = [tile or Tile((blank,), "") for tile in tiles] if blank is not None else []
    columns = len(tiles) // len(rows)
    return contact_sheet(filled, title=_title(spec, walk), columns=columns)


def _frames(outputs: Outputs, walk: Walk, items: Sequence[ItemDone]) -> dict[int, Tile]:
    images = outputs.of_items(items)
    return {item.index: Tile((image,), _label(walk, item.index)) for item, image in zip(items, images, strict=True)}


def _inputs(outputs: Outputs, items: Sequence[ItemDone]) -> dict[int, Tile]:
    """The inputs that frames are the reconstructions of, by position; none for a frame between them."""
    named = [(item, item.source.rpartition("/")[2]) for item in items if item.source is not None]
    images = outputs.fitted_inputs(item for item, _ in named)
    return {item.index: Tile((image,), f"input {name}") for (item, name), image in zip(named, images, strict=True)}


def _label(walk: Walk, position: int) -> str:
    point = walk.at_point(position)
    if point is not None:
        return point_name(walk.points[point])
    frame = walk.frames[position]
    return f"{frame.across:.2f}" if len(frame.points) == 2 else f"{frame.across:.2f}, {frame.down:.2f}"


def _title(spec: InterpolateSpec, walk: Walk) -> str:
    what = f"{spec.pairs} pairs of seed {spec.seed}" if spec.pairs is not None else f"{len(walk.points)} points"
    return f"{len(walk.frames)} frames between {what}, {spec.method}"
