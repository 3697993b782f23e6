"""How training images are changed each time they are shown: a pure function of the images, the seed and the batch."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vae_core.errors import InvalidValue
from vae_core.training.randomisation import randomised

_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601


class Augmentation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Strengths; 0 leaves a change out. Images are never mirrored: number plates and steering wheels have a side.

    shift_px: most pixels an image is moved by along each axis; its border is repeated.
    scale: an image is enlarged by up to 1 + scale, or reduced by as much.
    aspect: it is widened by up to 1 + aspect, or narrowed by as much.
    color: brightness, contrast and saturation are each multiplied by 1 - color to 1 + color.
    randomised: share of each batch that is changed beyond what is likely; see `vae_core.training.randomisation`.
    """

    shift_px: int = 0
    scale: float = 0.0
    aspect: float = 0.0
    color: float = 0.0
    randomised: float = 0.0

    def __post_init__(self) -> None:
        for field, high in (("shift_px", 64), ("scale", 0.5), ("aspect", 0.5), ("color", 0.9), ("randomised", 0.9)):
            value = getattr(self, field)
            if not 0 <= value <= high:
                raise InvalidValue(f"augmentation.{field} {value} is out of range: 0 to {high}")


class Batch(NamedTuple):
    """One step's images. seen, wanted: what the encoder sees and what the decoder is to show, (B, 3, H, W) in [0, 1].

    strange: how many of them, the first ones, were randomised.
    """

    seen: Tensor
    wanted: Tensor
    strange: int = 0


def shown(images: Tensor, strengths: Augmentation, seed: int, number: int) -> Batch:
    """Batch `number` as it is trained on: float32 in [0, 1], (B, 3, H, W)."""
    images = augmented(images, strengths, seed, number)
    strange = round(strengths.randomised * len(images))
    if not strange:
        return Batch(images, images)
    order = torch.from_numpy(np.random.default_rng((seed, number, 3)).permutation(len(images)))
    images = images[order]
    seen, wanted = randomised(images[:strange], seed, number)
    plain = images[strange:]
    return Batch(_joined(seen, plain), _joined(wanted, plain), strange)


def _joined(one: Tensor, other: Tensor) -> Tensor:
    return torch.cat([one, other]).contiguous(memory_format=torch.channels_last)


def augmented(images: Tensor, strengths: Augmentation, seed: int, number: int) -> Tensor:
    """The images of batch `number`, changed: float32 in [0, 1], (B, 3, H, W), both ways."""
    rng = np.random.default_rng((seed, number, 1))
    if strengths.scale or strengths.aspect:
        images = _warped(images, strengths, rng)
    elif strengths.shift_px:
        images = _shifted(images, strengths.shift_px, rng)
    return _recoloured(images, strengths.color, rng) if strengths.color else images


def _shifted(images: Tensor, most: int, rng: np.random.Generator) -> Tensor:
    """Each image moved by whole pixels, which blurs nothing."""
    H, W = images.shape[2:]
    padded = F.pad(images, (most,) * 4, mode="replicate")  # (B, 3, H + 2 * most, W + 2 * most)
    moved = torch.empty_like(images)
    for row, (dy, dx) in enumerate(rng.integers(0, 2 * most + 1, (len(images), 2))):
        moved[row] = padded[row, :, dy : dy + H, dx : dx + W]
    return moved


def _warped(images: Tensor, strengths: Augmentation, rng: np.random.Generator) -> Tensor:
    """Each image scaled, widened and shifted by one bicubic resampling."""
    B, (H, W) = len(images), images.shape[2:]
    scale = np.exp(rng.uniform(-1, 1, B) * np.log1p(strengths.scale))
    aspect = np.exp(rng.uniform(-1, 1, B) * np.log1p(strengths.aspect) / 2)
    shift = rng.uniform(-1, 1, (B, 2)) * strengths.shift_px
    matrix = np.zeros((B, 2, 3), np.float32)  # from places in the result to places in the image, both in [-1, 1]
    matrix[:, 0, 0], matrix[:, 0, 2] = 1 / (scale * aspect), 2 * shift[:, 0] / W
    matrix[:, 1, 1], matrix[:, 1, 2] = aspect / scale, 2 * shift[:, 1] / H
    grid = F.affine_grid(torch.from_numpy(matrix), list(images.shape), align_corners=False)  # (B, H, W, 2)
    warped = F.grid_sample(images, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return warped.clamp_(0.0, 1.0).contiguous(memory_format=torch.channels_last)


def _recoloured(images: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast about the image's mean grey, and saturation about each pixel's grey, in this order."""
    factors = rng.uniform(1.0 - most, 1.0 + most, (3, len(images), 1, 1, 1)).astype(np.float32)
    brightness, contrast, saturation = torch.from_numpy(factors)  # each (B, 1, 1, 1)
    weights = torch.tensor(_GREY).reshape(1, 3, 1, 1)
    images = (images * brightness).clamp_(0.0, 1.0)
    level = (images * weights).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)  # (B, 1, 1, 1)
    images = torch.lerp(level, images, contrast).clamp_(0.0, 1.0)
    grey = (images * weights).sum(dim=1, keepdim=True)  # (B, 1, H, W)
    return torch.lerp(grey, images, saturation).clamp_(0.0, 1.0).contiguous(memory_format=torch.channels_last)


def add_noise(images: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """The images, (B, 3, H, W) in [0, 1], with Gaussian noise of their own deviation each, uniform in [0, most].

    Cut to [0, 1], as a noisy file is. The range starts at 0, so that a network which learns from it also keeps clean
    images as they are.
    """
    sigma = torch.rand((len(images), 1, 1, 1), generator=generator, device=images.device) * most
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return (images + sigma * noise).clamp_(0.0, 1.0).contiguous(memory_format=torch.channels_last)
