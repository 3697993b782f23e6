"""Training configs by name: ours for many and for few images, and the published recipe to compare them with."""

from __future__ import annotations

from collections.abc import Callable

from vae_core.errors import InvalidValue
from vae_core.model.config import ModelConfig
from vae_core.training.augmentation import Augmentation
from vae_core.training.config import TrainingConfig, changed

_MODEL = ModelConfig(coarse_size=32)
_SMALL_MODEL = ModelConfig(
    image_size=64,
    latent_dim=32,
    encoder_channels=(16, 32, 64, 96),
    decoder_channels=(96, 64, 32, 16, 8),
    residual_max_size=0,
)


def _default() -> TrainingConfig:
    """For thousands of drawn cars: half of each batch is made unlike drawings, so that photographs are encoded too."""
    return TrainingConfig(
        model=_MODEL,
        image_steps=300_000,
        sharpness=1.0,
        structure=1.0,
        adversarial=1.2,
        augmentation=Augmentation(randomised=0.5),
    )


def _small() -> TrainingConfig:
    """For trying things out: 64 pixels, minutes on one processor."""
    return TrainingConfig(
        model=_SMALL_MODEL, image_steps=10_000, validation_images=200, components=(1, 4), sheet_every=2_000
    )


def _photos() -> TrainingConfig:
    """For some hundred photographs: shorter, and each is seen a little differently every time."""
    return TrainingConfig(
        model=_MODEL,
        image_steps=100_000,
        learning_rate=5e-4,
        augmentation=Augmentation(shift_px=6, color=0.1),
        components=(1, 2),
    )


def _reference() -> TrainingConfig:
    """The published network and objective: sampled from N(0, I), with nothing added of what came later.

    Published are the network, the loss and Adam; not the learning rate and the batch size, which are chosen here.
    """
    from vae_core.model.reference import REFERENCE_CONFIG  # late: it loads torch

    return TrainingConfig(
        model=REFERENCE_CONFIG,
        objective="published",
        batch_size=32,
        optimizer="adam",
        schedule="constant",
        weight_decay=0.0,
        grad_clip=0.0,
        ema_decay=0.0,
        beta=1.0,
        warmup_share=0.0,
        free_bits=0.0,
        sharpness=0.0,
        prior="standard",
        precision="float32",
    )


def _reference_fixed() -> TrainingConfig:
    """The published network, its output compared with the image itself, its samples drawn from a fitted prior."""
    return changed(_reference(), objective="published-fixed", prior="mixture")


def _autoencoder() -> TrainingConfig:
    """No KL term, no noise on the latents, no judge of draws: what the variational part is for is seen beside it."""
    return changed(_default(), objective="autoencoder", beta=0.0, free_bits=0.0, adversarial=0.0)


PRESETS: dict[str, Callable[[], TrainingConfig]] = {
    "default": _default,
    "small": _small,
    "photos": _photos,
    "reference": _reference,
    "reference-fixed": _reference_fixed,
    "autoencoder": _autoencoder,
}


def preset(name: str) -> TrainingConfig:
    """The settings called `name`. Raises InvalidValue for another name."""
    if name not in PRESETS:
        raise InvalidValue(f"preset {name} is unknown: {', '.join(PRESETS)} are allowed")
    return PRESETS[name]()
