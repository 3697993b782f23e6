"""What a model config accepts."""

from __future__ import annotations

import pytest

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.model.config import ModelConfig
from vae_core.model.reference import REFERENCE_CONFIG


def test_same_config_comes_back_when_written_as_json() -> None:
    config = ModelConfig(latent_dim=7, encoder_channels=(8, 16), decoder_channels=(16, 8, 4))
    assert ModelConfig.from_json(config.to_json(), where="x") == config


def test_json_is_that_of_older_files_when_nothing_is_normalised() -> None:
    assert ModelConfig().to_json() == (
        '{"architecture":"resize-conv","decoder_channels":[192,128,96,64,32,12],'
        '"encoder_channels":[32,64,128,192,256],"image_size":128,"latent_dim":64,"residual_max_size":8}'
    )


def test_normalisation_comes_back_when_written_as_json() -> None:
    text = REFERENCE_CONFIG.to_json()
    assert ModelConfig.from_json(text, where="x") == REFERENCE_CONFIG
    assert "0.48043839" in text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_size", 8),
        ("image_size", 1024),
        ("image_size", 100),
        ("latent_dim", 0),
        ("latent_dim", 5000),
        ("encoder_channels", ()),
        ("encoder_channels", (8, 0)),
        ("decoder_channels", (4096,)),
        ("decoder_channels", (8,) * 8),
        ("residual_max_size", -1),
        ("input_mean", (0.5, 0.5, 2.0)),
        ("input_std", (0.5, 0.0, 0.5)),
        ("input_std", (0.5, 0.5, 0.5)),
    ],
)
def test_field_is_named_when_its_value_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=field):
        ModelConfig(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "model config"),
        ('{"latent_dim":"many"}', "latent_dim"),
        ('{"latent_dim":0}', "latent_dim 0"),
        ('{"colour":1}', "colour"),
        ('{"architecture":"other"}', "architecture"),
    ],
)
def test_file_and_field_are_named_when_stored_config_is_bad(text: str, named: str) -> None:
    with pytest.raises(BadCheckpoint, match=named) as caught:
        ModelConfig.from_json(text, where="cars.safetensors")
    assert "cars.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)
