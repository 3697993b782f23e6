"""Steps, schedule and saved state of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vae_core.errors import InvalidValue
from vae_core.model.config import ModelConfig
from vae_core.model.resize_conv import MIN_LOG_VARIANCE
from vae_core.training.augmentation import Batch
from vae_core.training.average import refresh_batch_norm
from vae_core.training.config import TrainingConfig, changed
from vae_core.training.precision import Arithmetic, arithmetic_of
from vae_core.training.presets import preset
from vae_core.training.states import read_state, write_state
from vae_core.training.trainer import Trainer, TrainingDiverged

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)
_CONFIG = TrainingConfig(model=_MODEL, image_steps=400, batch_size=8, warmup_share=0.5, beta=2.0, sharpness=0.0)
_CPU = torch.device("cpu")


def _images(number: int) -> torch.Tensor:
    """Eight images of one random colour each: easy to learn."""
    generator = torch.Generator().manual_seed(number)
    return torch.rand(8, 3, 1, 1, generator=generator).expand(8, 3, 16, 16).contiguous()


def _batch(number: int) -> Batch:
    return Batch(_images(number), _images(number))


def _resumed(stopped: Trainer, config: TrainingConfig, folder: Path) -> Trainer:
    """A trainer that goes on, through a file, from where the other one is."""
    path = folder / "state.pt"
    write_state(path, {"trainer": stopped.state()})
    trainer = Trainer(config, _CPU)
    trainer.restore(read_state(path)["trainer"], where=str(path))
    return trainer


def _weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.network.state_dict().values(), *trainer.average.network.state_dict().values()]


def test_error_falls_when_trained() -> None:
    trainer = Trainer(changed(_CONFIG, image_steps=1200, learning_rate=5e-3), _CPU)
    errors = [trainer.step(_batch(number % 4)).mse for number in range(150)]
    assert trainer.done
    assert sum(errors[-5:]) < 0.4 * sum(errors[:5])


def test_schedules_rise_and_fall_with_image_steps() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    rates, warmths = [], []
    for number in range(50):
        rates.append(trainer.learning_rate())
        warmths.append(trainer.warmth())
        trainer.step(_batch(number))
    assert rates[0] < 0.1 * _CONFIG.learning_rate
    assert rates.index(max(rates)) == 1
    assert trainer.learning_rate() == pytest.approx(0.01 * _CONFIG.learning_rate)
    assert warmths[0] == 0.0
    assert warmths[12] == pytest.approx(96 / 400 / 0.5)
    assert warmths[-1] == 1.0


def test_weights_are_the_same_bits_when_the_run_was_interrupted(tmp_path: Path) -> None:
    straight = Trainer(_CONFIG, _CPU)
    for number in range(6):
        straight.step(_batch(number))
    stopped = Trainer(_CONFIG, _CPU)
    for number in range(3):
        stopped.step(_batch(number))
    resumed = _resumed(stopped, _CONFIG, tmp_path)
    assert resumed.image_steps == 24
    for number in range(3, 6):
        resumed.step(_batch(number))
    assert all(torch.equal(one, other) for one, other in zip(_weights(straight), _weights(resumed), strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_change_is_noted_when_the_settings_differ_from_those_of_the_state(tmp_path: Path) -> None:
    first = Trainer(_CONFIG, _CPU)
    first.step(_batch(0))
    longer = changed(_CONFIG, image_steps=800)
    second = _resumed(first, longer, tmp_path)
    assert second.stages == [(0, _CONFIG.to_json()), (8, longer.to_json())]


def test_nothing_is_noted_when_only_the_sheets_are_made_more_often(tmp_path: Path) -> None:
    often = _resumed(Trainer(_CONFIG, _CPU), changed(_CONFIG, sheet_every=1, state_every_s=0.0), tmp_path)
    assert often.stages == [(0, _CONFIG.to_json())]


def test_weight_decay_is_the_new_one_when_changed_on_the_way(tmp_path: Path) -> None:
    trainer = _resumed(Trainer(_CONFIG, _CPU), changed(_CONFIG, weight_decay=0.25), tmp_path)
    assert [group["weight_decay"] for group in trainer._optimizer.param_groups] == [0.25, 0.0]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (changed(_CONFIG, seed=1), "another seed"),
        (changed(_CONFIG, model=ModelConfig()), "another model"),
        (changed(_CONFIG, optimizer="adam"), "another optimizer"),
        (changed(_CONFIG, objective="autoencoder"), "another objective"),
    ],
)
def test_state_is_refused_when_it_is_of_another_training(tmp_path: Path, other: TrainingConfig, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        _resumed(Trainer(_CONFIG, _CPU), other, tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04 cut short"])
def test_state_is_refused_when_it_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(InvalidValue, match=r"not a readable training state.* take it away"):
        read_state(tmp_path / "state.pt")


def test_state_is_refused_when_another_version_wrote_it(tmp_path: Path) -> None:
    torch.save({"image_steps": 3}, tmp_path / "state.pt")
    with pytest.raises(InvalidValue, match="another version"):
        read_state(tmp_path / "state.pt")


def test_images_are_named_when_they_are_not_finite() -> None:
    trainer, broken = Trainer(_CONFIG, _CPU), torch.full((8, 3, 16, 16), float("nan"))
    with pytest.raises(TrainingDiverged, match=r"squared error is nan at image-step 0.*images hold values") as caught:
        trainer.step(Batch(broken, broken))
    assert "\n" not in str(caught.value)


def test_layer_is_named_when_its_output_is_not_finite() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    with torch.no_grad():
        trainer.network.get_submodule("encoder.1.conv").weight.fill_(3e38)  # type: ignore[operator, union-attr]
    with pytest.raises(TrainingDiverged, match=r"layer encoder\.1\.conv is the first"):
        trainer.step(_batch(0))


def test_weights_are_named_when_they_are_not_finite() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    with torch.no_grad():
        trainer.network.get_parameter("expand.bias")[0] = float("inf")
    with pytest.raises(TrainingDiverged, match=r"weights expand\.bias hold"):
        trainer.step(_batch(0))


def test_gradient_is_named_when_only_it_is_not_finite() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    trainer.network.get_parameter("expand.weight").register_hook(lambda gradient: gradient * float("nan"))
    before = trainer.network.get_parameter("expand.weight").clone()
    with pytest.raises(TrainingDiverged, match=r"the gradient is nan .*gradient of expand\.weight is the first"):
        trainer.step(_batch(0))
    assert torch.equal(trainer.network.get_parameter("expand.weight"), before)


def test_step_is_the_same_when_random_numbers_are_drawn_elsewhere() -> None:
    config = changed(_CONFIG, denoise=0.2)
    quiet, disturbed = Trainer(config, _CPU), Trainer(config, _CPU)
    for number in range(3):
        quiet.step(_batch(number))
        torch.manual_seed(number)
        torch.rand(5)
        disturbed.step(_batch(number))
    assert all(torch.equal(one, other) for one, other in zip(_weights(quiet), _weights(disturbed), strict=True))


def test_random_numbers_of_others_stay_when_a_trainer_is_built() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    Trainer(_CONFIG, _CPU)
    assert torch.equal(torch.rand(4), expected)


def test_network_sees_noise_of_any_strength_up_to_the_one_asked_for_when_denoising() -> None:
    trainer = Trainer(changed(_CONFIG, denoise=0.3), _CPU)
    images = torch.full((64, 3, 16, 16), 0.5)
    seen = trainer.with_noise(images, 7)
    deviations = (seen - images).std(dim=(1, 2, 3))
    assert float(deviations.min()) < 0.03
    assert 0.25 < float(deviations.max()) < 0.31
    assert torch.equal(seen, trainer.with_noise(images, 7))
    assert not torch.equal(seen, trainer.with_noise(images, 8))
    assert Trainer(_CONFIG, _CPU).with_noise(images, 7) is images


def test_noise_is_taken_away_when_trained_to() -> None:
    trainer = Trainer(changed(_CONFIG, image_steps=1600, learning_rate=5e-3, denoise=0.4, beta=0.0), _CPU)
    for number in range(200):
        trainer.step(_batch(number % 8))
    network, clean = trainer.network.eval(), _images(2)
    noisy = (clean + 0.2 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    with torch.no_grad():
        error = (network(noisy) - clean).square().mean()
    assert error < 0.5 * (noisy - clean).square().mean()


def test_latents_carry_no_noise_when_an_autoencoder_is_trained() -> None:
    trainer = Trainer(changed(_CONFIG, objective="autoencoder", beta=0.0), _CPU)
    for number in range(5):
        result = trainer.step(_batch(number))
    assert result.kl == 0.0
    _, posterior = trainer._forward(_images(0), torch.zeros(8, 4))
    assert float(posterior.log_variance.detach().max()) == MIN_LOG_VARIANCE
    one, _ = trainer._forward(_images(0), torch.zeros(8, 4))
    other, _ = trainer._forward(_images(0), torch.ones(8, 4))
    assert torch.equal(one, other)


def test_average_is_the_network_when_its_decay_is_zero() -> None:
    trainer = Trainer(changed(_CONFIG, ema_decay=0.0, schedule="constant", optimizer="adam", grad_clip=0.0), _CPU)
    for number in range(3):
        result = trainer.step(_batch(number))
        assert result.learning_rate == _CONFIG.learning_rate
    pairs = zip(trainer.network.parameters(), trainer.average.network.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_device_decides_how_to_compute_when_the_config_leaves_it_open() -> None:
    assert arithmetic_of(_CONFIG, _CPU) == Arithmetic(None, compiled=False)
    chosen = changed(_CONFIG, precision="bfloat16", compile="on")
    assert arithmetic_of(chosen, _CPU) == Arithmetic(torch.bfloat16, compiled=True)


def test_published_network_keeps_each_channel_in_one_piece_when_trained_on_a_cpu() -> None:
    found = arithmetic_of(preset("reference"), _CPU)
    assert found.layout is torch.contiguous_format
    assert arithmetic_of(preset("default"), _CPU).layout is torch.channels_last


def test_weights_stay_float32_and_losses_finite_when_computed_in_bfloat16() -> None:
    trainer = Trainer(changed(_CONFIG, precision="bfloat16"), _CPU)
    exact = Trainer(changed(_CONFIG, precision="float32"), _CPU)
    for number in range(3):
        rough, fine = trainer.step(_batch(number)), exact.step(_batch(number))
        assert rough.mse == pytest.approx(fine.mse, rel=0.05)
        assert rough.mse != fine.mse
    assert {weight.dtype for weight in trainer.network.parameters()} == {torch.float32}


def test_average_follows_the_weights_when_updated() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    for number in range(20):
        trainer.step(_batch(number))
    network, average = trainer.network, trainer.average.network
    distance = (network.expand.weight - average.expand.weight).norm() / network.expand.weight.norm()
    assert 0.0 < distance < 0.2
    assert not average.training


def test_batch_norm_fits_the_images_when_refreshed() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    network = trainer.average.network
    refresh_batch_norm(network, [_images(number) for number in range(4)])
    block = network.encoder[0]
    with torch.no_grad():
        maps = torch.cat([block.conv(_images(number)) for number in range(4)])  # type: ignore[operator, union-attr]
    torch.testing.assert_close(block.norm.running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-5)  # type: ignore[union-attr]
    assert not network.training
