"""SSIM and MS-SSIM of many images, by torchmetrics, over whole pictures and over their foreground alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from vae_core.evaluation.foreground import Mask
from vae_core.evaluation.subject import Floats, Images
from vae_core.training.data import to_tensor

_BATCH = 16
_KERNEL = 11
_EDGE = _KERNEL // 2
# Weights of the scales by Wang et al., "Multiscale structural similarity for image quality assessment", 2003.
_BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
# SSIM's luminance term is (2ab + c1) / (a^2 + b^2 + c1): with a c1 this large it is 1, and contrast is what is left.
_NO_LUMINANCE = 1e6


class Similarities(NamedTuple):
    """One value of each for each image, float64 (N,). Those of the foreground are NaN where an image has none."""

    ssim: Floats
    ms_ssim: Floats
    foreground_ssim: Floats
    foreground_ms_ssim: Floats


def scale_weights(size: int) -> tuple[float, ...]:
    """Weights of the scales of MS-SSIM for images of `size` pixels, which add up to 1.

    Of the five published scales as many as leave the smallest one at least as wide as the window of 11 pixels: four at
    128 pixels, three at 64, two at 32, one at 16.
    """
    count = 1
    while count < len(_BETAS) and size >> count >= _KERNEL:
        count += 1
    total = sum(_BETAS[:count])
    return tuple(beta / total for beta in _BETAS[:count])


def similarities(images: Images, originals: Images, masks: Mask) -> Similarities:
    """SSIM and MS-SSIM of each image, Gaussian window of 11 pixels, mean over RGB. masks: (N, S, S), the foreground.

    MS-SSIM is put together here from torchmetrics' maps, because its own function gives no maps to average over a mask;
    over whole images it is the same, with negative contrasts taken as 0. Over the foreground, each scale's map is
    averaged over the mask at that scale.
    """
    parts = []
    for start in range(0, len(images), _BATCH):
        rows = slice(start, start + _BATCH)
        pair = to_tensor(images[rows]), to_tensor(originals[rows])
        parts.append(_batch_similarities(*pair, torch.from_numpy(masks[rows]).float()))
    return Similarities(*(np.concatenate(column).astype(np.float64) for column in zip(*parts, strict=True)))


@torch.inference_mode()
def _batch_similarities(images: Tensor, originals: Tensor, masks: Tensor) -> tuple[np.ndarray, ...]:
    betas = scale_weights(images.shape[-1])
    finest = _ssim_map(images, originals)  # (B, 3, S, S)
    whole_product = foreground_product = torch.ones(len(images))
    for level, beta in enumerate(betas):
        if level == len(betas) - 1:
            maps = finest if level == 0 else _ssim_map(images, originals)
            whole = maps.mean(dim=(1, 2, 3))  # (B,)
        else:
            maps = _ssim_map(images, originals, k1=_NO_LUMINANCE)
            whole = maps[:, :, _EDGE:-_EDGE, _EDGE:-_EDGE].mean(dim=(1, 2, 3))
        whole_product = whole_product * whole.clamp(min=0.0) ** beta
        foreground_product = foreground_product * _masked_mean(maps, masks).clamp(min=0.0) ** beta
        if level == 0:
            foreground = _masked_mean(finest, masks)
        images, originals = F.avg_pool2d(images, 2), F.avg_pool2d(originals, 2)  # (B, 3, s / 2, s / 2)
        masks = F.avg_pool2d(masks[:, None], 2)[:, 0]  # (B, s / 2, s / 2)
    found = (finest.mean(dim=(1, 2, 3)), whole_product, foreground, foreground_product)
    return tuple(values.numpy() for values in found)


def _ssim_map(images: Tensor, originals: Tensor, k1: float = 0.01) -> Tensor:
    """The map whose mean is SSIM, (B, 3, S, S)."""
    found = structural_similarity_index_measure(
        images, originals, data_range=1.0, k1=k1, reduction="none", return_full_image=True
    )
    maps: Tensor = found[1]
    return maps


def _masked_mean(maps: Tensor, masks: Tensor) -> Tensor:
    """Mean of each image's map over its mask and channels, (B,); NaN where the mask is empty."""
    return (maps.mean(dim=1) * masks).sum(dim=(1, 2)) / masks.sum(dim=(1, 2))
