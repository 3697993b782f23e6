"""Latents between latents: along straight lines, or along arcs, which keep their distance from the origin.

Draws from N(0, I) lie near a sphere, and the middle of a straight line between two of them does not: it decodes to
something too average (White, "Sampling Generative Networks", 2016).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Latent = NDArray[np.float64]
Blend = Callable[[Latent, Latent, float], Latent]

_LEAST_ANGLE = 1e-4  # below that, or as near to opposite, an arc is a line or is not defined


def lerp(first: Latent, second: Latent, share: float) -> Latent:
    """The latent `share` of the way from one to the other, both (Z,), along a straight line."""
    return first + share * (second - first)


def slerp(first: Latent, second: Latent, share: float) -> Latent:
    """The same along an arc (Shoemake, "Animating Rotation with Quaternion Curves", 1985).

    Its norm goes evenly from that of the one to that of the other. Where they lie in the same direction, or in opposite
    ones, or one is 0, the way is straight.
    """
    norms = float(np.sqrt(np.square(first).sum())), float(np.sqrt(np.square(second).sum()))
    if min(norms) == 0.0:
        return lerp(first, second, share)
    one, other = first / norms[0], second / norms[1]
    angle = float(np.arccos(np.clip((one * other).sum(), -1.0, 1.0)))
    if not _LEAST_ANGLE < angle < np.pi - _LEAST_ANGLE:
        return lerp(first, second, share)
    direction = (np.sin((1.0 - share) * angle) * one + np.sin(share * angle) * other) / np.sin(angle)
    result: Latent = direction * ((1.0 - share) * norms[0] + share * norms[1])
    return result


def bilinear(corners: tuple[Latent, Latent, Latent, Latent], across: float, down: float, blend: Blend) -> Latent:
    """Between four latents: upper left, upper right, lower left, lower right; first down both sides, then across."""
    left = blend(corners[0], corners[2], down)
    right = blend(corners[1], corners[3], down)
    return blend(left, right, across)
