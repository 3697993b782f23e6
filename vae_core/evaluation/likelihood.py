"""How many bits a model needs for an image: the evidence bound, and what its latents carry."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from vae_core.evaluation.report import LikelihoodScores
from vae_core.evaluation.subject import Coder, Floats, Images, Moments, is_standard
from vae_core.model.prior import Prior

ACTIVE_VARIANCE = 0.01  # Burda et al., "Importance Weighted Autoencoders", 2016
_KL_DRAWS = 8
_TRIED = 128  # images by which the scale is chosen
_SCALES = (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
_LN2 = math.log(2.0)
_APART = np.abs(np.arange(256)[:, None] - np.arange(256)[None, :])
_MIN_SIGMA, _MAX_SIGMA = 0.05, 1000.0


class PixelCode(NamedTuple):
    """bits: per pixel value, without those of the latents. sigma: of the decoder's Gaussian, in grey levels."""

    bits: float
    sigma: float


class Bound(NamedTuple):
    """The negative evidence bound. bits, standard_bits: per pixel value, under the model's prior and under N(0, I), of
    which `code` are the pixels'. kl, standard_kl: in nats an image.
    """

    code: PixelCode
    kl: float
    standard_kl: float
    bits: float
    standard_bits: float


def likelihood_scores(coder: Coder, prior: Prior, images: Images, posterior: Moments, seed: int) -> LikelihoodScores:
    """The evidence bound over uint8 (N, S, S, 3), with the encoder's posterior, and with a narrower one.

    Any Gaussian gives a bound. An encoder trained with a large weight on the KL says wider ones than the bound would
    have, and one that is whitened leaves out covariances, which are 0 only on the average of the training images; the
    second figure is comparable all the same.
    """
    own = evidence_bound(coder, prior, images, posterior, seed)
    few = Moments(posterior.mean[:_TRIED], posterior.variance[:_TRIED])
    tried = {scale: evidence_bound(coder, prior, images[:_TRIED], scaled(few, scale), seed).bits for scale in _SCALES}
    scale = min(tried, key=lambda each: tried[each])
    best = own if scale == 1.0 else evidence_bound(coder, prior, images, scaled(posterior, scale), seed)
    return LikelihoodScores(
        elbo_bits_per_dim=own.bits,
        elbo_bits_per_dim_standard=own.standard_bits,
        pixel_bits_per_dim=own.code.bits,
        sigma_levels=own.code.sigma,
        best_elbo_bits_per_dim=best.bits,
        best_posterior_scale=scale,
        best_sigma_levels=best.code.sigma,
        kl_nats=own.kl,
        kl_nats_standard=own.standard_kl,
        kl_per_dimension=[float(value) for value in standard_kl(posterior).mean(axis=0)],
        active_units=int((posterior.mean.var(axis=0) > ACTIVE_VARIANCE).sum()),
        latent_dim=coder.latent_dim,
    )


def evidence_bound(coder: Coder, prior: Prior, images: Images, posterior: Moments, seed: int) -> Bound:
    """Over uint8 (N, S, S, 3), one draw from each image's posterior for the pixels."""
    rng = np.random.default_rng(seed)
    draws = posterior.mean + rng.standard_normal(posterior.mean.shape) * np.sqrt(posterior.variance)
    code = pixel_code(images, coder.decode(draws))
    own = prior_kl(posterior, prior, rng)
    standard = float(standard_kl(posterior).sum(axis=1).mean())
    nats_per_bit = images[0].size * _LN2
    return Bound(code, own, standard, code.bits + own / nats_per_bit, code.bits + standard / nats_per_bit)


def scaled(posterior: Moments, scale: float) -> Moments:
    """The same means, deviations times `scale`."""
    return Moments(posterior.mean, posterior.variance * scale**2)


def pixel_code(images: Images, decoded: Images) -> PixelCode:
    """Bits per pixel value of `images` under a Gaussian around `decoded` with the one sigma that suits them best.

    The Gaussian is integrated over each of the 256 levels, the outermost two taking its tails (Salimans et al., 2017),
    so the figure is that of a lossless code, and 8 is no compression.
    """
    flat = np.zeros(256 * 256)
    for image, other in zip(images, decoded, strict=True):
        flat += np.bincount(image.ravel().astype(np.intp) * 256 + other.ravel(), minlength=256 * 256)
    counts = flat.reshape(256, 256)  # (value, decoded)
    total = counts.sum()

    def nats(log_sigma: float) -> float:
        return -float((counts * _log_levels(float(np.exp(log_sigma)))).sum() / total)

    found = minimize_scalar(nats, bounds=(np.log(_MIN_SIGMA), np.log(_MAX_SIGMA)), method="bounded")
    return PixelCode(float(found.fun) / _LN2, float(np.exp(found.x)))


def standard_kl(posterior: Moments) -> Floats:
    """KL to N(0, 1) of each image and dimension in nats, float64 (N, Z); Kingma and Welling (2013), appendix B."""
    mean, variance = posterior
    divergence: Floats = 0.5 * (np.square(mean) + variance - 1.0 - np.log(variance))
    return divergence


def prior_kl(posterior: Moments, prior: Prior, rng: np.random.Generator) -> float:
    """Mean KL of the posteriors to the prior in nats: exact for N(0, I), else the mean over eight draws of each."""
    if is_standard(prior):
        return float(standard_kl(posterior).sum(axis=1).mean())
    deviation = np.sqrt(posterior.variance)
    own = -0.5 * (1.0 + np.log(2.0 * np.pi * posterior.variance)).sum(axis=1).mean()  # its entropy, exactly, negated
    draws = [posterior.mean + rng.standard_normal(deviation.shape) * deviation for _ in range(_KL_DRAWS)]
    return float(own - np.mean([prior.log_density(each).mean() for each in draws]))


def _log_levels(sigma: float) -> Floats:
    """Log-probability of each level (rows) under a Gaussian around each level (columns), (256, 256)."""
    apart = np.arange(256.0)
    # By symmetry the lower tail serves for either side, where differences keep their precision.
    high, low = log_ndtr((0.5 - apart) / sigma), log_ndtr((-0.5 - apart) / sigma)
    inner = high + np.log1p(-np.exp(low - high))  # (256,)
    table: Floats = inner[_APART]
    table[0], table[255] = high, high[::-1]  # with the whole of the tail
    return table
