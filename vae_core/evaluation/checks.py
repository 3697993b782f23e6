"""Verdicts: what is asked of a checkpoint, as thresholds on its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from vae_core.evaluation.labels import REAL, standard_label
from vae_core.evaluation.memorisation import SIGNIFICANT_P
from vae_core.evaluation.photographs import ALL, CLEAN
from vae_core.evaluation.report import (
    Check,
    Denoising,
    Figure,
    Interpolation,
    Memorisation,
    Photographs,
    Reconstruction,
    Samples,
)

_TIMES = "×"
_DB = "dB"


class _Config(msgspec.Struct, frozen=True):
    denoise: float = 0.0


class _Stage(msgspec.Struct, frozen=True):
    """What is looked at in the notes of one stage of training."""

    config: _Config = _Config()


def at_least(name: str, value: Figure, threshold: float, unit: str = "") -> Check:
    """A check that `value` is not below `threshold`."""
    return Check(name, value, ">=", threshold, unit, None if value is None else value >= threshold)


def at_most(name: str, value: Figure, threshold: float, unit: str = "") -> Check:
    """A check that `value` is not above `threshold`."""
    return Check(name, value, "<=", threshold, unit, None if value is None else value <= threshold)


def reconstruction_checks(found: Reconstruction, own: str, pca: str, references: list[str]) -> Iterator[Check]:
    """PSNR above PCA's and above each reference's, and sharpness."""
    scores, control = found.scores[own], found.scores[pca]
    gain = scores.psnr_db - control.psnr_db
    yield at_least(f"PSNR above {pca}, trained on a CPU", gain, 2.0, _DB)
    yield at_least(f"PSNR above {pca}, trained on a GPU", gain, 3.0, _DB)
    yield at_least(
        f"foreground PSNR above {pca}", _difference(scores.foreground_psnr_db, control.foreground_psnr_db), 1.5, _DB
    )
    for label in references:
        yield at_least(f"PSNR above {label}", scores.psnr_db - found.scores[label].psnr_db, 4.0, _DB)
    for name, value in (("sharpness", scores.sharpness), ("gradient energy", scores.gradient_energy)):
        yield at_least(f"{name}, trained on a CPU", value, 0.68, _TIMES)
        yield at_least(f"{name}, trained on a GPU", value, 0.80, _TIMES)


def sample_checks(found: Samples, own: str) -> Iterator[Check]:
    """Samples of the prior, and of N(0, I), against what real images have against real ones."""
    floor = found.scores.get(REAL)
    if floor is None:
        return
    for label, source in ((own, "prior"), (standard_label(own), "N(0, I)")):
        scores = found.scores.get(label)
        if scores is None:
            continue
        yield at_most(
            f"{source}: Fréchet distance over real's",
            _ratio(scores.frechet_distance, floor.frechet_distance),
            2.0,
            _TIMES,
        )
        yield at_most(
            f"{source}: sliced Wasserstein over real's",
            _ratio(scores.sliced_wasserstein, floor.sliced_wasserstein),
            2.0,
            _TIMES,
        )
        yield at_least(f"{source}: density over real's", _ratio(scores.density, floor.density), 0.7, _TIMES)
        yield at_least(f"{source}: coverage over real's", _ratio(scores.coverage, floor.coverage), 0.7, _TIMES)


def memorisation_checks(found: Memorisation, own: str) -> Iterator[Check]:
    """No sign of copies in either space, where there would be one."""
    for space, scores in (("features", found.features), ("thumbnails", found.thumbnails)):
        if own in scores:
            told = scores[own].share_p if scores[own].memorised is not None else None
            yield at_least(f"no memorisation, p by {space}", told, SIGNIFICANT_P)


def interpolation_checks(found: Interpolation, own: str) -> Iterator[Check]:
    """Midpoints as near to real images as samples are."""
    scores = found.scores.get(own)
    if scores is not None:
        yield at_most("midpoints of encoded pairs, distance over samples'", scores.encoded_ratio, 1.2, _TIMES)
        yield at_most("midpoints of generated pairs, distance over samples'", scores.generated_ratio, 1.2, _TIMES)


def denoising_checks(found: Denoising, own: str, notes: Mapping[str, str]) -> Iterator[Check]:
    """The gain, which is asked of a network that was trained with --denoise, as its notes say."""
    check = at_least("denoising gain, trained with --denoise", found.scores[own].gain_db, 6.0, _DB)
    yield check if learnt_to_denoise(notes) else msgspec.structs.replace(check, passed=None)


def learnt_to_denoise(notes: Mapping[str, str]) -> bool:
    """Whether a checkpoint's notes say that its last stage of training had noise on the images."""
    try:
        stages = msgspec.json.decode(notes.get("training", ""), type=list[_Stage])
    except msgspec.MsgspecError:
        return False
    return bool(stages) and stages[-1].config.denoise > 0.0


def photograph_checks(found: Photographs | None, own: str, pca: str) -> Iterator[Check]:
    """Photographs reconstructed at least as well as by PCA."""
    if found is not None:
        for group in (ALL, CLEAN):
            scores = found.scores[group]
            yield at_least(
                f"photographs ({group}): PSNR above {pca}",
                _difference(scores[own].psnr_db, scores[pca].psnr_db),
                0.0,
                _DB,
            )


def _difference(value: Figure, other: Figure) -> Figure:
    return None if value is None or other is None else value - other


def _ratio(value: Figure, other: Figure) -> Figure:
    return None if value is None or other is None or other <= 0.0 else value / other
