"""The contact sheet of an interpolation: a row from each point to the next, true inputs at its ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vae_core.imaging.sheets import PAPER, Tile, contact_sheet
from vae_core.jobs.layout import fitted_input_name
from vae_core.jobs.parts import grid_indices
from vae_core.jobs.points import point_name
from vae_core.jobs.records import ItemDone
from vae_core.jobs.spec import InterpolateSpec
from vae_core.jobs.walk import Walk
from vae_core.storage.base import Store
from worker.outputs import read_image, read_output

_MAX_COLUMNS = 12
_MAX_ROWS = 20


def walk_sheet(store: Store, root: str, spec: InterpolateSpec, items: Sequence[ItemDone]) -> bytes:
    """A PNG of the walk's rows, up to 20 of up to 12 frames each, spread evenly with the ends kept.

    root: of the job's folder. Where an image is among the points, every row has room for one before and behind it. A
    frame that could not be made is left blank.
    """
    done = {item.index: item for item in items}
    walk = spec.walk
    with_inputs = any(item.source is not None for item in items)
    rows = [walk.rows[number] for number in grid_indices(len(walk.rows), _MAX_ROWS)]
    tiles: list[Tile | None] = []
    for row in rows:
        shown = [row[number] for number in grid_indices(len(row), _MAX_COLUMNS)]
        frames = [_frame(store, root, walk, done.get(position), position) for position in shown]
        ends = [_input(store, root, done.get(position)) for position in (row[0], row[-1])]
        tiles += [ends[0], *frames, ends[1]] if with_inputs else frames
    size = next((tile.images[0].shape for tile in tiles if tile is not None), None)
    blank = np.full(size, PAPER, dtype=np.uint8) if size is not None else None
    filled = [tile or Tile((blank,), "") for tile in tiles] if blank is not None else []
    columns = len(tiles) // len(rows)
    return contact_sheet(filled, title=_title(spec, walk), columns=columns)


def _frame(store: Store, root: str, walk: Walk, item: ItemDone | None, position: int) -> Tile | None:
    if item is None:
        return None
    return Tile((read_output(store, root, item),), _label(walk, position))


def _input(store: Store, root: str, item: ItemDone | None) -> Tile | None:
    """The input that the frame at a row's end is the reconstruction of, if it is one."""
    if item is None or item.source is None:
        return None
    pixels: NDArray[np.uint8] = read_image(store, root + fitted_input_name(item.index))
    return Tile((pixels,), f"input {item.source.rpartition('/')[2]}")


def _label(walk: Walk, position: int) -> str:
    point = walk.at_point(position)
    if point is not None:
        return point_name(walk.points[point])
    frame = walk.frames[position]
    return f"{frame.across:.2f}" if len(frame.points) == 2 else f"{frame.across:.2f}, {frame.down:.2f}"


def _title(spec: InterpolateSpec, walk: Walk) -> str:
    what = f"{spec.pairs} pairs of seed {spec.seed}" if spec.pairs is not None else f"{len(walk.points)} points"
    return f"{len(walk.frames)} frames between {what}, {spec.method}"
