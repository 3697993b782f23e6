"""How unlike the training images an image is, by the place of its latent under the prior."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vae_core.model.prior import Prior

_DRAWS = 1024
_SEED = 0
_DIGITS = 3


class OutlierScale:
    """Scores latents by how much less likely they are than the prior's own draws, in deviations of those.

    About 0 for what the prior draws itself, and so for images like those that it was fitted to; an image that is like
    none of them is encoded far from where they lie, and scores above 3. It is a one-sided test of typicality, for one
    image (Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep Generative Models Using Typicality", 2019).
    """

    def __init__(self, prior: Prior) -> None:
        self._inverses: NDArray[np.float64] = np.linalg.inv(prior.factors)  # (K, Z, Z)
        self._means = prior.means  # (K, Z)
        with np.errstate(divide="ignore"):  # a component of weight 0 is never the likeliest
            self._offsets = np.log(prior.weights) + np.log(np.abs(np.diagonal(self._inverses, axis1=1, axis2=2))).sum(
                axis=1
            )  # (K,)
        drawn = [self._log_density(latent) for latent in prior.sample(_SEED, range(_DRAWS)).astype(np.float64)]
        self._typical, self._spread = float(np.mean(drawn)), float(np.std(drawn))

    def score(self, latent: NDArray[np.floating]) -> float:
        """Of one latent, (Z,): rounded to three digits. The same latent has the same score, whatever its neighbours."""
        score = (self._typical - self._log_density(latent.astype(np.float64))) / self._spread
        return round(score, _DIGITS)

    def _log_density(self, latent: NDArray[np.float64]) -> float:
        """Up to a constant, of one latent, (Z,)."""
        # Without BLAS, whose sums may depend on the number of threads; what LAPACK does above is below the digits kept.
        scaled = np.einsum("kij,kj->ki", self._inverses, latent - self._means, optimize=False)  # (K, Z)
        return float(np.logaddexp.reduce(self._offsets - 0.5 * np.square(scaled).sum(axis=1)))
