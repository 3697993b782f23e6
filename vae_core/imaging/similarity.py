"""How alike two images are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_PSNR_DB = 100.0
_DIGITS = 4


def psnr(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels, peak 255; at most 100, which equal images have."""
    error = float(np.mean((image.astype(np.float64) - reference.astype(np.float64)) ** 2))
    if error == 0.0:
        return MAX_PSNR_DB
    return round(min(MAX_PSNR_DB, 10.0 * float(np.log10(255.0**2 / error))), _DIGITS)


def ssim(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Structural similarity in [-1, 1], mean over RGB channels, 7x7 windows (Wang et al. 2004, by scikit-image)."""
    from skimage.metrics import structural_similarity  # here, as the control role, which measures nothing, lacks it

    value = structural_similarity(reference, image, channel_axis=2, data_range=255)
    return round(float(value), _DIGITS)
