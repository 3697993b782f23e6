"""Where a network with a linear path starts from: probabilistic PCA of small copies of the training images."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.decomposition import PCA

from vae_core.model.resize_conv import LinearPath, ResizeConvNetwork
from vae_core.training.data import Batches

_IMAGES = 4096  # that components are fitted to, as training shows them
_POWER_ITERATIONS = 4
_MIN_DEVIATION = 1e-3  # of a component's score, pixel values summed over the small copy; below that it is rounding
_DARKEST = 0.03  # of a sigmoid, as 0 is out of its reach; 1 - _DARKEST is the lightest


def start_linearly(network: ResizeConvNetwork, batches: Batches) -> None:
    """Make a fresh network a linear autoencoder of least squared error, to which training adds the rest.

    Fitted to what the decoder is to show in the first batches. Latents are the components' scores, each divided by its
    deviation, with the posterior variances of probabilistic PCA (Tipping and Bishop, 1999); the decoder's small image
    is the linear regression of the copies, before the sigmoid, on the latents.
    """
    numbers = range(-(-_IMAGES // batches.batch_size))
    copies = np.concatenate([network.coarse(batches.batch(number).wanted).numpy() for number in numbers])  # (N, D)
    network.start_from(_fitted(copies, network.config.latent_dim))


def _fitted(copies: np.ndarray, latent_dim: int) -> LinearPath:
    """The path of `latent_dim` components; those that the images do not have are left at zero."""
    count = min(latent_dim, len(copies) - 1, copies.shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):  # shares of no variance, where all images are equal
        pca = PCA(count, svd_solver="randomized", iterated_power=_POWER_ITERATIONS, random_state=0).fit(copies)
    deviation = np.sqrt(pca.explained_variance_)  # (k,)
    count = int((deviation > _MIN_DEVIATION).sum())
    deviation = deviation[:count]
    encode = pca.components_[:count] / deviation[:, None]  # (k, D)
    latents = (copies - pca.mean_) @ encode.T  # (N, k), of mean 0 and covariance 1
    wanted = np.clip(copies, _DARKEST, 1.0 - _DARKEST)
    wanted = np.log(wanted / (1.0 - wanted))  # (N, D)
    decode = wanted.T @ latents / len(latents)  # (D, k)
    noise = max(float(pca.noise_variance_), _MIN_DEVIATION**2)
    log_variance = np.log(noise / (noise + np.square(deviation)))
    missing = latent_dim - count
    return LinearPath(
        encode=_tensor(np.pad(encode, ((0, missing), (0, 0)))),
        offset=_tensor(np.pad(-encode @ pca.mean_, (0, missing))),
        log_variance=_tensor(np.pad(log_variance, (0, missing))),
        decode=_tensor(np.pad(decode, ((0, 0), (0, missing)))),
        image=_tensor(wanted.mean(axis=0)),
    )


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).float()
