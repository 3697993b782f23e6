"""What figures are read against: PCA of the same size, blurred originals, the mean image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.decomposition import PCA

from vae_core.evaluation.labels import pca_label
from vae_core.evaluation.subject import Floats, Images, Moments, Subject
from vae_core.model.prior import Prior

_SEED = 0
_POWER_ITERATIONS = 4
_MIN_DEVIATION = 1e-6
_BATCH = 250
_BLUR_SHARE = 1.5 / 128


class PcaCoder:
    """The linear autoencoder of least squared error, and the Gaussian that goes with it.

    Latents are its components' scores, each divided by its deviation over the training images, so that N(0, I) is the
    Gaussian fitted to them. Posteriors are those of probabilistic PCA (Tipping and Bishop, 1999), but for the means,
    which are not shrunk: so decode(mean) is the plain projection.
    """

    def __init__(self, images: Images, components: int) -> None:
        """images: to fit, uint8 (N, S, S, 3), N at least 2; at most N - 1 components are kept."""
        self._size = images.shape[1]
        rows = np.divide(images.reshape(len(images), -1), 255.0, dtype=np.float32)  # (N, S * S * 3)
        count = min(components, len(images) - 1)
        with np.errstate(invalid="ignore", divide="ignore"):  # the share of no variance, where all images are equal
            fitted = PCA(
                count, svd_solver="randomized", iterated_power=_POWER_ITERATIONS, copy=False, random_state=_SEED
            ).fit(rows)
        self._mean: NDArray[np.float32] = fitted.mean_.astype(np.float32)
        self._components: NDArray[np.float32] = fitted.components_.astype(np.float32)  # (Z, S * S * 3)
        explained = fitted.explained_variance_.astype(np.float64)
        self._deviation = np.sqrt(explained).clip(min=_MIN_DEVIATION).astype(np.float32)  # (Z,)
        left_out = float(explained.sum()) * (1.0 / float(fitted.explained_variance_ratio_.sum()) - 1.0)
        noise = max(np.nan_to_num(left_out), _MIN_DEVIATION**2) / max(rows.shape[1] - count, 1)
        self._variance: Floats = noise / (noise + np.square(self._deviation, dtype=np.float64))

    @property
    def latent_dim(self) -> int:
        """Z."""
        return len(self._components)

    def encode(self, images: Images) -> Moments:
        """The posterior of each image; its variance is the same for all."""
        scores = [
            (batch.reshape(len(batch), -1) / np.float32(255.0) - self._mean) @ self._components.T / self._deviation
            for batch in (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))
        ]
        mean = np.concatenate(scores).astype(np.float64)
        return Moments(mean, np.broadcast_to(self._variance, mean.shape))

    def decode(self, latents: NDArray[np.floating]) -> Images:
        """The image of each latent, cut to the range of pixels."""
        scores = latents.astype(np.float32) * self._deviation
        parts = [
            _to_pixels(scores[start : start + _BATCH] @ self._components + self._mean)
            for start in range(0, len(scores), _BATCH)
        ]
        return np.concatenate(parts).reshape(len(latents), self._size, self._size, 3)


def pca_subject(images: Images, components: int) -> Subject:
    """PCA fitted to `images`, uint8 (N, S, S, 3), with as many components as a checkpoint has latents."""
    coder = PcaCoder(images, components)
    return Subject(pca_label(coder.latent_dim), coder, Prior.standard(coder.latent_dim), images.shape[1])


def blurred(images: Images) -> Images:
    """Each image blurred by a Gaussian of 1.5 pixels where it is 128 wide, and in proportion."""
    sigma = images.shape[1] * _BLUR_SHARE
    made = np.empty_like(images)
    for row, image in enumerate(images):
        levels = image.astype(np.float32)
        smooth = gaussian_filter1d(gaussian_filter1d(levels, sigma, axis=0), sigma, axis=1)
        made[row] = smooth.round().clip(0, 255)
    return made


def mean_image(images: Images) -> Images:
    """The mean of uint8 (N, S, S, 3), as (S, S, 3): what a decoder without latents would draw."""
    rounded: Images = images.mean(axis=0, dtype=np.float64).round().astype(np.uint8)
    return rounded


def _to_pixels(values: NDArray[np.float32]) -> Images:
    return (values * 255.0).round().clip(0, 255).astype(np.uint8)
