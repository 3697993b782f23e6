"""From a trained network to a checkpoint: whitened latents and a prior fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vae_core.model.network import Network
from vae_core.model.prior import Prior
from vae_core.training.data import to_tensor
from vae_core.training.mixture import best_mixture, fit_mixture

_BATCH = 64


@torch.inference_mode()
def posterior_moments(network: Network, images: np.ndarray) -> tuple[Tensor, Tensor]:
    """Means and variances of the posteriors of `images`, uint8 (N, H, W, 3): two float32 (N, Z) on the CPU."""
    device = network.device
    network.eval()
    means, variances = [], []
    for start in range(0, len(images), _BATCH):
        posterior = network.encode(to_tensor(images[start : start + _BATCH]).to(device))
        means.append(posterior.mean.cpu())
        variances.append(posterior.log_variance.exp().cpu())
    return torch.cat(means), torch.cat(variances)


def whiten_latents(network: Network, images: np.ndarray) -> None:
    """Change the network so that the aggregate posterior over `images` has mean 0 and covariance 1.

    The aggregate's covariance is that of the means plus the mean posterior variance; the second keeps a dimension that
    the network does not use from being blown up.
    """
    means, variances = posterior_moments(network, images)
    noise = variances.double().mean(dim=0)  # (Z,)
    covariance = torch.cov(means.double().T).reshape(means.shape[1], -1) + torch.diag(noise)  # (Z, Z)
    network.whiten(means.double().mean(dim=0), covariance, noise)


def fit_prior(
    network: Network, images: np.ndarray, held_out: np.ndarray, components: Sequence[int], seed: int
) -> Prior:
    """The mixture, of the given numbers of components, that fits the latents of `held_out` best.

    Where there is nothing held out, it is the one with fewest. Both sets are uint8 (N, H, W, 3). It is fitted to one
    draw from each image's posterior, which is what the decoder was trained on.
    """
    rng = np.random.default_rng(seed)
    points = posterior_draws(network, images, rng)
    usable = [count for count in components if count == 1 or len(points) >= 20 * count]
    if not len(held_out) or len(usable) < 2:
        return fit_mixture(points, min(usable, default=1), seed=seed)
    return best_mixture(points, posterior_draws(network, held_out, rng), usable, seed=seed)


def posterior_draws(network: Network, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One latent from the posterior of each of `images`, uint8 (N, H, W, 3): float64 (N, Z)."""
    means, variances = (moments.double().numpy() for moments in posterior_moments(network, images))
    draws: np.ndarray = means + rng.standard_normal(means.shape) * np.sqrt(variances)
    return draws
