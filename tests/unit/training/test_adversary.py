"""The second network of a training, and what it does to the first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from vae_core.model.config import ModelConfig
from vae_core.training.adversary import Adversary, PatchJudge, recombined
from vae_core.training.augmentation import Batch
from vae_core.training.average import resting_batch_norm
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.states import read_state, write_state
from vae_core.training.trainer import StepResult, Trainer

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)
_CONFIG = TrainingConfig(model=_MODEL, image_steps=96, batch_size=8, adversarial=1.0, adversarial_from=0.5)
_CPU = torch.device("cpu")


def _noisy(seed: int, size: int = 16) -> torch.Tensor:
    return torch.rand(8, 3, size, size, generator=torch.Generator().manual_seed(seed))


def _trained(trainer: Trainer, first: int, last: int, *, strange: int = 2) -> list[StepResult]:
    return [trainer.step(Batch(_noisy(number), _noisy(number), strange)) for number in range(first, last)]


def _weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.network.state_dict().values(), *trainer.average.network.state_dict().values()]


def _equal(one: Trainer, other: Trainer) -> bool:
    return all(torch.equal(mine, its) for mine, its in zip(_weights(one), _weights(other), strict=True))


@pytest.mark.parametrize("size", [16, 128])
def test_every_patch_is_judged(size: int) -> None:
    assert PatchJudge()(_noisy(1, size)).shape == (8, 1, size // 16, size // 16)


def test_blurred_images_are_told_from_sharp_ones_when_it_has_learnt() -> None:
    adversary = Adversary(0, _CPU)
    losses = []
    for number in range(120):
        sharp = _noisy(number, 32)
        losses.append(adversary.learn(sharp, F.avg_pool2d(sharp, 3, 1, 1)).item())
    assert losses[0] == pytest.approx(2.0, abs=0.3)
    assert losses[-1] < 0.5


def test_blurred_images_are_pulled_towards_what_it_takes_for_sharp() -> None:
    adversary = Adversary(0, _CPU)
    for number in range(60):
        sharp = _noisy(number, 32)
        adversary.learn(sharp, F.avg_pool2d(sharp, 3, 1, 1))
    blurred = F.avg_pool2d(_noisy(99, 32), 3, 1, 1).requires_grad_()
    pull = adversary.pull(blurred, torch.tensor(0.25))
    (gradient,) = torch.autograd.grad(pull, blurred)
    assert pull.item() == 0.0
    torch.testing.assert_close(gradient.norm(), torch.tensor(0.25))
    with torch.no_grad():
        assert (blurred - 10.0 * gradient).std() > blurred.std()


def test_draws_have_mean_and_covariance_of_the_latents() -> None:
    generator = torch.Generator().manual_seed(1)
    spread = torch.randn(3, 3, generator=generator)
    batches = [torch.randn(4, 3, generator=generator) @ spread + 5.0 for _ in range(4000)]
    latents, draws = torch.cat(batches), torch.cat([recombined(batch, generator) for batch in batches])
    torch.testing.assert_close(draws.mean(dim=0), latents.mean(dim=0), rtol=0, atol=0.1)
    torch.testing.assert_close(torch.cov(draws.T), torch.cov(latents.T), rtol=0.1, atol=0.1)


def test_statistics_stay_those_of_the_images_when_draws_are_decoded() -> None:
    torch.manual_seed(0)
    network = Trainer(_CONFIG, _CPU).network.train()
    before = {name: value.clone() for name, value in network.named_buffers() if "running" in name}
    with resting_batch_norm(network):
        network.decode(torch.randn(8, 4))
    assert all(torch.equal(value, dict(network.named_buffers())[name]) for name, value in before.items())
    network.decode(torch.randn(8, 4))
    assert not all(torch.equal(value, dict(network.named_buffers())[name]) for name, value in before.items())


def test_weights_are_the_same_bits_until_the_second_network_begins() -> None:
    with_it, without = Trainer(_CONFIG, _CPU), Trainer(changed(_CONFIG, adversarial=0.0), _CPU)
    early = [_trained(trainer, 0, 6) for trainer in (with_it, without)]
    assert _equal(with_it, without)
    assert [result.judge_loss for results in early for result in results] == [0.0] * 12
    late = _trained(with_it, 6, 8)
    assert all(0.0 < result.judge_loss < 4.0 for result in late)
    _trained(without, 6, 8)
    assert not _equal(with_it, without)


@pytest.mark.parametrize("stop", [3, 6, 9])
def test_weights_are_the_same_bits_when_the_run_was_interrupted(tmp_path: Path, stop: int) -> None:
    straight = Trainer(_CONFIG, _CPU)
    _trained(straight, 0, 12)
    stopped = Trainer(_CONFIG, _CPU)
    _trained(stopped, 0, stop)
    write_state(tmp_path / "state.pt", {"trainer": stopped.state()})
    resumed = Trainer(_CONFIG, _CPU)
    resumed.restore(read_state(tmp_path / "state.pt")["trainer"], where="state.pt")
    _trained(resumed, stop, 12)
    assert _equal(resumed, straight)


def test_second_network_rests_when_a_batch_holds_randomised_images_only() -> None:
    trainer = Trainer(changed(_CONFIG, adversarial_from=0.0), _CPU)
    assert [result.judge_loss for result in _trained(trainer, 0, 2, strange=8)] == [0.0, 0.0]


def test_run_goes_on_when_its_state_is_of_a_training_without_the_second_network(tmp_path: Path) -> None:
    before = Trainer(changed(_CONFIG, adversarial=0.0), _CPU)
    _trained(before, 0, 6)
    write_state(tmp_path / "state.pt", {"trainer": before.state()})
    trainer = Trainer(_CONFIG, _CPU)
    trainer.restore(read_state(tmp_path / "state.pt")["trainer"], where="state.pt")
    assert [start for start, _ in trainer.stages] == [0, 48]
    assert _trained(trainer, 6, 7)[0].judge_loss > 0.0
