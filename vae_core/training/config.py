"""What a training run is told: typed, checked, and kept beside its results."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from vae_core.errors import InvalidValue
from vae_core.model.config import ModelConfig


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a run. Lengths count images shown ("image-steps"), so they mean the same under any batch size.

    image_steps: total length; the cosine schedule ends there.
    beta: weight of the KL term; 1 is the evidence bound itself. With the best sigma, the noise of one latent dimension
        adds about beta / (values of an image) of the squared error: 10 costs 0.06 dB, and makes the latents smoother.
    warmup_share: share of the run over which the KL weight grows from 0.
    free_bits: nats of KL per latent dimension that cost nothing.
    sharpness: weight of the Laplacian-pyramid term against the pixel likelihood; 0 leaves it out.
    max_shift_px, color_jitter: strength of the random shifts and colour changes of training images; 0 for none.
    holdout: images at the end of the data that are never trained on, for the reported PSNR.
    components: numbers of Gaussians tried for the prior; the one that fits the held-out images best is kept.
    """

    model: ModelConfig = ModelConfig()
    image_steps: int = 150_000
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    beta: float = 10.0
    warmup_share: float = 0.3
    free_bits: float = 0.05
    sharpness: float = 0.5
    grad_clip: float = 1.0
    ema_decay: float = 0.999
    max_shift_px: int = 0
    color_jitter: float = 0.0
    holdout: int = 500
    components: tuple[int, ...] = (1, 8, 16, 32)
    sheet_every: int = 20_000
    state_every_s: float = 180.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field, low, high in _RANGES:
            value = getattr(self, field)
            if not low <= value <= high:
                raise InvalidValue(f"{field} {value} is out of range: {low} to {high}")
        if not self.components or not all(1 <= count <= 256 for count in self.components):
            raise InvalidValue(f"components {self.components} are out of range: 1 to 256, at least one of them")

    def to_json(self) -> str:
        """One line of JSON."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> TrainingConfig:
        """The config in `text`, from the file `where`. Raises InvalidValue naming the field at fault."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as exc:
            raise InvalidValue(f"{where}: the training config is not valid: {exc}") from exc


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("image_steps", 1, 1_000_000_000),
    ("batch_size", 2, 4096),
    ("learning_rate", 1e-7, 1.0),
    ("weight_decay", 0.0, 1.0),
    ("beta", 0.0, 1000.0),
    ("warmup_share", 0.0, 1.0),
    ("free_bits", 0.0, 10.0),
    ("sharpness", 0.0, 100.0),
    ("grad_clip", 1e-6, 1e6),
    ("ema_decay", 0.0, 0.999999),
    ("max_shift_px", 0, 64),
    ("color_jitter", 0.0, 1.0),
    ("holdout", 1, 1_000_000),
    ("sheet_every", 1, 1_000_000_000),
    ("state_every_s", 0.0, 86_400.0),
    ("seed", 0, 2**63 - 1),
)

_SMALL_MODEL = ModelConfig(
    image_size=64,
    latent_dim=32,
    encoder_channels=(16, 32, 64, 96),
    decoder_channels=(96, 64, 32, 16, 8),
    residual_max_size=0,
)


def _default() -> TrainingConfig:
    return TrainingConfig()


def _small() -> TrainingConfig:
    return TrainingConfig(model=_SMALL_MODEL, image_steps=10_000, holdout=200, components=(1, 4), sheet_every=2_000)


def _photos() -> TrainingConfig:
    """For some hundred photographs: shorter, and each is seen a little differently every time."""
    return TrainingConfig(
        image_steps=100_000, learning_rate=5e-4, max_shift_px=6, color_jitter=0.1, holdout=50, components=(1, 2)
    )


PRESETS: dict[str, Callable[[], TrainingConfig]] = {"default": _default, "small": _small, "photos": _photos}


def preset(name: str) -> TrainingConfig:
    """The settings called `name`. Raises InvalidValue for another name."""
    if name not in PRESETS:
        raise InvalidValue(f"preset {name} is unknown: {', '.join(PRESETS)} are allowed")
    return PRESETS[name]()


def changed(config: TrainingConfig, **values: object) -> TrainingConfig:
    """The config with the given fields changed; None leaves a field as it is. Raises InvalidValue."""
    return msgspec.structs.replace(config, **{field: value for field, value in values.items() if value is not None})
