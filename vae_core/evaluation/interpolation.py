"""Midpoints between latents: whether what lies between two cars is a car."""

from __future__ import annotations

import numpy as np

from vae_core.evaluation.neighbours import nearest
from vae_core.evaluation.report import InterpolationScores
from vae_core.evaluation.subject import Floats


def midpoints(latents: Floats) -> Floats:
    """Half way between each latent and the one half the list further on: (2 P or 2 P + 1, Z) to (P, Z)."""
    pairs = len(latents) // 2
    middle: Floats = 0.5 * (latents[:pairs] + latents[pairs : 2 * pairs])
    return middle


def spherical_midpoints(latents: Floats) -> Floats:
    """The same along the arc (Shoemake, 1985), which keeps the length that draws of N(0, I) have in many dimensions.

    Lengths are interpolated apart; where two latents point in opposite ways, the straight line is taken.
    """
    straight = midpoints(latents)
    pairs = len(straight)
    lengths = np.linalg.norm(latents[: 2 * pairs], axis=1)
    wanted = 0.5 * (lengths[:pairs] + lengths[pairs:])
    units = latents[: 2 * pairs] / np.maximum(lengths, 1e-12)[:, None]
    direction = units[:pairs] + units[pairs:]
    norm = np.linalg.norm(direction, axis=1)
    usable = norm > 1e-3
    scale = np.where(usable, wanted / np.maximum(norm, 1e-12), 0.0)
    return np.where(usable[:, None], direction * scale[:, None], straight)


def interpolation_scores(
    real: Floats, samples: Floats, encoded_middle: Floats, generated_middle: Floats
) -> InterpolationScores:
    """Mean distance to the nearest of `real`, all points of the feature space, (*, D).

    real: images other than those whose latents were halved; they would lie next to their own midpoints.
    """
    base, encoded, generated = (
        float(nearest(points, real).distance.mean()) for points in (samples, encoded_middle, generated_middle)
    )
    return InterpolationScores(
        sample_distance=base,
        encoded_midpoint_distance=encoded,
        generated_midpoint_distance=generated,
        encoded_ratio=encoded / base if base > 0.0 else None,
        generated_ratio=generated / base if base > 0.0 else None,
    )
