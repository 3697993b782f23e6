"""Sets of samples beside the floor."""

from __future__ import annotations

import pytest

from tests.unit.evaluation.shapes import Images, blur, flat, shapes
from vae_core.evaluation.features import FeatureSpace
from vae_core.evaluation.report import SampleScores
from vae_core.evaluation.samples import describe, mean_scores, missing_scores, set_scores


def scores_of(made: Images, space: FeatureSpace) -> SampleScores:
    count = len(made)
    return set_scores(describe(shapes(count, 1), space, 0), describe(made, space, 1), 0)


def test_every_figure_is_worse_when_samples_are_blurred_or_of_one_mode(space: FeatureSpace) -> None:
    floor = scores_of(shapes(100, 2), space)
    soft = scores_of(blur(shapes(100, 2), 2.0), space)
    one = scores_of(shapes(100, 2, modes=(0,)), space)
    assert floor.frechet_distance is not None and floor.sliced_wasserstein is not None
    assert floor.sharpness == pytest.approx(1.0, abs=0.1)
    for bad in (soft, one):
        assert bad.frechet_distance is not None and bad.frechet_distance > 1.2 * floor.frechet_distance
        assert bad.sliced_wasserstein is not None and bad.sliced_wasserstein > 1.2 * floor.sliced_wasserstein
    assert soft.sharpness is not None and soft.sharpness < 0.8
    assert one.coverage is not None and floor.coverage is not None and one.coverage < 0.8 * floor.coverage


def test_figures_are_unknown_when_there_are_too_few_images(space: FeatureSpace) -> None:
    few = scores_of(shapes(5, 2), space)
    assert (few.frechet_distance, few.precision, few.coverage) == (None, None, None)
    assert few.sliced_wasserstein is not None
    assert set(missing_scores(5, 64)) == {"frechet_distance", "precision", "recall", "density", "coverage"}
    assert set(missing_scores(6, 64)) == {"frechet_distance"}
    assert missing_scores(65, 64) == {}
    assert "two test images" in missing_scores(0, 64)["sets"]


def test_means_are_taken_figure_by_figure_when_two_comparisons_are_joined(space: FeatureSpace) -> None:
    one, other = scores_of(shapes(70, 2), space), scores_of(flat(100, count=70), space)
    found = mean_scores(one, other)
    assert one.frechet_distance is not None and other.frechet_distance is not None
    assert found.frechet_distance == (one.frechet_distance + other.frechet_distance) / 2
    assert found.coverage == (one.coverage or 0.0) / 2
    assert set(found.sliced_wasserstein_levels) == {"32", "16"}
    assert mean_scores(one, scores_of(shapes(5, 2), space)).frechet_distance is None
