"""Copies are caught, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import Images, shapes
from vae_core.evaluation.memorisation import RealSets, feature_sets, memorisation_scores, missing_verdicts, near_copies
from vae_core.evaluation.neighbours import thumbnails
from vae_core.evaluation.report import MemorisationScores

TRAIN, HELD_OUT = shapes(600, 1), shapes(120, 2)
REAL = RealSets(thumbnails(TRAIN), thumbnails(HELD_OUT))


def scores_of(samples: Images) -> MemorisationScores:
    return memorisation_scores(thumbnails(samples), REAL)


def test_samples_are_called_copies_when_they_are_training_images_with_noise() -> None:
    found = scores_of(near_copies(TRAIN, 120, seed=0))
    assert found.memorised is True
    assert found.share_p is not None and found.share_p < 0.001
    assert found.nearer_p is not None and found.nearer_p < 0.001
    assert found.train_share == 1.0
    assert found.distance is not None and found.held_out_distance is not None
    assert found.distance < 0.2 * found.held_out_distance


def test_copies_are_caught_in_the_feature_space_when_looked_for_there() -> None:
    space, real = feature_sets(TRAIN, HELD_OUT)
    found = memorisation_scores(space.project(near_copies(TRAIN, 120, seed=0)), real)
    assert found.memorised is True
    assert memorisation_scores(space.project(shapes(120, 3)), real).memorised is False


def test_training_images_are_hit_as_often_as_expected_when_there_are_few_of_them() -> None:
    # A space fitted to the training images alone gives 0: it spreads them so far that none is the nearest.
    images = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), dtype=np.uint8)
    space, real = feature_sets(images[:100], images[100:200])
    found = memorisation_scores(space.project(images[200:]), real)
    assert found.expected_train_share == 0.5
    assert found.train_share == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_samples_are_not_called_copies_when_they_are_other_real_images(seed: int) -> None:
    found = scores_of(shapes(120, seed))
    assert found.memorised is False
    assert found.share_p is not None and found.share_p > 0.001
    assert found.nearer_p is not None and found.nearer_p > 0.001
    assert found.expected_train_share == pytest.approx(600 / 720)


def test_samples_are_not_called_copies_when_they_are_only_typical() -> None:
    # Nearer to the middle, as blurred images are, and so nearer to all others: the first test alone would be misled.
    rng = np.random.default_rng(0)
    real = RealSets(rng.standard_normal((600, 20)), rng.standard_normal((120, 20)))
    found = memorisation_scores(0.5 * rng.standard_normal((120, 20)), real)
    assert found.nearer_p is not None and found.nearer_p < 0.001
    assert found.share_p is not None and found.share_p > 0.001
    assert found.memorised is False


def test_samples_are_not_called_copies_when_they_are_all_the_same() -> None:
    # One training image is nearest to every one of them: a single hit, which says next to nothing.
    samples = np.repeat((TRAIN[:1] * 0.9).astype(np.uint8), 120, axis=0)
    found = scores_of(samples)
    assert found.train_share == 1.0
    assert found.share_p == pytest.approx(600 / 720)
    assert found.memorised is None
    assert "memorised" in missing_verdicts({"cars": found})


def test_verdict_is_open_when_even_copies_would_not_be_significant() -> None:
    # 12 held-out images beside 600: copies hit some hundred images, of which two held-out ones at most are expected.
    real = RealSets(REAL.train, REAL.held_out[:12])
    found = memorisation_scores(thumbnails(near_copies(TRAIN, 120, seed=0)), real)
    assert found.train_share == 1.0
    assert found.share_p is not None and found.share_p > 0.001
    assert found.memorised is None
    assert missing_verdicts({"cars": scores_of(near_copies(TRAIN, 120, seed=0))}) == {}


def test_verdict_is_open_when_there_are_too_few_images() -> None:
    few = RealSets(REAL.train, REAL.held_out[:5])
    found = memorisation_scores(REAL.held_out[:50], few)
    assert (found.nearer_p, found.share_p, found.memorised) == (None, None, None)
    assert list(missing_verdicts({"cars": found})) == ["share_p"]
    assert found.distance is not None
