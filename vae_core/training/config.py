"""What a training run is told: typed, checked, and kept beside its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from vae_core.errors import InvalidValue
from vae_core.model.config import ModelConfig
from vae_core.training.augmentation import Augmentation


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a run. Lengths count images shown ("image-steps"), so they mean the same under any batch size.

    objective: what is minimised; see `vae_core.training.objectives`.
    image_steps: total length; the schedules end there, and the batch that reaches it is the last one.
    optimizer: adamw, or adam, which decays no weights.
    schedule: cosine has a short rise, then half a cosine down to 1 % of learning_rate; constant has neither.
    grad_clip: largest norm of the gradient; a larger one is scaled down to it. 0 for none.
    ema_decay: of the running average of the weights, which is what is exported; 0 exports the weights themselves.
    beta: weight of the KL term; 1 is the evidence bound itself. With the best sigma, the noise of one latent dimension
        adds about beta / (values of an image) of the squared error: 10 costs 0.06 dB, and makes the latents smoother.
    warmup_share: share of the run over which the KL weight grows from 0.
    free_bits: nats of KL per latent dimension that cost nothing.
    sharpness: weight of the Laplacian-pyramid term against the pixel likelihood; 0 leaves it out.
    structure: weight of the SSIM term, for contrast; 0 leaves it out.
    start: SHA-256 of the checkpoint that the training goes on from; empty for a network of random weights.
    adversarial: how strongly a second network, which tells decoded images and draws from real ones, pulls at each of
        these when it is sure, as a share of the pull of all else; 0 leaves it out. adversarial_from: share of the run
        before it begins.
    augmentation: how images are changed each time they are shown.
    denoise: the network sees its images with Gaussian noise on them and is compared with the clean ones. The noise's
        deviation is drawn for each image from 0 to this, of values in [0, 1]; 0 for no noise.
    prior: mixture is fitted to the latents after the training; standard is N(0, I).
    components: numbers of Gaussians tried for the mixture; the one that fits the validation images best is kept.
    precision: of the network's computation; auto is bfloat16 where the device gains from it, float32 elsewhere.
    compile: whether torch compiles the network; auto does so where the device gains from it.
    validation_images: at most this many are measured on during the training.
    sheet_every, state_every_s: how often sheets are made and the state is saved; neither changes the result.
    """

    model: ModelConfig = ModelConfig()
    objective: Literal["sigma-vae", "autoencoder", "published", "published-fixed"] = "sigma-vae"
    image_steps: int = 150_000
    batch_size: int = 16
    optimizer: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    grad_clip: float = 1.0
    ema_decay: float = 0.999
    beta: float = 10.0
    warmup_share: float = 0.3
    free_bits: float = 0.05
    sharpness: float = 0.5
    structure: float = 0.0
    adversarial: float = 0.0
    adversarial_from: float = 0.8
    augmentation: Augmentation = Augmentation()
    denoise: float = 0.0
    prior: Literal["mixture", "standard"] = "mixture"
    components: tuple[int, ...] = (1, 16, 64, 128)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    validation_images: int = 500
    sheet_every: int = 20_000
    state_every_s: float = 180.0
    seed: int = 0
    start: str = ""

    def __post_init__(self) -> None:
        for field, low, high in _RANGES:
            value = getattr(self, field)
            if not low <= value <= high:
                raise InvalidValue(f"{field} {value} is out of range: {low} to {high}")
        if not self.components or not all(1 <= count <= 256 for count in self.components):
            raise InvalidValue(f"components {self.components} are out of range: 1 to 256, at least one of them")
        if self.objective == "autoencoder" and self.model.architecture != "resize-conv":
            raise InvalidValue(
                f"objective autoencoder does not go with architecture {self.model.architecture}, whose mean is its "
                "log-variance too: resize-conv is allowed"
            )

    def to_json(self) -> str:
        """One line of JSON."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> TrainingConfig:
        """The config in `text`, from the file `where`. Raises InvalidValue naming the field at fault."""
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise InvalidValue(f"{where}: the training config is not valid: {exc}") from exc


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("image_steps", 1, 1_000_000_000),
    ("batch_size", 2, 4096),
    ("learning_rate", 1e-7, 1.0),
    ("weight_decay", 0.0, 1.0),
    ("grad_clip", 0.0, 1e6),
    ("ema_decay", 0.0, 0.999999),
    ("beta", 0.0, 1000.0),
    ("warmup_share", 0.0, 1.0),
    ("free_bits", 0.0, 10.0),
    ("sharpness", 0.0, 100.0),
    ("structure", 0.0, 100.0),
    ("adversarial", 0.0, 10.0),
    ("adversarial_from", 0.0, 1.0),
    ("denoise", 0.0, 1.0),
    ("validation_images", 1, 1_000_000),
    ("sheet_every", 1, 1_000_000_000),
    ("state_every_s", 0.0, 86_400.0),
    ("seed", 0, 2**63 - 1),
)
_WITHOUT_EFFECT = {"sheet_every": 1, "state_every_s": 0.0}


def changed(config: TrainingConfig, **values: object) -> TrainingConfig:
    """The config with the given fields changed; None leaves a field as it is. Raises InvalidValue."""
    return msgspec.structs.replace(config, **{field: value for field, value in values.items() if value is not None})


def with_settings(config: TrainingConfig, settings: Mapping[str, str]) -> TrainingConfig:
    """The config with fields changed by their names, such as `model.latent_dim`, and values as JSON, or plain text.

    Raises InvalidValue naming the field that is unknown, or the value that is not allowed.
    """
    fields: dict[str, Any] = msgspec.to_builtins(config)
    for name, text in settings.items():
        *parents, last = name.split(".")
        place: Any = fields
        for parent in parents:
            place = place.get(parent) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            known = place if isinstance(place, dict) else fields
            raise InvalidValue(f"setting {name} is unknown: {', '.join(known)} are allowed")
        try:
            place[last] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            place[last] = text
    try:
        return msgspec.convert(fields, type=TrainingConfig)
    except msgspec.ValidationError as exc:
        told = ", ".join(f"{name}={text}" for name, text in settings.items())
        raise InvalidValue(f"{told}: the training config is not valid: {exc}") from exc


def same_training(one: TrainingConfig, other: TrainingConfig) -> bool:
    """Whether both lead to the same weights."""
    return changed(one, **_WITHOUT_EFFECT) == changed(other, **_WITHOUT_EFFECT)
