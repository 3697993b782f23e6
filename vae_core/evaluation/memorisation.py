"""Whether samples are copies of training images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, mannwhitneyu

from vae_core.evaluation.features import FeatureSpace
from vae_core.evaluation.neighbours import Nearest, nearest
from vae_core.evaluation.report import MemorisationScores
from vae_core.evaluation.subject import Images

MIN_IMAGES = 10
SIGNIFICANT_P = 0.001
_COPY_NOISE_LEVELS = 2.0


class RealSets(NamedTuple):
    """Points of training images, (T, D), and of images held out, (H, D)."""

    train: NDArray[np.floating]
    held_out: NDArray[np.floating]


class Hits(NamedTuple):
    """How many training images, and how many held-out ones, are the real image nearest to some sample."""

    train: int
    held_out: int


def feature_sets(train: Images, held_out: Images) -> tuple[FeatureSpace, RealSets]:
    """Both sets, uint8 (*, S, S, 3), in a feature space fitted to both together.

    One fitted to the training images alone spreads these more than others, the more the fewer they are: they are then
    farther from everything than held-out images, and copies are overlooked.
    """
    space = FeatureSpace(np.concatenate([train, held_out]))
    return space, RealSets(space.fitted[: len(train)], space.fitted[len(train) :])


def memorisation_scores(samples: NDArray[np.floating], real: RealSets) -> MemorisationScores:
    """Two one-sided tests on the points of samples, (N, D); figures are None where a set has fewer than ten.

    The first compares distances to the nearest training image: samples against held-out images (Mann and Whitney,
    1947; the test inside C_T of Meehan et al., 2020). Smooth, typical images are near to every image, so a model that
    blurs can be found nearer without having copied anything. The second is blind to that: were training and held-out
    images alike to the model, then the real images that are the nearest to some sample would be a draw from both
    without putting back, T / (T + H) of them training images (hypergeometric). That holds whatever the samples look
    like, and even if they are all the same. The verdict rests on it, and is left open where the test could not tell
    copies: where so few images are hit, or so few are held out, that hitting training images alone is no wonder.
    """
    train, held_out = nearest(samples, real.train), nearest(samples, real.held_out)
    between = nearest(real.held_out, real.train).distance
    expected = len(real.train) / (len(real.train) + len(real.held_out))
    enough = min(len(samples), len(real.held_out), len(real.train)) >= MIN_IMAGES
    if not enough:
        return MemorisationScores(
            float(np.median(train.distance)), float(np.median(between)), None, None, expected, None, None
        )
    hits = hit_images(train, held_out)
    hit = hits.train + hits.held_out
    drawn = hypergeom(len(real.train) + len(real.held_out), len(real.train), hit)
    share_p = float(drawn.sf(hits.train - 1))
    could_tell = float(drawn.sf(min(hit, len(real.train)) - 1)) < SIGNIFICANT_P
    return MemorisationScores(
        distance=float(np.median(train.distance)),
        held_out_distance=float(np.median(between)),
        nearer_p=float(mannwhitneyu(train.distance, between, alternative="less").pvalue),
        train_share=hits.train / hit,
        expected_train_share=expected,
        share_p=share_p,
        memorised=share_p < SIGNIFICANT_P if could_tell else None,
    )


def hit_images(train: Nearest, held_out: Nearest) -> Hits:
    """The real images that are the nearest to some sample, from the nearest of each kind to every sample."""
    trained = train.distance < held_out.distance  # (N,)
    return Hits(len(np.unique(train.number[trained])), len(np.unique(held_out.number[~trained])))


def missing_verdicts(*spaces: Mapping[str, MemorisationScores]) -> dict[str, str]:
    """Why verdicts are None, by the figure's name; `spaces` are scores by label."""
    reasons = {}
    scores = [each for space in spaces for each in space.values()]
    if any(each.share_p is None for each in scores):
        reasons["share_p"] = (
            f"memorisation is not tested everywhere: at least {MIN_IMAGES} samples, training images, held-out images "
            "and halves of them are needed"
        )
    if any(each.share_p is not None and each.memorised is None for each in scores):
        reasons["memorised"] = (
            "memorisation is left open where even copies would not show: more test images are needed, or samples that "
            "differ"
        )
    return reasons


def near_copies(images: Images, count: int, seed: int) -> Images:
    """A memorised set, as a control: `count` of uint8 (N, S, S, 3) drawn at random, with a little noise."""
    rng = np.random.default_rng(seed)
    chosen = images[np.sort(rng.integers(0, len(images), count))]
    noise = rng.normal(0.0, _COPY_NOISE_LEVELS, chosen.shape)
    copies: Images = (chosen + noise).round().clip(0, 255).astype(np.uint8)
    return copies
