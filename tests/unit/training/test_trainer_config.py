"""Settings of a training: presets, ranges, and changes by name."""

from __future__ import annotations

import msgspec
import pytest

from vae_core.errors import InvalidValue
from vae_core.model.reference import REFERENCE_CONFIG
from vae_core.training.config import TrainingConfig, changed, with_settings
from vae_core.training.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_valid_and_comes_back_from_json(name: str) -> None:
    config = preset(name)
    assert TrainingConfig.from_json(config.to_json(), where="x") == config


def test_published_recipe_has_nothing_of_ours_when_it_is_the_preset() -> None:
    config = preset("reference")
    assert config.model == REFERENCE_CONFIG
    assert (config.objective, config.optimizer, config.schedule, config.prior) == (
        "published",
        "adam",
        "constant",
        "standard",
    )
    additions = (config.ema_decay, config.grad_clip, config.sharpness, config.warmup_share, config.free_bits)
    assert additions == (0.0,) * 5
    assert config.beta == 1.0


def test_fixed_recipe_differs_only_in_target_and_prior() -> None:
    fixed = changed(preset("reference-fixed"), objective="published", prior="standard")
    assert fixed == preset("reference")


@pytest.mark.parametrize(
    ("field", "value"),
    [("image_steps", 0), ("batch_size", 1), ("beta", -1.0), ("learning_rate", float("nan")), ("components", ())],
)
def test_field_is_named_when_its_value_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=field):
        changed(TrainingConfig(), **{field: value})


def test_names_are_listed_when_the_preset_is_unknown() -> None:
    with pytest.raises(InvalidValue, match="preset huge is unknown: default, small, photos, reference"):
        preset("huge")


def test_autoencoder_is_refused_when_mean_and_variance_are_one() -> None:
    with pytest.raises(InvalidValue, match="autoencoder does not go with architecture reference"):
        changed(preset("autoencoder"), model=REFERENCE_CONFIG)


def test_fields_are_set_by_name_when_given_as_text() -> None:
    settings = {
        "model.latent_dim": "32",
        "augmentation.shift_px": "4",
        "objective": "published-fixed",
        "components": "[1, 2]",
    }
    config = with_settings(TrainingConfig(), settings)
    assert config.model.latent_dim == 32
    assert config.augmentation.shift_px == 4
    assert config.objective == "published-fixed"
    assert config.components == (1, 2)
    assert with_settings(config, {}) == config


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("speed", "1", "setting speed is unknown: model, objective"),
        ("model.depth", "1", "setting model.depth is unknown: architecture"),
        ("seed.x", "1", "setting seed.x is unknown"),
        ("beta", "much", "beta=much"),
        ("beta", "-1", "beta -1"),
        ("augmentation.scale", "3", "augmentation.scale 3"),
        ("model.image_size", "100", "image_size"),
    ],
)
def test_setting_is_refused_in_one_line_when_unknown_or_wrong(name: str, text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as caught:
        with_settings(TrainingConfig(), {name: text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "x.json: the training config is not valid"),
        (b"[]", "x.json"),
        (b'{"speed": 1}', "speed"),
        (b'{"augmentation": {"flip": true}}', "flip"),
        (b'{"objective": "gan"}', "gan"),
        (b"\xff\xfe", "x.json"),
    ],
)
def test_file_and_field_are_named_when_a_config_cannot_be_read(content: bytes, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        TrainingConfig.from_json(content, where="x.json")


def test_config_is_read_when_written_with_some_fields_only() -> None:
    assert TrainingConfig.from_json(b'{"seed": 3}', where="x") == changed(TrainingConfig(), seed=3)
    assert msgspec.json.decode(TrainingConfig().to_json())["augmentation"]["shift_px"] == 0
