"""How much noise a model takes out of images."""

from __future__ import annotations

import numpy as np

from vae_core.evaluation.reconstruction import psnrs
from vae_core.evaluation.report import DenoisingScores
from vae_core.evaluation.subject import Images

SIGMA = 0.2


def noisy(images: Images, seed: int, sigma: float = SIGMA) -> Images:
    """Gaussian noise of deviation `sigma` x 255 on uint8 (N, S, S, 3), then cut to 0..255 and rounded, as in a file."""
    made = np.empty_like(images)
    for row, image in enumerate(images):
        noise = np.random.default_rng((seed, row)).standard_normal(image.shape, dtype=np.float32)
        made[row] = (image + 255.0 * sigma * noise).round().clip(0, 255)
    return made


def denoising_scores(originals: Images, noised: Images, made: Images) -> DenoisingScores:
    """`made` are the reconstructions of the noised images."""
    before, after = float(psnrs(noised, originals).mean()), float(psnrs(made, originals).mean())
    return DenoisingScores(before, after, after - before)
