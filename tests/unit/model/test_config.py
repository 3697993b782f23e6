"""What a model config accepts."""

from __future__ import annotations

import pytest

from vae_core.errors import BadCheckpoint, InvalidValue
from vae_core.model.config import ModelConfig


def test_same_config_comes_back_when_written_as_json() -> None:
    config = ModelConfig(latent_dim=7, encoder_channels=(8, 16), decoder_channels=(16, 8, 4))
    assert ModelConfig.from_json(config.to_json(), where="x") == config


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
