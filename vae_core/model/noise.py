"""Noise on images that is a function of the item alone, so that a job gives the same bytes however it is done."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vae_core.model.latents import normals

_SEED = 2**63 + 0x6E6F697365  # above all that samples are drawn from


def noisy(pixels: NDArray[np.uint8], sigma: float, index: int) -> NDArray[np.uint8]:
    """The uint8 image with the Gaussian noise of item `index` on it, rounded and cut to 0 to 255.

    sigma: deviation of the noise, of values in [0, 1].
    """
    noise = normals(_SEED, [index], pixels.size).reshape(pixels.shape)
    return (pixels + 255.0 * sigma * noise).round().clip(0, 255).astype(np.uint8)
