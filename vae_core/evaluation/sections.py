"""The sections that look at one image after the other: reconstruction, likelihood, denoising, photographs."""

from __future__ import annotations

import numpy as np

from vae_core.evaluation.bench import Bench
from vae_core.evaluation.controls import blurred, mean_image
from vae_core.evaluation.denoising import SIGMA, denoising_scores, noisy
from vae_core.evaluation.foreground import foreground_masks
from vae_core.evaluation.gallery import Gallery, Sheet, marked
from vae_core.evaluation.labels import BLURRED, MEAN, NEAREST
from vae_core.evaluation.likelihood import likelihood_scores, pixel_code
from vae_core.evaluation.neighbours import nearest, thumbnails
from vae_core.evaluation.photographs import is_clean, photograph_scores
from vae_core.evaluation.reconstruction import psnrs, reconstruction_scores
from vae_core.evaluation.report import Denoising, Likelihood, Photographs, Reconstruction
from vae_core.evaluation.subject import Floats, Images

_DENOISED_IMAGES = 256
_SHOWN = 8
_SHOWN_PHOTOGRAPHS = 24


def reconstruction_section(bench: Bench, gallery: Gallery) -> Reconstruction:
    """Every model on the test images, beside blurred originals, the nearest training image and the mean image."""
    test, train = bench.material.test, bench.material.train
    masks = foreground_masks(test)
    alike = train[np.asarray(nearest(thumbnails(test), thumbnails(train)).number)]
    flat = np.broadcast_to(mean_image(bench.material.fitted), test.shape)
    made: dict[str, Images] = {**bench.made, BLURRED: blurred(test), NEAREST: alike, MEAN: flat}
    scores = {label: reconstruction_scores(images, test, masks) for label, images in made.items()}
    found = int(masks.any(axis=(1, 2)).sum())
    reason = {"foreground": "no test image shows anything but its background"} if found == 0 else {}

    shown = slice(_SHOWN)
    gallery.reconstructions = Sheet(
        {
            "original": test[shown],
            "its foreground": marked(test[shown], masks[shown]),
            **{label: made[label][shown] for label in (*bench.made, BLURRED)},
        },
        _decibels(psnrs(bench.made[bench.own.label][shown], test[shown])),
        _decibel_note(bench),
    )
    return Reconstruction(len(test), found, scores, reason)


def likelihood_section(bench: Bench) -> Likelihood:
    """The evidence bound of every model, beside that of the mean image."""
    test = bench.material.test
    scores = {
        subject.label: likelihood_scores(
            subject.coder, subject.prior, test, bench.posteriors[subject.label], bench.request.seed
        )
        for subject in bench.subjects
    }
    flat = np.broadcast_to(mean_image(bench.material.fitted), test.shape)
    return Likelihood(scores, pixel_code(test, flat).bits)


def denoising_section(bench: Bench, gallery: Gallery) -> Denoising:
    """Every model on noisy versions of the first test images."""
    clean = bench.material.test[:_DENOISED_IMAGES]
    noised = noisy(clean, bench.request.seed)
    made = {subject.label: subject.coder.decode(subject.coder.encode(noised).mean) for subject in bench.subjects}
    scores = {label: denoising_scores(clean, noised, images) for label, images in made.items()}
    shown = slice(_SHOWN)
    gallery.denoised = Sheet(
        {
            "original": clean[shown],
            "with noise": noised[shown],
            **{label: images[shown] for label, images in made.items()},
        },
        _decibels(psnrs(made[bench.own.label][shown], clean[shown])),
        _decibel_note(bench),
    )
    return Denoising(SIGMA, len(clean), scores)


def photographs_section(bench: Bench, gallery: Gallery) -> Photographs | None:
    """Every model on the photographs, where there are any."""
    photographs = bench.photographs
    if photographs is None:
        return None
    made = {subject.label: subject.coder.decode(subject.coder.encode(photographs).mean) for subject in bench.subjects}
    shown = slice(_SHOWN_PHOTOGRAPHS)
    values, clean = psnrs(made[bench.own.label], photographs), is_clean(photographs)
    captions = [f"{text}{', clean' if plain else ''}" for text, plain in zip(_decibels(values), clean, strict=True)]
    gallery.photographs = Sheet(
        {"photograph": photographs[shown], **{label: images[shown] for label, images in made.items()}},
        tuple(captions[shown]),
        _decibel_note(bench),
    )
    return photograph_scores(str(bench.request.photographs), photographs, made)


def _decibels(values: Floats) -> tuple[str, ...]:
    return tuple(f"{value:.1f} dB" for value in values)


def _decibel_note(bench: Bench) -> str:
    return f"Below each column: the PSNR of {bench.own.label}."
