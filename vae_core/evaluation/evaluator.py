"""From a checkpoint and data to all figures and pictures, section by section."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from vae_core.evaluation import checks
from vae_core.evaluation.bench import Bench, Request, open_bench
from vae_core.evaluation.conventions import conventions
from vae_core.evaluation.gallery import Gallery
from vae_core.evaluation.report import (
    FORMAT_VERSION,
    Check,
    DataFacts,
    Evaluation,
    Interpolation,
    Memorisation,
    Samples,
    SubjectFacts,
    Timing,
)
from vae_core.evaluation.samples import missing_scores
from vae_core.evaluation.sections import (
    denoising_section,
    likelihood_section,
    photographs_section,
    reconstruction_section,
)
from vae_core.evaluation.sets import SetSections
from vae_core.evaluation.speed import BATCH_SIZE, measure_speed
from vae_core.evaluation.subject import NetworkCoder, Subject
from vae_core.model.devices import device_model
from vae_core.version import code_version

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


def evaluate(request: Request, device: torch.device) -> tuple[Evaluation, Gallery]:
    """All figures and the pictures to them. Raises BadCheckpoint or InvalidValue."""
    started = time.monotonic()
    gallery = Gallery()
    bench = _told("images, feature space and PCA", lambda: open_bench(request, device))
    reconstruction = _told("reconstruction", lambda: reconstruction_section(bench, gallery))
    likelihood = _told("likelihood", lambda: likelihood_section(bench))
    samples, memorisation, interpolation = _set_sections(bench, gallery)
    denoising = _told("denoising", lambda: denoising_section(bench, gallery))
    photographs = _told("photographs", lambda: photographs_section(bench, gallery))
    speed = {
        subject.label: measure_speed(subject.coder, subject.image_size)
        for subject in bench.subjects
        if isinstance(subject.coder, NetworkCoder)
    }
    own, pca = bench.own.label, bench.pca.label
    verdicts: list[Check] = [
        *checks.reconstruction_checks(reconstruction, own, pca, [subject.label for subject in bench.references]),
        *checks.sample_checks(samples, own),
        *checks.memorisation_checks(memorisation, own),
        *checks.interpolation_checks(interpolation, own),
        *checks.denoising_checks(denoising, own, bench.own.notes),
        *checks.photograph_checks(photographs, own, pca),
    ]
    evaluation = Evaluation(
        format_version=FORMAT_VERSION,
        code_version=code_version(),
        seed=request.seed,
        checkpoint=own,
        subjects=[_facts(subject, bench) for subject in bench.subjects],
        data=_data_facts(bench),
        reconstruction=reconstruction,
        likelihood=likelihood,
        samples=samples,
        memorisation=memorisation,
        denoising=denoising,
        interpolation=interpolation,
        photographs=photographs,
        checks=verdicts,
        conventions=conventions(bench),
        timing=Timing(device_model(device), torch.get_num_threads(), BATCH_SIZE, speed, time.monotonic() - started),
    )
    return evaluation, gallery


def _set_sections(bench: Bench, gallery: Gallery) -> tuple[Samples, Memorisation, Interpolation]:
    if bench.half == 0:
        reason = missing_scores(0, bench.space.dimensions)
        return Samples(0, None, {}, reason), Memorisation({}, {}, reason), Interpolation(None, {}, reason)
    sections = _told("drawing samples", lambda: SetSections(bench))
    return (
        _told("samples", lambda: sections.samples(gallery)),
        _told("memorisation", lambda: sections.memorisation(gallery)),
        _told("interpolation", lambda: sections.interpolation(gallery)),
    )


def _told(name: str, work: Callable[[], T]) -> T:
    """Do it, and log how long it took."""
    started = time.monotonic()
    result = work()
    _LOG.info("%s: %.0f s", name, time.monotonic() - started)
    return result


def _facts(subject: Subject, bench: Bench) -> SubjectFacts:
    info = subject.info
    if info is None:
        return SubjectFacts(subject.label, "control", subject.coder.latent_dim)
    return SubjectFacts(
        label=subject.label,
        role="checkpoint" if subject is bench.own else "reference",
        latent_dim=subject.coder.latent_dim,
        file=info.path.name,
        sha256=info.sha256,
        size_bytes=info.size_bytes,
        parameters=subject.parameters,
        prior_components=len(subject.prior.weights),
        notes=dict(sorted(subject.notes.items())),
    )


def _data_facts(bench: Bench) -> DataFacts:
    request, material = bench.request, bench.material
    return DataFacts(
        data=str(request.data),
        train_data=None if request.train_data is None else str(request.train_data),
        image_size=bench.own.image_size,
        train_images=len(material.train),
        train_used=len(material.fitted),
        test_images=material.test_images,
        test_used=len(material.test),
        duplicates=material.duplicates,
        fingerprint=material.fingerprint,
        feature_dimensions=bench.space.dimensions,
    )
