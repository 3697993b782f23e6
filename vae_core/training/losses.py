"""What a batch costs: under a Gaussian likelihood whose variance is the batch's best one, or as it was published."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_core.model.network import Posterior

MIN_LOG_SIGMA = -6.0
_PYRAMID_LEVELS = 3
_MIN_BAND_ERROR = 1.0 / 255.0  # errors below one grey level need no further push
_WINDOW = 8
_SSIM_C2 = 0.03**2  # as in the paper, for values up to 1


class Loss(NamedTuple):
    """Scalars. total: what is minimised, per pixel value. mse: mean squared error. kl: nats per image, without beta."""

    total: Tensor
    mse: Tensor
    kl: Tensor


def vae_loss(
    images: Tensor,
    decoded: Tensor,
    posterior: Posterior,
    *,
    beta: float,
    free_bits: float,
    sharpness: float,
    structure: float = 0.0,
) -> Loss:
    """The negative evidence bound of a batch, divided by the number of pixel values of an image.

    images, decoded: (B, 3, H, W). The likelihood is that of the sigma-VAE (Rybkin et al., "Simple and Effective VAE
    Training with Calibrated Decoders", 2021): sigma^2 is the batch's own mean squared error, no gradient through it,
    log sigma >= -6; so no weight between image and KL has to be set by hand, and beta = 1 is the true bound. The
    division keeps gradients of a size that clipping can be set for.
    """
    values = images[0].numel()
    mse = F.mse_loss(decoded, images)
    log_sigma = (0.5 * torch.log(mse.detach())).clamp(min=MIN_LOG_SIGMA)
    pixel = 0.5 * mse * torch.exp(-2.0 * log_sigma) + log_sigma + 0.5 * math.log(2.0 * math.pi)
    per_dimension = kl_divergence(posterior).mean(dim=0)  # (Z,)
    total = pixel + beta * per_dimension.clamp(min=free_bits).sum() / values
    if sharpness > 0.0:
        total = total + sharpness * laplacian_term(images, decoded)
    if structure > 0.0:
        total = total + structure * structure_term(images, decoded)
    return Loss(total, mse, per_dimension.sum())


def published_loss(images: Tensor, decoded: Tensor, posterior: Posterior, *, target: Tensor, beta: float) -> Loss:
    """The published objective: mean squared error against `target`, and KL divided by the number of pixel values.

    All but the posterior are (B, 3, H, W); `images` are in [0, 1]. Published are beta = 1 and the *normalised* images
    as the target, which the sigmoid of the output cannot reach: this is its flaw. The mse that is told is that against
    the images all the same, so that runs can be compared.
    """
    kl = kl_divergence(posterior).sum(dim=1).mean()
    total = F.mse_loss(decoded, target) + beta * kl / images[0].numel()
    with torch.no_grad():
        mse = F.mse_loss(decoded, images)
    return Loss(total, mse, kl)


def kl_divergence(posterior: Posterior) -> Tensor:
    """KL(q || N(0, 1)) of each image and latent dimension, in nats, (B, Z); Kingma and Welling (2013), appendix B."""
    mean, log_variance = posterior
    return 0.5 * (mean.square() + torch.exp(log_variance) - 1.0 - log_variance)


def laplacian_term(images: Tensor, decoded: Tensor) -> Tensor:
    """Negative log-likelihood, up to a constant, of Laplacian-pyramid bands under Laplace distributions of best scale.

    images, decoded: (B, 3, H, W). Bands are those of Burt and Adelson (1983) with box filters. Absolute errors leave an
    edge sharp where squared ones spread it; the logarithm of each band's mean absolute error weighs bands alike.
    """
    error = decoded - images
    total = torch.zeros((), device=images.device)
    for _ in range(_PYRAMID_LEVELS):
        coarse = F.avg_pool2d(error, 2)  # (B, 3, h / 2, w / 2)
        band = error - F.interpolate(coarse, scale_factor=2.0, mode="nearest")  # (B, 3, h, w)
        absolute = band.abs().mean()
        total = total + absolute / absolute.detach().clamp(min=_MIN_BAND_ERROR)
        error = coarse
    return total / _PYRAMID_LEVELS


def structure_term(images: Tensor, decoded: Tensor) -> Tensor:
    """One minus the contrast and structure part of SSIM (Wang et al., 2004), at full and at half size: a scalar.

    images, decoded: (B, 3, H, W). Squared errors are least when what is uncertain is pale. This is least when it has
    the contrast of the image; but texture that is made up, and so lies elsewhere, makes it larger.
    """
    halves = (F.avg_pool2d(images, 2), F.avg_pool2d(decoded, 2))
    return 1.0 - 0.5 * (_structure(images, decoded) + _structure(*halves))


def _structure(images: Tensor, decoded: Tensor) -> Tensor:
    """Mean over windows of 8 pixels, or as many as there are, and all channels."""
    window = min(_WINDOW, images.shape[2])
    maps = torch.cat([images, decoded, images.square(), decoded.square(), images * decoded], dim=1)  # (B, 15, H, W)
    x, y, xx, yy, xy = torch.split(F.avg_pool2d(maps, window, window // 2), 3, dim=1)  # (B, 3, h, w) each
    contrasts = (xx - x.square()) + (yy - y.square())
    similarity: Tensor = (2.0 * (xy - x * y) + _SSIM_C2) / (contrasts + _SSIM_C2)
    return similarity.mean()
