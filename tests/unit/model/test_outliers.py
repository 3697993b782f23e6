"""How unlike the training images a latent says that an image is."""

from __future__ import annotations

import numpy as np
import pytest

from vae_core.model.outliers import OutlierScale
from vae_core.model.prior import Prior

_PRIOR = Prior(
    weights=np.array([0.7, 0.3]),
    means=np.array([[-3.0, 0.0, 0.0], [3.0, 0.0, 0.0]]),
    factors=np.stack([np.eye(3), np.diag([0.5, 1.0, 2.0])]),
)


@pytest.mark.parametrize("prior", [_PRIOR, Prior.standard(20)])
def test_draws_of_the_prior_itself_score_about_zero_with_deviation_one(prior: Prior) -> None:
    scale = OutlierScale(prior)
    scores = [scale.score(latent) for latent in prior.sample(7, range(800))]
    assert np.mean(scores) == pytest.approx(0.0, abs=0.12)
    assert np.std(scores) == pytest.approx(1.0, abs=0.12)


def test_score_is_the_density_in_deviations_of_that_of_draws() -> None:
    scale = OutlierScale(_PRIOR)
    latents = np.array([[-3.0, 0.0, 0.0], [3.0, 1.0, 2.0], [0.0, 9.0, 0.0]])
    scores = np.array([scale.score(latent) for latent in latents])
    densities = _PRIOR.log_density(latents)
    slopes = np.diff(scores) / np.diff(densities)
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-2)
    assert slopes[0] < 0.0


def test_latents_between_and_beyond_the_components_are_strange() -> None:
    scale = OutlierScale(_PRIOR)
    assert scale.score(np.array([-3.0, 0.0, 0.0])) < 0.0
    assert scale.score(np.array([0.0, 0.0, 0.0])) > 1.0
    assert scale.score(np.array([0.0, 40.0, 0.0])) > 100.0
