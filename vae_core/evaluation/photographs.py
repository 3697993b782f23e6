"""Reconstruction of photographs, those on a clean background told apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vae_core.evaluation.foreground import Mask, fit_background
from vae_core.evaluation.reconstruction import psnrs
from vae_core.evaluation.report import Photographs, PhotographScores
from vae_core.evaluation.subject import Images
from vae_core.imaging.similarity import ssim

ALL, CLEAN, OTHER = "all", "clean background", "other"


def is_clean(photographs: Images) -> Mask:
    """Whether each of uint8 (N, S, S, 3) stands on a clean background, going by its border: (N,)."""
    return np.array([fit_background(image).clean for image in photographs])


def photograph_scores(folder: str, photographs: Images, made: Mapping[str, Images]) -> Photographs:
    """PSNR and SSIM by group and label. made: the reconstructions of all photographs, by label."""
    clean = is_clean(photographs)
    groups = {ALL: np.ones_like(clean), CLEAN: clean, OTHER: ~clean}
    scores: dict[str, dict[str, PhotographScores]] = {group: {} for group in groups}
    for label, images in made.items():
        decibels = psnrs(images, photographs)
        alike = np.array([ssim(image, original) for image, original in zip(images, photographs, strict=True)])
        for group, chosen in groups.items():
            scores[group][label] = (
                PhotographScores(float(decibels[chosen].mean()), float(alike[chosen].mean()))
                if chosen.any()
                else PhotographScores(None, None)
            )
    return Photographs(folder, {group: int(chosen.sum()) for group, chosen in groups.items()}, scores)
