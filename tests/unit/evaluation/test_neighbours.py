"""Nearest neighbours and thumbnails."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import flat, shapes
from vae_core.evaluation.neighbours import nearest, thumbnails


def test_nearest_is_that_of_a_full_search_when_points_are_many() -> None:
    rng = np.random.default_rng(0)
    queries, points = rng.standard_normal((70, 5)), rng.standard_normal((400, 5))
    every = np.linalg.norm(queries[:, None] - points[None], axis=2)
    found = nearest(queries, points)
    assert np.array_equal(found.number, every.argmin(axis=1))
    assert found.distance == pytest.approx(every.min(axis=1))


def test_distance_is_zero_when_the_query_is_among_the_points() -> None:
    points = thumbnails(shapes(30, 1))
    assert nearest(points, points).distance.max() == 0.0


@pytest.mark.parametrize("size", [16, 32, 50])
def test_thumbnails_hold_the_colour_when_images_are_flat(size: int) -> None:
    found = thumbnails(flat(90, count=2, size=size))
    assert found.shape == (2, 768)
    assert (found == 90.0).all()
