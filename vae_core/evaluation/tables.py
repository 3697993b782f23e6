"""The figures as tables of text, for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator

from vae_core.evaluation.labels import REAL
from vae_core.evaluation.report import Check, Evaluation, Figure, MemorisationScores
from vae_core.evaluation.table import NONE, Table, chance, number
from vae_core.training.dataset import DATA_NOTE


def all_tables(found: Evaluation) -> list[Table]:
    """Every table of the report that has rows, in the order of its sections."""
    tables = [
        _reconstruction(found),
        _samples(found),
        _levels(found),
        _memorisation("features", "Memorisation, in the feature space", found.memorisation.features),
        _memorisation("thumbnails", "Memorisation, between thumbnails of 16x16 pixels", found.memorisation.thumbnails),
        _likelihood(found),
        _denoising(found),
        _interpolation(found),
        *_photographs(found),
        _speed(found),
    ]
    return [table for table in tables if table.rows]


def checks_table(found: Evaluation) -> Table:
    """The verdicts."""
    rows = [(check.name, value_text(check), threshold_text(check), verdict_text(check)) for check in found.checks]
    return Table("checks", "Checks", ("", "value", "asked", ""), rows)


def notes(found: Evaluation) -> list[str]:
    """What is to be known before any figure is read: those that cannot be had, and what flatters the model."""
    sections = (found.reconstruction, found.samples, found.memorisation, found.interpolation)
    texts = [reason for section in sections for reason in section.missing.values()]
    if found.data.duplicates:
        texts.append(
            f"{found.data.duplicates:,} test images are also among the training images: these figures flatter the model"
        )
    for subject in found.subjects:
        trained_on = subject.notes.get(DATA_NOTE, found.data.fingerprint)
        if trained_on != found.data.fingerprint:
            texts.append(
                f"the training data of {subject.label} ({trained_on}) is not what is named here "
                f"({found.data.fingerprint}): test images may be among what it has seen"
            )
    return [f"{text[0].upper()}{text[1:]}." for text in dict.fromkeys(texts)]


def value_text(check: Check) -> str:
    """The value with its unit."""
    if check.unit:
        return f"{number(check.value, 2)} {check.unit}" if check.value is not None else NONE
    return chance(check.value)


def threshold_text(check: Check) -> str:
    """The threshold with its relation and unit."""
    return f"{'≥' if check.relation == '>=' else '≤'} {check.threshold:g} {check.unit}".strip()


def verdict_text(check: Check) -> str:
    """`passed`, `failed`, or why there is no verdict."""
    if check.passed is None:
        return "no value" if check.value is None else "not asked"
    return "passed" if check.passed else "failed"


def _reconstruction(found: Evaluation) -> Table:
    columns = (
        "",
        "PSNR dB",
        "foreground",
        "SSIM",
        "foreground",
        "MS-SSIM",
        "foreground",
        "sharpness",
        "gradient energy",
    )
    rows = [
        (
            label,
            number(score.psnr_db, 2),
            number(score.foreground_psnr_db, 2),
            number(score.ssim, 3),
            number(score.foreground_ssim, 3),
            number(score.ms_ssim, 3),
            number(score.foreground_ms_ssim, 3),
            number(score.sharpness, 2),
            number(score.gradient_energy, 2),
        )
        for label, score in found.reconstruction.scores.items()
    ]
    return Table("reconstruction", f"Reconstruction of {found.reconstruction.images:,} test images", columns, rows)


def _samples(found: Evaluation) -> Table:
    columns = (
        "", "Fréchet", "over real", "sliced W.", "over real", "precision", "recall", "density", "coverage", "sharpness",
    )  # fmt: skip
    floor = found.samples.scores.get(REAL)
    rows = []
    for label, score in found.samples.scores.items():
        frechet = _over(score.frechet_distance, floor.frechet_distance if floor else None)
        wasserstein = _over(score.sliced_wasserstein, floor.sliced_wasserstein if floor else None)
        rows.append(
            (
                label,
                number(score.frechet_distance, 2),
                frechet,
                number(score.sliced_wasserstein, 4),
                wasserstein,
                number(score.precision, 2),
                number(score.recall, 2),
                number(score.density, 2),
                number(score.coverage, 2),
                number(score.sharpness, 2),
            )
        )
    return Table("samples", f"Samples, in sets of {found.samples.images_per_set:,}", columns, rows)


def _levels(found: Evaluation) -> Table:
    scores = found.samples.scores
    sizes = list(next(iter(scores.values())).sliced_wasserstein_levels) if scores else []
    rows = [
        (label, *(number(score.sliced_wasserstein_levels[size], 4) for size in sizes))
        for label, score in scores.items()
    ]
    return Table("samples", "Sliced Wasserstein distance by level", ("", *(f"{size} px" for size in sizes)), rows)


def _memorisation(name: str, title: str, scores: dict[str, MemorisationScores]) -> Table:
    columns = ("", "to training", "held-out to tr.", "p nearer", "share training", "expected", "p share", "verdict")
    verdicts = {True: "copies", False: "none", None: NONE}
    digits = 2 if name == "features" else 0
    rows = [
        (
            label,
            number(score.distance, digits),
            number(score.held_out_distance, digits),
            chance(score.nearer_p),
            number(score.train_share, 3),
            number(score.expected_train_share, 3),
            chance(score.share_p),
            verdicts[score.memorised],
        )
        for label, score in scores.items()
    ]
    return Table("memorisation", title, columns, rows)


def _likelihood(found: Evaluation) -> Table:
    columns = (
        "", "bits/dim", "N(0, I)", "narrowed", "by", "sigma, levels", "KL nats", "to N(0, I)", "active units",
    )  # fmt: skip
    rows: list[tuple[str, ...]] = [
        (
            label,
            number(score.elbo_bits_per_dim, 3),
            number(score.elbo_bits_per_dim_standard, 3),
            number(score.best_elbo_bits_per_dim, 3),
            f"1/{1 / score.best_posterior_scale:.0f}" if score.best_posterior_scale < 1.0 else "1",
            number(score.best_sigma_levels, 1),
            number(score.kl_nats, 1),
            number(score.kl_nats_standard, 1),
            f"{score.active_units} of {score.latent_dim}",
        )
        for label, score in found.likelihood.scores.items()
    ]
    flat = number(found.likelihood.mean_image_bits_per_dim, 3)
    rows.append(("mean image", flat, flat, flat, *([NONE] * 5)))
    return Table("likelihood", "Likelihood", columns, rows)


def _denoising(found: Evaluation) -> Table:
    rows = [
        (label, number(score.noisy_psnr_db, 2), number(score.psnr_db, 2), f"{score.gain_db:+.2f}")
        for label, score in found.denoising.scores.items()
    ]
    title = f"Denoising of {found.denoising.images} images, sigma {found.denoising.sigma:g}"
    return Table("denoising", title, ("", "noisy dB", "out dB", "gain dB"), rows)


def _interpolation(found: Evaluation) -> Table:
    columns = ("", "samples", "encoded midpoints", "over samples", "generated midpoints", "over samples")
    rows: list[tuple[str, ...]] = [
        (
            label,
            number(score.sample_distance, 2),
            number(score.encoded_midpoint_distance, 2),
            number(score.encoded_ratio, 2),
            number(score.generated_midpoint_distance, 2),
            number(score.generated_ratio, 2),
        )
        for label, score in found.interpolation.scores.items()
    ]
    if rows:
        rows.insert(0, (REAL, number(found.interpolation.real_distance, 2), *([NONE] * 4)))
    return Table("interpolation", "Distance to the nearest real image, in the feature space", columns, rows)


def _photographs(found: Evaluation) -> Iterator[Table]:
    if found.photographs is None:
        return
    groups = list(found.photographs.scores)
    columns = (
        "",
        *(f"{group} ({found.photographs.counts[group]}) {what}" for group in groups for what in ("dB", "SSIM")),
    )
    rows = []
    for label in found.photographs.scores[groups[0]]:
        cells = [found.photographs.scores[group][label] for group in groups]
        rows.append((label, *(text for cell in cells for text in (number(cell.psnr_db, 2), number(cell.ssim, 3)))))
    yield Table("photographs", "PSNR and SSIM by background", columns, rows)


def _speed(found: Evaluation) -> Table:
    facts = {subject.label: subject for subject in found.subjects}
    rows = []
    for label, speed in found.timing.speed.items():
        parameters, size = facts[label].parameters or 0, facts[label].size_bytes or 0
        rows.append(
            (
                label,
                f"{parameters / 1e6:.2f} M",
                f"{size / 1e6:.2f} MB",
                number(speed.encode_per_s, 0),
                number(speed.decode_per_s, 0),
            )
        )
    timing = found.timing
    title = f"Size and speed: batches of {timing.batch_size} on {timing.device}, threads: {timing.threads}"
    return Table("timing", title, ("", "weights", "file", "encoded/s", "decoded/s"), rows)


def _over(value: Figure, floor: Figure) -> str:
    return NONE if value is None or not floor else f"{value / floor:.2f}×"
