"""What the feature space sees: bad sets farther from real ones than real ones are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import Images, blur, flat, shapes
from vae_core.evaluation.controls import pca_subject
from vae_core.evaluation.features import FeatureSpace
from vae_core.evaluation.frechet import frechet_distance
from vae_core.evaluation.manifold import overlap


def test_points_are_the_same_when_the_space_is_made_again(space: FeatureSpace) -> None:
    images = shapes(5, 9)
    again = FeatureSpace(shapes(300, seed=100))
    assert np.array_equal(again.project(images), space.project(images))
    assert space.project(images).shape == (5, 64)
    assert space.fitted.shape == (300, 64)


def test_bad_sets_rank_behind_real_ones_when_measured_from_real_images(space: FeatureSpace) -> None:
    real = space.project(shapes(200, 1))

    def distance(images: Images) -> float:
        return frechet_distance(real, space.project(images))

    other = shapes(200, 2)
    floor = distance(other)
    barely_noisy = (other + np.random.default_rng(0).normal(0, 2, other.shape)).clip(0, 255).astype(np.uint8)
    assert distance(barely_noisy) < 1.2 * floor
    assert distance(blur(other, 1.0)) > 1.2 * floor
    assert distance(blur(other, 2.0)) > 2 * floor
    assert distance(shapes(200, 2, modes=(0, 1))) > 1.5 * floor
    assert distance(shapes(200, 2, modes=(0,))) > 4 * floor
    assert distance(pca_subject(shapes(300, 3), 16).samples(200, 0)) > 4 * floor


def test_coverage_falls_when_colours_are_missing(space: FeatureSpace) -> None:
    real = space.project(shapes(200, 1))
    full = overlap(real, space.project(shapes(200, 2)))
    dropped = overlap(real, space.project(shapes(200, 2, modes=(0,))))
    assert full.coverage > 0.9 > 0.7 > dropped.coverage
    assert dropped.precision > 0.9


@pytest.mark.parametrize(("count", "dimensions"), [(2, 1), (10, 9), (100, 64)])
def test_dimensions_are_as_many_as_images_allow_when_they_are_few(count: int, dimensions: int) -> None:
    small = FeatureSpace(shapes(count, 1, size=16))
    assert small.dimensions == dimensions
    assert small.project(shapes(3, 2, size=16)).shape == (3, dimensions)


def test_points_are_finite_when_all_images_are_equal() -> None:
    space = FeatureSpace(flat(200, count=8))
    assert np.isfinite(space.project(flat(200, count=3))).all()
    assert np.isfinite(space.project(shapes(3, 1))).all()
