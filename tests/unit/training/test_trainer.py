"""Steps, schedule and saved state of a training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vae_core.errors import InvalidValue
from vae_core.model.config import ModelConfig
from vae_core.training.average import refresh_batch_norm
from vae_core.training.config import TrainingConfig, changed, preset
from vae_core.training.trainer import Trainer, TrainingDiverged

_MODEL = ModelConfig(
    image_size=16, latent_dim=4, encoder_channels=(8, 8), decoder_channels=(8, 8, 4), residual_max_size=0
)
_CONFIG = TrainingConfig(model=_MODEL, image_steps=400, batch_size=8, warmup_share=0.5, beta=2.0, sharpness=0.0)
_CPU = torch.device("cpu")


def _batch(number: int) -> torch.Tensor:
    """Eight images of one random colour each: easy to learn."""
    generator = torch.Generator().manual_seed(number)
    return torch.rand(8, 3, 1, 1, generator=generator).expand(8, 3, 16, 16).contiguous()


def _weights(trainer: Trainer) -> list[torch.Tensor]:
    return [*trainer.network.state_dict().values(), *trainer.average.network.state_dict().values()]


def test_error_falls_when_trained() -> None:
    trainer = Trainer(changed(_CONFIG, image_steps=1200, learning_rate=5e-3), _CPU)
    errors = [trainer.step(_batch(number % 4)).mse for number in range(150)]
    assert trainer.done
    assert sum(errors[-5:]) < 0.4 * sum(errors[:5])


def test_schedules_rise_and_fall_with_image_steps() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    rates, betas = [], []
    for number in range(50):
        rates.append(trainer.learning_rate())
        betas.append(trainer.beta())
        trainer.step(_batch(number))
    assert rates[0] < 0.1 * _CONFIG.learning_rate
    assert rates.index(max(rates)) == 1
    assert trainer.learning_rate() == pytest.approx(0.01 * _CONFIG.learning_rate)
    assert betas[0] == 0.0
    assert betas[12] == pytest.approx(2.0 * 96 / 400 / 0.5)
    assert betas[-1] == 2.0


def test_weights_are_the_same_bits_when_the_run_was_interrupted(tmp_path: Path) -> None:
    straight = Trainer(_CONFIG, _CPU)
    for number in range(6):
        straight.step(_batch(number))
    stopped = Trainer(_CONFIG, _CPU)
    for number in range(3):
        stopped.step(_batch(number))
    stopped.save_state(tmp_path / "state.pt")
    resumed = Trainer(_CONFIG, _CPU)
    resumed.load_state(tmp_path / "state.pt")
    assert resumed.image_steps == 24
    for number in range(3, 6):
        resumed.step(_batch(number))
    assert all(torch.equal(one, other) for one, other in zip(_weights(straight), _weights(resumed), strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_change_is_noted_when_the_settings_differ_from_those_of_the_state(tmp_path: Path) -> None:
    first = Trainer(_CONFIG, _CPU)
    first.step(_batch(0))
    first.save_state(tmp_path / "state.pt")
    longer = changed(_CONFIG, image_steps=800)
    second = Trainer(longer, _CPU)
    second.load_state(tmp_path / "state.pt")
    assert second.stages == [(0, _CONFIG.to_json()), (8, longer.to_json())]


@pytest.mark.parametrize("other", [changed(_CONFIG, seed=1), changed(_CONFIG, model=ModelConfig())])
def test_state_is_refused_when_it_is_of_another_model_or_seed(tmp_path: Path, other: TrainingConfig) -> None:
    Trainer(_CONFIG, _CPU).save_state(tmp_path / "state.pt")
    with pytest.raises(InvalidValue, match="another model or seed"):
        Trainer(other, _CPU).load_state(tmp_path / "state.pt")


def test_state_is_refused_when_it_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"not a state")
    with pytest.raises(InvalidValue, match="not a readable training state"):
        Trainer(_CONFIG, _CPU).load_state(tmp_path / "state.pt")


def test_cause_is_named_when_the_loss_is_not_finite() -> None:
    trainer = Trainer(_CONFIG, _CPU)
    with pytest.raises(TrainingDiverged, match="squared error is nan at image-step 0"):
        trainer.step(torch.full((8, 3, 16, 16), float("nan")))


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
    refresh_batch_norm(network, [_batch(number) for number in range(4)])
    block = network.encoder[0]
    with torch.no_grad():
        maps = torch.cat([block.conv(_batch(number)) for number in range(4)])  # type: ignore[operator, union-attr]
    torch.testing.assert_close(block.norm.running_mean, maps.mean(dim=(0, 2, 3)), rtol=1e-3, atol=1e-5)  # type: ignore[union-attr]
    assert not network.training


@pytest.mark.parametrize("name", ["default", "small", "photos"])
def test_preset_is_valid_and_comes_back_from_json(name: str) -> None:
    config = preset(name)
    assert TrainingConfig.from_json(config.to_json(), where="x") == config


@pytest.mark.parametrize(
    ("field", "value"),
    [("image_steps", 0), ("batch_size", 1), ("beta", -1.0), ("learning_rate", float("nan")), ("components", ())],
)
def test_field_is_named_when_its_value_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=field):
        changed(TrainingConfig(), **{field: value})


def test_names_are_listed_when_the_preset_is_unknown() -> None:
    with pytest.raises(InvalidValue, match="preset huge is unknown: default, small, photos"):
        preset("huge")
