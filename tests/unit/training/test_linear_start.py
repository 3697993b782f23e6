"""The linear autoencoder that a training starts from."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

from vae_core.model.config import ModelConfig
from vae_core.training.augmentation import Augmentation
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.data import Batches, to_tensor
from vae_core.training.trainer import Trainer

_MODEL = ModelConfig(
    image_size=16,
    latent_dim=6,
    encoder_channels=(8, 8),
    decoder_channels=(8, 8, 4),
    residual_max_size=0,
    coarse_size=8,
)
_CONFIG = TrainingConfig(model=_MODEL, image_steps=400, batch_size=8, augmentation=Augmentation())
_CPU = torch.device("cpu")


def _pictures(count: int) -> np.ndarray:
    """Smooth pictures of mid tones with more components than the network has latents: uint8 (count, 16, 16, 3)."""
    small = torch.rand(count, 3, 3, 3, generator=torch.Generator().manual_seed(5)) * 0.6 + 0.2
    large = F.interpolate(small, size=16, mode="bilinear", align_corners=False)
    return (large * 255).round().byte().permute(0, 2, 3, 1).numpy()


def _started(pictures: np.ndarray, config: TrainingConfig = _CONFIG) -> Trainer:
    trainer = Trainer(config, _CPU)
    trainer.start(Batches(pictures, config.batch_size, config.seed, augmentation=config.augmentation))
    return trainer


def _small_copies(images: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(images, 2)  # (B, 3, 8, 8)


def test_reconstruction_starts_as_that_of_principal_components() -> None:
    pictures = _pictures(400)
    images = to_tensor(pictures)
    copies = _small_copies(images).flatten(1).numpy()
    pca = PCA(6).fit(copies)
    best = np.square(pca.inverse_transform(pca.transform(copies)) - copies).mean()
    assert best < 0.7 * copies.var(axis=0).mean()
    with torch.no_grad():
        network = _started(pictures).network.eval()
        shown = _small_copies(network(images)).flatten(1).numpy()
    # Between them are a sigmoid and an enlargement.
    assert np.square(shown - copies).mean() == pytest.approx(best, rel=0.05)


def test_latents_start_with_unit_covariance_and_the_noise_of_their_component() -> None:
    pictures = _pictures(400)
    with torch.no_grad():
        posterior = _started(pictures).network.eval().encode(to_tensor(pictures))
    torch.testing.assert_close(torch.cov(posterior.mean.T), torch.eye(6), rtol=0, atol=0.02)
    torch.testing.assert_close(posterior.mean.mean(dim=0), torch.zeros(6), rtol=0, atol=0.02)
    noise = posterior.log_variance[0]
    assert (noise.diff() > 0).all(), "later components are weaker, so their posteriors are wider"
    assert noise.max() < 0.0


def test_average_starts_from_the_same_weights_when_training_starts() -> None:
    trainer = _started(_pictures(40))
    for name, value in trainer.average.network.state_dict().items():
        torch.testing.assert_close(value, trainer.network.state_dict()[name], rtol=0, atol=0)


@pytest.mark.parametrize("pictures", [_pictures(4), np.full((40, 16, 16, 3), 120, np.uint8)], ids=["few", "equal"])
def test_training_goes_on_when_there_are_fewer_components_than_latents(pictures: np.ndarray) -> None:
    trainer = _started(pictures, changed(_CONFIG, batch_size=4))
    images = to_tensor(pictures[:4])
    with torch.no_grad():
        assert (trainer.network.eval()(images) - images).abs().mean() < 0.02
    trainer.network.train()
    batches = Batches(pictures, 4, 0)
    assert all(np.isfinite(trainer.step(batches.batch(number)).loss) for number in range(3))


def test_posterior_stays_a_point_when_an_autoencoder_starts() -> None:
    pictures = _pictures(40)
    config = changed(_CONFIG, objective="autoencoder", beta=0.0, free_bits=0.0)
    fresh = Trainer(config, _CPU).network.encode(to_tensor(pictures[:2])).log_variance
    started = _started(pictures, config).network.encode(to_tensor(pictures[:2])).log_variance
    torch.testing.assert_close(started, fresh, rtol=0, atol=0)


def test_nothing_is_computed_when_the_network_has_no_linear_path() -> None:
    config = changed(_CONFIG, model=ModelConfig(image_size=16, encoder_channels=(8,), decoder_channels=(8, 8)))
    before = Trainer(config, _CPU).network.state_dict()
    after = _started(_pictures(40), config).network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
