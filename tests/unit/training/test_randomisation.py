"""How drawings are made unlike drawings, and how a batch of both is learnt from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vae_core.model.config import ModelConfig
from vae_core.training.augmentation import Augmentation, Batch, shown
from vae_core.training.cars.dataset import draw_array
from vae_core.training.config import TrainingConfig
from vae_core.training.data import to_tensor
from vae_core.training.randomisation import randomised
from vae_core.training.trainer import Trainer

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)


@pytest.fixture(scope="module")
def cars() -> torch.Tensor:
    return to_tensor(draw_array(3, 0, 48, size=32))


def test_images_are_the_same_when_randomised_with_the_same_numbers(cars: torch.Tensor) -> None:
    seen, wanted = randomised(cars, 1, 2)
    again = randomised(cars, 1, 2)
    assert torch.equal(seen, again[0])
    assert torch.equal(wanted, again[1])
    assert not torch.equal(wanted, randomised(cars, 1, 3)[1])
    assert not torch.equal(wanted, randomised(cars, 2, 2)[1])


def test_values_stay_valid_and_layout_stays_when_randomised(cars: torch.Tensor) -> None:
    before = cars.clone()
    for images in randomised(cars, 0, 0):
        assert images.shape == cars.shape
        assert images.is_contiguous(memory_format=torch.channels_last)
        assert 0.0 <= float(images.min()) <= float(images.max()) <= 1.0
    assert torch.equal(cars, before)


def test_texture_is_seen_but_not_wanted_when_randomised(cars: torch.Tensor) -> None:
    seen, wanted = randomised(cars, 0, 1)

    def roughness(images: torch.Tensor) -> float:
        return float((images[..., 1:] - images[..., :-1]).abs().mean())

    assert roughness(seen) > 1.1 * roughness(wanted)


def test_backdrops_vary_when_the_cars_stand_on_white(cars: torch.Tensor) -> None:
    _, wanted = randomised(torch.ones(400, 3, 16, 16), 0, 0)
    darkest = wanted.amin(dim=(1, 2, 3)).numpy()
    assert 0.1 < float(np.mean(darkest < 0.3)) < 0.6
    assert float(wanted.mean(dim=(1, 2, 3)).max()) > 0.9


def test_share_of_a_batch_is_randomised_when_asked_for(cars: torch.Tensor) -> None:
    images = cars[:10]
    batch = shown(images, Augmentation(randomised=0.3), 0, 0)
    assert batch.strange == 3
    assert torch.equal(batch.seen[3:], batch.wanted[3:])
    assert not torch.equal(batch.seen[:3], batch.wanted[:3])
    kept = {float(image.sum()) for image in batch.seen[3:]}
    assert len(kept & {float(image.sum()) for image in images}) == 7
    assert shown(images, Augmentation(), 0, 0).strange == 0


def test_figures_are_those_of_the_plain_images_when_others_are_randomised() -> None:
    config = TrainingConfig(model=_MODEL, image_steps=64, batch_size=8, sharpness=0.0)
    plain = torch.full((4, 3, 16, 16), 0.5)
    strange = torch.rand((4, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    alone = Trainer(config, torch.device("cpu")).step(Batch(plain, plain))
    images = torch.cat([strange, plain])
    together = Trainer(config, torch.device("cpu")).step(Batch(images, images, 4))
    mixed = Trainer(config, torch.device("cpu")).step(Batch(images, images))
    assert together.mse < 1.5 * alone.mse
    assert mixed.mse > 2.0 * together.mse


@torch.no_grad()
def test_loss_weighs_both_kinds_by_their_numbers_when_a_batch_has_both() -> None:
    config = TrainingConfig(model=_MODEL, image_steps=64, batch_size=8, free_bits=0.0)
    trainer = Trainer(config, torch.device("cpu"))
    images = torch.rand((8, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    decoded, posterior = trainer._forward(images, torch.zeros(8, 4))
    losses = [float(trainer._loss(Batch(images, images, k), decoded, posterior, 1.0).total) for k in (2, 8)]
    first = trainer._objective.loss(images[:2], decoded[:2], type(posterior)(*(p[:2] for p in posterior)), 1.0)
    rest = trainer._objective.loss(images[2:], decoded[2:], type(posterior)(*(p[2:] for p in posterior)), 1.0)
    assert losses[0] == pytest.approx(float(0.25 * first.total + 0.75 * rest.total), rel=1e-5)
    assert losses[1] != losses[0]
