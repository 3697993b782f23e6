"""How well images are reconstructed: PSNR, SSIM, MS-SSIM, whole and over the foreground, and sharpness."""

from __future__ import annotations

import numpy as np

from vae_core.evaluation.foreground import Mask
from vae_core.evaluation.report import ReconstructionScores
from vae_core.evaluation.sharpness import gradients, sharpness
from vae_core.evaluation.similarity import similarities
from vae_core.evaluation.subject import Floats, Images
from vae_core.imaging.similarity import psnr


def reconstruction_scores(made: Images, originals: Images, masks: Mask) -> ReconstructionScores:
    """Means over the images of uint8 (N, S, S, 3). masks: (N, S, S), the foreground.

    Images without any foreground are left out of its means, which are None where none is left.
    """
    sharp = sharpness(gradients(made), gradients(originals))
    alike = similarities(made, originals, masks)
    return ReconstructionScores(
        psnr_db=float(psnrs(made, originals).mean()),
        foreground_psnr_db=_mean(foreground_psnrs(made, originals, masks)),
        ssim=float(alike.ssim.mean()),
        foreground_ssim=_mean(alike.foreground_ssim),
        ms_ssim=float(alike.ms_ssim.mean()),
        foreground_ms_ssim=_mean(alike.foreground_ms_ssim),
        sharpness=sharp.length,
        gradient_energy=sharp.energy,
    )


def psnrs(made: Images, originals: Images) -> Floats:
    """PSNR of each image in dB, float64 (N,), at most 100."""
    return np.array([psnr(image, original) for image, original in zip(made, originals, strict=True)])


def foreground_psnrs(made: Images, originals: Images, masks: Mask) -> Floats:
    """PSNR of each image in dB over the pixels of its mask alone, float64 (N,); NaN where there are none."""
    return np.array(
        [
            psnr(image[mask], original[mask]) if mask.any() else np.nan
            for image, original, mask in zip(made, originals, masks, strict=True)
        ]
    )


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
