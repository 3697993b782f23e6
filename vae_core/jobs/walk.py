"""The frames of an interpolation: which points each lies between, and where. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from vae_core.jobs.points import Point


class Frame(NamedTuple):
    """A place among points, which are given by their numbers.

    points: one, where the frame is at it; two, `across` of the way from the first to the second; or the four corners of
    a square, upper left, upper right, lower left and lower right, `across` and `down` of the way. Both are in [0, 1].
    """

    points: tuple[int, ...]
    across: float = 0.0
    down: float = 0.0


class Walk(NamedTuple):
    """points: what is walked between. rows: the frames, as the contact sheet has them, each by its position.

    A frame that ends one row and begins the next stands in both. frames: by position. film: positions in the order that
    an animation shows them in, which ends next to where it begins.
    """

    points: tuple[Point, ...]
    frames: tuple[Frame, ...]
    rows: tuple[tuple[int, ...], ...]
    film: tuple[int, ...]

    def at_point(self, position: int) -> int | None:
        """The number of the point that the frame is at, or None for a frame in between."""
        points = self.frames[position].points
        return points[0] if len(points) == 1 else None


def path_walk(points: Sequence[Point], steps: int, *, loop: bool) -> Walk:
    """From each point to the next, and with `loop` from the last back to the first, whose frame is not repeated.

    points: at least 2. steps: frames from one point to the next, both counted; at least 2.
    """
    legs = len(points) if loop else len(points) - 1
    frames, rows = [], []
    for leg in range(legs):
        after = (leg + 1) % len(points)
        rows.append([leg * (steps - 1) + step for step in range(steps)])
        frames += [_between(leg, after, step, steps) for step in range(steps - 1)]
    if loop:
        rows[-1][-1] = 0
    else:
        frames.append(Frame((legs,)))
    way = tuple(range(len(frames)))
    return Walk(tuple(points), tuple(frames), tuple(map(tuple, rows)), way if loop else _and_back(way))


def pair_walk(points: Sequence[Point], steps: int) -> Walk:
    """From the first point to the second, from the third to the fourth, and so on, a row each."""
    pairs = range(len(points) // 2)
    frames = [_between(2 * pair, 2 * pair + 1, step, steps) for pair in pairs for step in range(steps)]
    rows = tuple(tuple(range(pair * steps, (pair + 1) * steps)) for pair in pairs)
    return Walk(tuple(points), tuple(frames), rows, tuple(chain.from_iterable(map(_and_back, rows))))


def corner_walk(points: Sequence[Point], rows: int, columns: int) -> Walk:
    """The grid whose corners are the four points: upper left, upper right, lower left, lower right. Sides from 2."""
    frames = []
    for row in range(rows):
        for column in range(columns):
            across, down = column / (columns - 1), row / (rows - 1)
            is_corner = across in {0.0, 1.0} and down in {0.0, 1.0}
            corner = int(across) + 2 * int(down)
            frames.append(Frame((corner,)) if is_corner else Frame((0, 1, 2, 3), across, down))
    grid = tuple(tuple(range(row * columns, (row + 1) * columns)) for row in range(rows))
    way = tuple(chain.from_iterable(line[::-1] if row % 2 else line for row, line in enumerate(grid)))
    return Walk(tuple(points), tuple(frames), grid, _and_back(way))


def _and_back(way: tuple[int, ...]) -> tuple[int, ...]:
    """The way, and back to just before its first frame."""
    return way + way[-2:0:-1]


def _between(first: int, second: int, step: int, steps: int) -> Frame:
    """Frame `step` of `steps` from one point to another."""
    if step in {0, steps - 1}:
        return Frame((first if step == 0 else second,))
    return Frame((first, second), step / (steps - 1))
