"""How sharp images are, by the gradients between their pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vae_core.evaluation.subject import Images


class Gradients(NamedTuple):
    """Of a set of images. length: mean length of the gradient, grey levels a pixel. energy: the mean of its square."""

    length: float
    energy: float


class Sharpness(NamedTuple):
    """Both over those of the originals: 1 is as sharp, less is blurred; noise scores above 1. None where the originals
    are flat.

    Energy is what the strongest edges have; it falls with the square of their contrast.
    """

    length: float | None
    energy: float | None


def gradients(images: Images) -> Gradients:
    """Of uint8 (N, S, S, 3), from the differences of each pixel to the next one down and across, all channels alike.

    The mean is over the whole set: pictures with more contours weigh more.
    """
    length = energy = 0.0
    for image in images:
        levels = image.astype(np.float32)
        squares = np.square(np.diff(levels, axis=0)[:, :-1]) + np.square(np.diff(levels, axis=1)[:-1])
        length += float(np.sqrt(squares).mean())
        energy += float(squares.mean())
    return Gradients(length / len(images), energy / len(images))


def sharpness(made: Gradients, originals: Gradients) -> Sharpness:
    """How sharp one set is over the other."""
    return Sharpness(
        made.length / originals.length if originals.length > 0.0 else None,
        made.energy / originals.energy if originals.energy > 0.0 else None,
    )
