"""SSIM and MS-SSIM, against torchmetrics over whole images and by hand over the foreground."""

from __future__ import annotations

import numpy as np
import pytest
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from tests.unit.evaluation.shapes import blur, noise, shapes
from vae_core.evaluation.similarity import scale_weights, similarities
from vae_core.training.data import to_tensor


def everywhere(count: int, size: int) -> np.ndarray:
    return np.ones((count, size, size), dtype=bool)


@pytest.mark.parametrize("size", [16, 32, 64])
def test_all_values_are_one_when_images_are_equal(size: int) -> None:
    images = noise(3, 1, size)
    for values in similarities(images, images, everywhere(3, size)):
        assert values == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_values_are_those_of_torchmetrics_when_images_are_whole(size: int) -> None:
    originals = shapes(4, 2, size=size)
    images = blur(originals, 1.0)
    found = similarities(images, originals, everywhere(4, size))
    pair = to_tensor(images), to_tensor(originals)
    expected = structural_similarity_index_measure(*pair, data_range=1.0, reduction="none")
    assert found.ssim == pytest.approx(expected.numpy(), abs=1e-5)
    expected = multiscale_structural_similarity_index_measure(
        *pair, data_range=1.0, reduction="none", betas=scale_weights(size), normalize="relu"
    )
    assert found.ms_ssim == pytest.approx(expected.numpy(), abs=1e-5)
    assert found.foreground_ssim == pytest.approx(found.ssim, abs=1e-5)


def test_foreground_is_unharmed_when_only_the_background_changes() -> None:
    originals = shapes(2, 3, size=64)
    masks = np.zeros((2, 64, 64), dtype=bool)
    masks[:, 24:40, 24:40] = True
    images = originals.copy()
    images[:, :8] = 0
    found = similarities(images, originals, masks)
    # In flat areas torchmetrics' rounding leaves 0.002.
    assert found.foreground_ssim == pytest.approx(1.0, abs=0.003)
    assert found.foreground_ms_ssim.min() > 0.99
    assert found.ssim.max() < 0.95
    images = originals.copy()
    images[:, 24:40, 24:40] = noise(2, 4, 16)
    found = similarities(images, originals, masks)
    assert found.foreground_ssim.max() < 0.4 < found.ssim.min()


def test_foreground_is_unknown_when_there_is_none() -> None:
    images = shapes(2, 3)
    masks = everywhere(2, 32)
    masks[1] = False
    found = similarities(blur(images, 1.0), images, masks)
    assert np.isnan(found.foreground_ssim).tolist() == [False, True]
    assert np.isnan(found.foreground_ms_ssim).tolist() == [False, True]
    assert not np.isnan(found.ms_ssim).any()


def test_scales_are_as_many_as_fit_when_images_shrink() -> None:
    assert [len(scale_weights(size)) for size in (16, 32, 64, 128, 512)] == [1, 2, 3, 4, 5]
    assert sum(scale_weights(64)) == pytest.approx(1.0)
