"""Scores of reconstructions, over the foreground at known values."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.evaluation.shapes import blur, flat, shapes
from vae_core.evaluation.foreground import foreground_masks
from vae_core.evaluation.reconstruction import foreground_psnrs, psnrs, reconstruction_scores


def test_foreground_psnr_counts_masked_pixels_alone_when_errors_are_elsewhere_too() -> None:
    original = flat(100)
    mask = np.zeros((1, 32, 32), dtype=bool)
    mask[:, :8] = True
    made = original.copy()
    made[:, :8] = 110  # 28.1308 dB over the mask
    made[:, 20:] = 0
    assert foreground_psnrs(made, original, mask) == pytest.approx([28.1308])
    assert psnrs(made, original)[0] < 13.0
    assert np.isnan(foreground_psnrs(made, original, np.zeros_like(mask))).all()


def test_scores_are_perfect_when_images_are_equal_and_worse_when_blurred() -> None:
    images = shapes(8, 1, size=64)
    masks = foreground_masks(images)
    same = reconstruction_scores(images, images, masks)
    assert (same.psnr_db, same.foreground_psnr_db, same.sharpness, same.gradient_energy) == (100.0, 100.0, 1.0, 1.0)
    soft = reconstruction_scores(blur(images, 1.5), images, masks)
    assert soft.foreground_psnr_db is not None
    assert soft.foreground_psnr_db < soft.psnr_db < 35.0
    assert soft.foreground_ssim is not None and soft.foreground_ssim < soft.ssim < 0.95
    assert soft.foreground_ms_ssim is not None and soft.foreground_ms_ssim < 0.999
    assert soft.sharpness is not None and soft.sharpness < 0.9


def test_foreground_is_left_out_when_images_have_none() -> None:
    images = flat(200, count=3)
    found = reconstruction_scores(images, images, foreground_masks(images))
    assert (found.foreground_psnr_db, found.foreground_ssim, found.foreground_ms_ssim) == (None, None, None)
    assert (found.psnr_db, found.sharpness) == (100.0, None)
