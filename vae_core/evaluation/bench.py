"""All that the sections of an evaluation work on, opened and computed once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from vae_core.errors import InvalidValue
from vae_core.evaluation.controls import pca_subject
from vae_core.evaluation.features import FeatureSpace
from vae_core.evaluation.labels import file_labels
from vae_core.evaluation.material import Material, open_all, open_material
from vae_core.evaluation.subject import Images, Moments, Subject, load_subject
from vae_core.jobs.checks import check_int
from vae_core.model.checkpoint import read_info
from vae_core.model.latents import MAX_SEED

MAX_IMAGES = 100_000


@dataclass(frozen=True)
class Request:
    """What is to be evaluated.

    train_data: where the training images are, if not in `data`. photographs: a folder of real ones. limit: test images
    at most. samples: of each model, at most as many as there are test images; None for as many. Raises InvalidValue.
    """

    checkpoint: Path
    data: Path
    references: tuple[Path, ...] = ()
    train_data: Path | None = None
    photographs: Path | None = None
    limit: int = 1000
    samples: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_int("--limit", self.limit, 1, MAX_IMAGES)
        check_int("--seed", self.seed, 0, MAX_SEED)
        if self.samples is not None:
            check_int("--samples", self.samples, 2, MAX_IMAGES)


@dataclass(frozen=True)
class Bench:
    """subjects: the checkpoint under test, then the references, then PCA of as many components.

    posteriors, made: of the test images, with their reconstructions from the mean, by label. halves: two disjoint sets
    of equally many test images. photographs: None where none were asked for.
    """

    request: Request
    material: Material
    subjects: list[Subject]
    space: FeatureSpace
    posteriors: dict[str, Moments]
    made: dict[str, Images]
    halves: tuple[Images, Images]
    photographs: Images | None

    @property
    def own(self) -> Subject:
        """The checkpoint under test."""
        return self.subjects[0]

    @property
    def references(self) -> list[Subject]:
        """The other checkpoints."""
        return self.subjects[1:-1]

    @property
    def pca(self) -> Subject:
        """The control of as many components."""
        return self.subjects[-1]

    @property
    def half(self) -> int:
        """Images on either side of a comparison of sets."""
        return len(self.halves[0])


def open_bench(request: Request, device: torch.device) -> Bench:
    """Open everything, the cheap and likely wrong first. Raises BadCheckpoint or InvalidValue."""
    paths = [request.checkpoint, *request.references]
    size = _common_size(paths)
    labels = file_labels(paths)
    networks = [load_subject(path, label, device) for path, label in zip(paths, labels, strict=True)]
    photographs = open_all(request.photographs, size) if request.photographs is not None else None
    material = open_material(request.data, request.train_data, size, request.limit, request.seed)
    space = FeatureSpace(material.fitted)
    subjects = [*networks, pca_subject(material.fitted, networks[0].coder.latent_dim)]
    posteriors = {subject.label: subject.coder.encode(material.test) for subject in subjects}
    made = {subject.label: subject.coder.decode(posteriors[subject.label].mean) for subject in subjects}
    halves = material.halves(request.samples or request.limit)
    return Bench(request, material, subjects, space, posteriors, made, halves, photographs)


def _common_size(paths: list[Path]) -> int:
    """Side of the images of all these checkpoints. Raises InvalidValue where they differ."""
    sizes = [read_info(path).config.image_size for path in paths]
    for path, size in zip(paths, sizes, strict=True):
        if size != sizes[0]:
            raise InvalidValue(
                f"--reference {path} is for images of {size} px: {sizes[0]} px are allowed, those of {paths[0]}"
            )
    return sizes[0]
