"""What a network is made of: the part of a checkpoint that says how to build it."""

from __future__ import annotations

from typing import Literal

import msgspec

from vae_core.errors import BadCheckpoint, InvalidValue

_MAX_CHANNELS = 1024
_MAX_STAGES = 7
_NO_MEAN = (0.0, 0.0, 0.0)
_NO_STD = (1.0, 1.0, 1.0)


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the network. Raises InvalidValue, naming the field, when one is out of range.

    image_size: side of the square image in pixels, 16 to 512, divisible by two once per stage.
    latent_dim: length Z of a latent vector, 1 to 1024.
    encoder_channels: channels after each stride-2 convolution, outermost first.
    decoder_channels: channels of each map, innermost first; every further one is twice as wide, and the last one is
        as wide as the image.
    residual_max_size: a residual block follows each stage whose map is at most this many pixels wide; 0 for none.
    coarse_size: side of the small image that a linear map carries past the convolutions, as principal components
        would; the image's side is a multiple of it. 0 for no such path.
    input_mean, input_std: of the three channels; the network takes the one from its images and divides by the other.

    The sizes are those of `resize-conv`. In `reference` the last decoder channels are half as wide as the image, and
    there are no residual blocks; only it normalises its input. `vae_core.model.reference` has its published sizes.
    """

    architecture: Literal["resize-conv", "reference"] = "resize-conv"
    image_size: int = 128
    latent_dim: int = 64
    encoder_channels: tuple[int, ...] = (32, 64, 128, 192, 256)
    decoder_channels: tuple[int, ...] = (192, 128, 96, 64, 32, 12)
    residual_max_size: int = 8
    coarse_size: int = 0
    input_mean: tuple[float, float, float] = _NO_MEAN
    input_std: tuple[float, float, float] = _NO_STD

    def __post_init__(self) -> None:
        _check_range("image_size", self.image_size, 16, 512)
        _check_range("latent_dim", self.latent_dim, 1, 1024)
        _check_range("residual_max_size", self.residual_max_size, 0, 512)
        self._check_channels("encoder_channels", self.encoder_channels, len(self.encoder_channels))
        self._check_channels("decoder_channels", self.decoder_channels, self._doublings)
        self._check_coarse_size()
        self._check_normalisation()

    def _check_coarse_size(self) -> None:
        _check_range("coarse_size", self.coarse_size, 0, self.image_size)
        if self.coarse_size and self.image_size % self.coarse_size:
            raise InvalidValue(
                f"coarse_size {self.coarse_size} does not divide image_size {self.image_size}: "
                "a divisor, or 0, is allowed"
            )

    def _check_normalisation(self) -> None:
        for value in self.input_mean:
            _check_range("input_mean", value, 0.0, 1.0)
        for value in self.input_std:
            _check_range("input_std", value, 1e-3, 10.0)
        if self.architecture == "reference":
            for field in ("residual_max_size", "coarse_size"):
                if getattr(self, field) != 0:
                    raise InvalidValue(f"{field} {getattr(self, field)} is not for reference: 0 is allowed")
        elif self.normalises:
            raise InvalidValue(f"input_mean and input_std are for reference: leave them out for {self.architecture}")

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
        return self.image_size >> self._doublings

    @property
    def _doublings(self) -> int:
        """How often the decoder doubles its map: `reference` does so once more, on its way to three channels."""
        return len(self.decoder_channels) - (self.architecture != "reference")

    @property
    def normalises(self) -> bool:
        """Whether the network changes its images' channels before it looks at them."""
        return (self.input_mean, self.input_std) != (_NO_MEAN, _NO_STD)

    def to_json(self) -> str:
        """One line of JSON with sorted keys: the same config always gives the same text.

        What the network does not have is left out, as in the files written before it was known.
        """
        fields = msgspec.structs.asdict(self)
        if not self.coarse_size:
            del fields["coarse_size"]
        if not self.normalises:
            del fields["input_mean"], fields["input_std"]
        return msgspec.json.encode(fields, order="sorted").decode()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> ModelConfig:
        """The config in `text`, which stands in the file `where`. Raises BadCheckpoint naming the field at fault."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as exc:
            raise BadCheckpoint(f"{where}: the model config is not valid: {exc}") from exc


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise InvalidValue(f"{field} {value} is out of range: {low} to {high}")
