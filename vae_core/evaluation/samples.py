"""Sets of samples against real images, each figure with the one that real images have against real ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vae_core.evaluation.features import FeatureSpace
from vae_core.evaluation.frechet import frechet_distance
from vae_core.evaluation.manifold import NEIGHBOURS, overlap
from vae_core.evaluation.report import SampleScores
from vae_core.evaluation.sharpness import Gradients, gradients, sharpness
from vae_core.evaluation.subject import Floats, Images
from vae_core.evaluation.wasserstein import Patches, pyramid_patches, sliced_wasserstein


class Described(NamedTuple):
    """A set of images, as the metrics see it: points of the feature space, patches, gradients."""

    points: Floats
    patches: Patches
    gradients: Gradients


def describe(images: Images, space: FeatureSpace, seed: int) -> Described:
    """What the metrics need of uint8 (N, S, S, 3), N at least 1."""
    return Described(space.project(images), pyramid_patches(images, seed), gradients(images))


def set_scores(real: Described, made: Described, seed: int) -> SampleScores:
    """`made` against `real`, sets of equally many images; what so few images do not allow is None."""
    count, dimensions = real.points.shape
    levels = sliced_wasserstein(real.patches, made.patches, seed)
    sharp = sharpness(made.gradients, real.gradients)
    near = overlap(real.points, made.points) if count > NEIGHBOURS else None
    return SampleScores(
        frechet_distance=frechet_distance(real.points, made.points) if count > dimensions else None,
        sliced_wasserstein=float(np.mean(list(levels.values()))),
        sliced_wasserstein_levels={str(size): distance for size, distance in levels.items()},
        precision=near.precision if near else None,
        recall=near.recall if near else None,
        density=near.density if near else None,
        coverage=near.coverage if near else None,
        sharpness=sharp.length,
        gradient_energy=sharp.energy,
    )


def mean_scores(first: SampleScores, second: SampleScores) -> SampleScores:
    """Means of the figures of two comparisons: against one half of the real images and against the other."""
    levels = {
        size: (distance + second.sliced_wasserstein_levels[size]) / 2.0
        for size, distance in first.sliced_wasserstein_levels.items()
    }
    return SampleScores(
        frechet_distance=_mean(first.frechet_distance, second.frechet_distance),
        sliced_wasserstein=_mean(first.sliced_wasserstein, second.sliced_wasserstein),
        sliced_wasserstein_levels=levels,
        precision=_mean(first.precision, second.precision),
        recall=_mean(first.recall, second.recall),
        density=_mean(first.density, second.density),
        coverage=_mean(first.coverage, second.coverage),
        sharpness=_mean(first.sharpness, second.sharpness),
        gradient_energy=_mean(first.gradient_energy, second.gradient_energy),
    )


def missing_scores(count: int, dimensions: int) -> dict[str, str]:
    """Why figures of sets of `count` images are None, by their names; `sets` where there can be none at all."""
    if count == 0:
        return {"sets": "no figures of samples: two disjoint halves need at least two test images"}
    reasons = {}
    if count <= dimensions:
        reasons["frechet_distance"] = (
            f"no Fréchet distance for sets of {count} images: more than {dimensions} are needed"
        )
    if count <= NEIGHBOURS:
        for name in ("precision", "recall", "density", "coverage"):
            reasons[name] = (
                f"no precision, recall, density and coverage for sets of {count} images: more than {NEIGHBOURS} are "
                "needed"
            )
    return reasons


def _mean(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else (first + second) / 2.0
