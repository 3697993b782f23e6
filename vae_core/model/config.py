"""What a network is made of: the part of a checkpoint that says how to build it."""

from __future__ import annotations

from typing import Literal

import msgspec

from vae_core.errors import BadCheckpoint, InvalidValue

_MAX_CHANNELS = 1024
_MAX_STAGES = 7


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the network. Raises InvalidValue, naming the field, when one is out of range.

    image_size: side of the square image in pixels, 16 to 512, divisible by two once per stage.
    latent_dim: length Z of a latent vector, 1 to 1024.
    encoder_channels: channels after each stride-2 convolution, outermost first.
    decoder_channels: channels of each map, innermost first; every further one is twice as wide, and the last one is
        as wide as the image.
    residual_max_size: a residual block follows each stage whose map is at most this many pixels wide; 0 for none.
    """

    architecture: Literal["resize-conv"] = "resize-conv"
    image_size: int = 128
    latent_dim: int = 64
    encoder_channels: tuple[int, ...] = (32, 64, 128, 192, 256)
    decoder_channels: tuple[int, ...] = (192, 128, 96, 64, 32, 12)
    residual_max_size: int = 8

    def __post_init__(self) -> None:
        _check_range("image_size", self.image_size, 16, 512)
        _check_range("latent_dim", self.latent_dim, 1, 1024)
        _check_range("residual_max_size", self.residual_max_size, 0, 512)
        self._check_channels("encoder_channels", self.encoder_channels, len(self.encoder_channels))
        self._check_channels("decoder_channels", self.decoder_channels, len(self.decoder_channels) - 1)

    def _check_channels(self, field: str, channels: tuple[int, ...], halvings: int) -> None:
        if not 1 <= len(channels) <= _MAX_STAGES:
            raise InvalidValue(f"{field} has {len(channels)} stages: 1 to {_MAX_STAGES} are allowed")
        for count in channels:
            _check_range(field, count, 1, _MAX_CHANNELS)
        if self.image_size % 2**halvings:
            raise InvalidValue(
                f"image_size {self.image_size} cannot be halved {halvings} times, as {field} asks: "
                f"a multiple of {2**halvings} is allowed"
            )

    @property
    def encoder_map_size(self) -> int:
        """Side of the innermost map of the encoder, in pixels."""
        return self.image_size >> len(self.encoder_channels)

    @property
    def decoder_map_size(self) -> int:
        """Side of the innermost map of the decoder, in pixels."""
        return self.image_size >> len(self.decoder_channels) - 1

    def to_json(self) -> str:
        """One line of JSON with sorted keys: the same config always gives the same text."""
        return msgspec.json.encode(self, order="sorted").decode()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ModelConfig:
        """The config in `text`, which stands in the file `where`. Raises BadCheckpoint naming the field at fault."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as exc:
            raise BadCheckpoint(f"{where}: the model config is not valid: {exc}") from exc


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidValue(f"{field} {value} is out of range: {low} to {high}")
