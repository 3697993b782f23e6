"""The figures of an evaluation, as they stand in `evaluation.json`."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from vae_core.jobs.codec import from_json, to_pretty_json

FORMAT_VERSION = 1
_DIGITS = 6

# A figure that cannot be had is null; the `missing` of its section says why, by the figure's name.
Figure = float | None


class SubjectFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the tables. role: `checkpoint`, `reference` or `control` (PCA).

    Of a file also its name, SHA-256, size, number of weights, of components of its prior, and its own notes.
    """

    label: str
    role: str
    latent_dim: int
    file: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    parameters: int | None = None
    prior_components: int | None = None
    notes: dict[str, str] = {}


class DataFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was evaluated on.

    train_used: training images that PCA and the feature space were fitted to. duplicates: test images that are also
    among the training images, to the bit. fingerprint: of the data set of the training images, as checkpoints note it.
    """

    data: str
    train_data: str | None
    image_size: int
    train_images: int
    train_used: int
    test_images: int
    test_used: int
    duplicates: int
    fingerprint: str
    feature_dimensions: int


class ReconstructionScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Means over the test images; see vae_core.evaluation.reconstruction, and sharpness for the last two."""

    psnr_db: float
    foreground_psnr_db: Figure
    ssim: float
    foreground_ssim: Figure
    ms_ssim: float
    foreground_ms_ssim: Figure
    sharpness: Figure
    gradient_energy: Figure


class LikelihoodScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See vae_core.evaluation.likelihood.

    elbo_bits_per_dim: the negative evidence bound under the checkpoint's own prior, `..._standard` under N(0, I), each
    the pixels' bits and the KL together. sigma_levels: of the decoder, in grey levels. best_...: with the posterior's
    deviations multiplied by the best of six scales. kl_per_dimension: to N(0, 1).
    """

    elbo_bits_per_dim: float
    elbo_bits_per_dim_standard: float
    pixel_bits_per_dim: float
    sigma_levels: float
    best_elbo_bits_per_dim: float
    best_posterior_scale: float
    best_sigma_levels: float
    kl_nats: float
    kl_nats_standard: float
    kl_per_dimension: list[float]
    active_units: int
    latent_dim: int


class SampleScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A set of images against real ones; see frechet, wasserstein, manifold and sharpness of vae_core.evaluation.

    sliced_wasserstein: mean over the levels; sliced_wasserstein_levels: by the level's side in pixels.
    """

    frechet_distance: Figure
    sliced_wasserstein: Figure
    sliced_wasserstein_levels: dict[str, float]
    precision: Figure
    recall: Figure
    density: Figure
    coverage: Figure
    sharpness: Figure
    gradient_energy: Figure


class MemorisationScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Distances to training images in one space; see vae_core.evaluation.memorisation.

    distance, held_out_distance: median distance to the nearest training image. nearer_p: of the Mann-Whitney test that
    samples are nearer than held-out images. train_share: of the real images that are the nearest to some sample, those
    that were trained on; with the share to be expected, and share_p, the p-value of there being more. memorised: None
    where so few images could not tell.
    """

    distance: Figure
    held_out_distance: Figure
    nearer_p: Figure
    train_share: Figure
    expected_train_share: Figure
    share_p: Figure
    memorised: bool | None


class DenoisingScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PSNR against the clean images in dB: of the noisy ones, and of what is made of them. gain_db: the difference."""

    noisy_psnr_db: float
    psnr_db: float
    gain_db: float


class InterpolationScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mean distance to the nearest real image in the feature space, and midpoints' over samples'."""

    sample_distance: float
    encoded_midpoint_distance: float
    generated_midpoint_distance: float
    encoded_ratio: Figure
    generated_ratio: Figure


class PhotographScores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Means over photographs. group: `all`, `clean background` or `other`; None where the group is empty."""

    psnr_db: Figure
    ssim: Figure


class Speed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Images a second, median of five batches."""

    encode_per_s: float
    decode_per_s: float


class Reconstruction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By label. foreground_images: those in which a foreground was found."""

    images: int
    foreground_images: int
    scores: dict[str, ReconstructionScores]
    missing: dict[str, str]


class Likelihood(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By label. mean_image_bits_per_dim: without any latents, around the mean training image."""

    scores: dict[str, LikelihoodScores]
    mean_image_bits_per_dim: float


class Samples(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By label; samples of N(0, I) have `, N(0, I)` behind it. images_per_set: on either side of each comparison."""

    images_per_set: int
    expected_coverage: Figure
    scores: dict[str, SampleScores]
    missing: dict[str, str]


class Memorisation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By label, in the feature space and between thumbnails of 16x16 pixels."""

    features: dict[str, MemorisationScores]
    thumbnails: dict[str, MemorisationScores]
    missing: dict[str, str]


class Denoising(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By label. sigma: of the noise, for pixels in [0, 1]. images: the first so many test images."""

    sigma: float
    images: int
    scores: dict[str, DenoisingScores]


class Interpolation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By label. real_distance: of real images to the nearest other real one."""

    real_distance: Figure
    scores: dict[str, InterpolationScores]
    missing: dict[str, str]


class Photographs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By group, then by label. counts: photographs in each group."""

    folder: str
    counts: dict[str, int]
    scores: dict[str, dict[str, PhotographScores]]


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One verdict: value at least (`>=`) or at most (`<=`) the threshold.

    passed: None where there is no value, or nothing is asked of this checkpoint.
    """

    name: str
    value: Figure
    relation: str
    threshold: float
    unit: str
    passed: bool | None


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What differs from run to run and machine to machine. seconds: of the whole evaluation."""

    device: str
    threads: int
    batch_size: int
    speed: dict[str, Speed]
    seconds: float


class Evaluation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything. All but `timing` is the same for the same files, seed, library versions and number of threads.

    checkpoint: label of the one under test. conventions: how each figure was measured, in words.
    """

    format_version: int
    code_version: str
    seed: int
    checkpoint: str
    subjects: list[SubjectFacts]
    data: DataFacts
    reconstruction: Reconstruction
    likelihood: Likelihood
    samples: Samples
    memorisation: Memorisation
    denoising: Denoising
    interpolation: Interpolation
    photographs: Photographs | None
    checks: list[Check]
    conventions: dict[str, str]
    timing: Timing

    def to_json(self) -> bytes:
        """Indented JSON, numbers to six significant digits; a number that is not finite is null."""
        return to_pretty_json(_rounded(msgspec.to_builtins(self)))

    @classmethod
    def from_json(cls, text: bytes, *, where: str) -> Evaluation:
        """The evaluation in `text`, from the file `where`. Raises InvalidValue."""
        return from_json(text, cls, where)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return value
