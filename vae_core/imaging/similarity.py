"""How alike two images are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_PSNR_DB = 100.0
_DIGITS = 4
_WINDOW = 7
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and channels, peak 255; at most 100, which equal images have."""
    error = float(np.mean((image.astype(np.float64) - reference.astype(np.float64)) ** 2))
    if error == 0.0:
        return MAX_PSNR_DB
    return round(min(MAX_PSNR_DB, 10.0 * float(np.log10(255.0**2 / error))), _DIGITS)


def ssim(image: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    """Structural similarity in [-1, 1], mean over all pixels and channels, uniform windows of 7x7.

    image, reference: uint8 (H, W, C), H and W at least 7. Wang et al. 2004, "Image quality assessment: from error
    visibility to structural similarity", equation 13, with the sample covariance, as scikit-image has it by default.
    Sums over windows are of whole numbers, so exact, and some fifteen times as fast as filters in floating point.
    """
    x, y = image.astype(np.int32), reference.astype(np.int32)
    sum_x, sum_y, sum_squares, sum_xy = _window_sums(np.stack([x, y, x * x + y * y, x * y]))  # each (H - 6, W - 6, C)
    n = _WINDOW**2
    product, squares = sum_x * sum_y, sum_x * sum_x + sum_y * sum_y
    # n (n - 1) times the covariance and the sum of the variances, and n^2 times the means: below 2^31 all of them.
    covariance, variances = n * sum_xy - product, n * sum_squares - squares
    means_to, spread_to = _C1 * n * n, _C2 * n * (n - 1)
    above = (2.0 * product + means_to) * (2.0 * covariance + spread_to)
    below = (squares + means_to) * (variances + spread_to)
    return round(float(np.mean(above / below)), _DIGITS)


def _window_sums(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sums over the 7x7 windows of each plane: (N, H, W, C) -> (N, H - 6, W - 6, C)."""
    twos = values[:, :-1] + values[:, 1:]
    fours = twos[:, :-2] + twos[:, 2:]
    values = fours[:, :-3] + twos[:, 4:-1] + values[:, 6:]  # (N, H - 6, W, C)
    twos = values[:, :, :-1] + values[:, :, 1:]
    fours = twos[:, :, :-2] + twos[:, :, 2:]
    sums: NDArray[np.int32] = fours[:, :, :-3] + twos[:, :, 4:-1] + values[:, :, 6:]
    return sums
