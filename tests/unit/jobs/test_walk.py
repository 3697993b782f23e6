"""Frames between points."""

from __future__ import annotations

import pytest

from vae_core.jobs.points import SeedPoint
from vae_core.jobs.walk import Frame, Walk, corner_walk, pair_walk, path_walk

_POINTS = [SeedPoint(7, index) for index in range(6)]


def _seen(walk: Walk) -> set[int]:
    return {position for row in walk.rows for position in row}


def test_path_goes_from_point_to_point_when_it_is_open() -> None:
    walk = path_walk(_POINTS[:3], 3, loop=False)
    assert walk.frames == (Frame((0,)), Frame((0, 1), 0.5), Frame((1,)), Frame((1, 2), 0.5), Frame((2,)))
    assert walk.rows == ((0, 1, 2), (2, 3, 4))
    assert walk.film == (0, 1, 2, 3, 4, 3, 2, 1)


def test_path_goes_back_to_its_first_point_when_it_is_a_loop() -> None:
    walk = path_walk(_POINTS[:3], 3, loop=True)
    assert [frame.points for frame in walk.frames] == [(0,), (0, 1), (1,), (1, 2), (2,), (2, 0)]
    assert walk.rows == ((0, 1, 2), (2, 3, 4), (4, 5, 0))
    assert walk.film == tuple(range(6))


def test_each_pair_is_walked_by_itself() -> None:
    walk = pair_walk(_POINTS[:4], 4)
    assert [walk.at_point(position) for position in range(8)] == [0, None, None, 1, 2, None, None, 3]
    assert walk.frames[5] == Frame((2, 3), 1 / 3)
    assert walk.rows == ((0, 1, 2, 3), (4, 5, 6, 7))
    assert walk.film == (0, 1, 2, 3, 2, 1, 4, 5, 6, 7, 6, 5)


def test_grid_has_its_points_at_the_corners() -> None:
    walk = corner_walk(_POINTS[:4], 2, 3)
    assert [walk.at_point(position) for position in range(6)] == [0, None, 1, 2, None, 3]
    assert walk.frames[1] == Frame((0, 1, 2, 3), 0.5, 0.0)
    assert walk.frames[4] == Frame((0, 1, 2, 3), 0.5, 1.0)
    assert walk.film == (0, 1, 2, 5, 4, 3, 4, 5, 2, 1)


@pytest.mark.parametrize(
    "walk",
    [
        path_walk(_POINTS, 2, loop=False),
        path_walk(_POINTS, 5, loop=True),
        path_walk(_POINTS[:2], 2, loop=True),
        pair_walk(_POINTS, 2),
        corner_walk(_POINTS[:4], 5, 2),
    ],
)
def test_every_frame_stands_in_a_row_and_in_the_film(walk: Walk) -> None:
    assert _seen(walk) == set(walk.film) == set(range(len(walk.frames)))
    assert {walk.at_point(position) for position in range(len(walk.frames))} >= set(range(len(walk.points)))
