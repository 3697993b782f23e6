"""The sections that compare sets of images: samples, memorisation, interpolation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vae_core.evaluation.bench import Bench
from vae_core.evaluation.controls import blurred
from vae_core.evaluation.gallery import Gallery, Sheet
from vae_core.evaluation.interpolation import interpolation_scores, midpoints, spherical_midpoints
from vae_core.evaluation.labels import BLURRED, COPIES, HELD_OUT, REAL, standard_label
from vae_core.evaluation.manifold import NEIGHBOURS, expected_coverage
from vae_core.evaluation.memorisation import (
    RealSets,
    feature_sets,
    memorisation_scores,
    missing_verdicts,
    near_copies,
)
from vae_core.evaluation.neighbours import nearest, thumbnails
from vae_core.evaluation.report import (
    Interpolation,
    InterpolationScores,
    Memorisation,
    MemorisationScores,
    Samples,
    SampleScores,
)
from vae_core.evaluation.samples import Described, describe, mean_scores, missing_scores, set_scores
from vae_core.evaluation.subject import Images, Subject, is_standard

_SHOWN_SAMPLES = 24
_SHOWN = 8


@dataclass(frozen=True)
class Drawn:
    """Samples of one model: images, (2 H, S, S, 3), and one description of each half of them."""

    images: Images
    halves: tuple[Described, Described]


class SetSections:
    """Samples are drawn and described once, for all three sections. Needs two halves of at least one image."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._seed = bench, bench.request.seed
        self._real = self._described(np.concatenate(bench.halves))
        self._drawn = {
            subject.label: self._described(subject.samples(2 * bench.half, self._seed)) for subject in bench.subjects
        }

    def samples(self, gallery: Gallery) -> Samples:
        """Every model's samples, and those of its N(0, I), beside real images and blurred ones."""
        bench, half = self._bench, self._bench.half
        sets = {BLURRED: self._described(blurred(self._real.images))}
        for subject in bench.subjects:
            sets[subject.label] = self._drawn[subject.label]
            if not is_standard(subject.prior):
                drawn = self._described(subject.samples(2 * half, self._seed, standard=True))
                sets[standard_label(subject.label)] = drawn
        scores = {REAL: self._floor()}
        scores.update({label: self._against_real(drawn) for label, drawn in sets.items()})
        gallery.samples = {label: drawn.images[:_SHOWN_SAMPLES] for label, drawn in {REAL: self._real, **sets}.items()}
        coverage = expected_coverage(half, half) if half > NEIGHBOURS else None
        return Samples(half, coverage, scores, missing_scores(half, bench.space.dimensions))

    def memorisation(self, gallery: Gallery) -> Memorisation:
        """Every model's samples, beside copies of training images and, in the place of samples, held-out images."""
        bench = self._bench
        train, test = bench.material.train, bench.material.test
        copies = near_copies(train, 2 * bench.half, self._seed)
        space, features = feature_sets(bench.material.fitted, test)
        small = RealSets(thumbnails(train), thumbnails(test))
        by_features: dict[str, MemorisationScores] = {}
        by_thumbnails: dict[str, MemorisationScores] = {}
        for label, drawn in self._drawn.items():
            by_features[label] = memorisation_scores(space.project(drawn.images), features)
            by_thumbnails[label] = memorisation_scores(thumbnails(drawn.images), small)
        # For the features only so many training images were looked at: the copies are of those.
        known = near_copies(bench.material.fitted, 2 * bench.half, self._seed)
        by_features[COPIES] = memorisation_scores(space.project(known), features)
        by_thumbnails[COPIES] = memorisation_scores(thumbnails(copies), small)
        middle = len(test) // 2
        by_features[HELD_OUT] = memorisation_scores(
            features.held_out[:middle], features._replace(held_out=features.held_out[middle:])
        )
        by_thumbnails[HELD_OUT] = memorisation_scores(
            small.held_out[:middle], small._replace(held_out=small.held_out[middle:])
        )
        gallery.neighbours = self._neighbour_sheet(small)
        return Memorisation(by_features, by_thumbnails, missing_verdicts(by_features, by_thumbnails))

    def interpolation(self, gallery: Gallery) -> Interpolation:
        """Midpoints of every model, against the half of the test images that their ends do not come from."""
        if self._bench.half < 2:
            return Interpolation(None, {}, {"midpoints": "no midpoints: two pairs of test images are needed"})
        scores = {subject.label: self._midpoint_scores(subject, gallery) for subject in self._bench.subjects}
        first, second = self._real.halves
        apart = np.concatenate(
            [nearest(first.points, second.points).distance, nearest(second.points, first.points).distance]
        )
        return Interpolation(float(apart.mean()), scores, {})

    def _described(self, images: Images) -> Drawn:
        half = len(images) // 2
        space = self._bench.space
        first, second = (
            describe(part, space, self._seed + place) for place, part in enumerate((images[:half], images[half:]))
        )
        return Drawn(images, (first, second))

    def _floor(self) -> SampleScores:
        """Real images against real ones: one half against the other, both ways."""
        first, second = self._real.halves
        return mean_scores(set_scores(first, second, self._seed), set_scores(second, first, self._seed))

    def _against_real(self, drawn: Drawn) -> SampleScores:
        """Each half against a half of the real images; crosswise, as blurred ones were made from real ones."""
        real, made = self._real.halves, drawn.halves
        return mean_scores(set_scores(real[0], made[1], self._seed), set_scores(real[1], made[0], self._seed))

    def _midpoint_scores(self, subject: Subject, gallery: Gallery) -> InterpolationScores:
        half, space = self._bench.half, self._bench.space
        own = subject is self._bench.own
        means = self._bench.posteriors[subject.label].mean
        latents = subject.prior.sample(self._seed, range(2 * half)).astype(np.float64)
        found = []
        for place, rows in enumerate((slice(half), slice(half, 2 * half))):
            encoded = subject.coder.decode(midpoints(means[rows]))
            generated = subject.coder.decode(spherical_midpoints(latents[rows]))
            found.append(
                interpolation_scores(
                    self._real.halves[1 - place].points,
                    self._drawn[subject.label].halves[place].points,
                    space.project(encoded),
                    space.project(generated),
                )
            )
            if own and place == 0:
                gallery.midpoints = self._midpoint_sheet(encoded)
        return _mean_interpolation(*found)

    def _midpoint_sheet(self, middle: Images) -> Sheet:
        pairs, ends = len(middle), self._bench.made[self._bench.own.label]
        shown = slice(min(pairs, _SHOWN))
        return Sheet({"one end": ends[:pairs][shown], "midpoint": middle[shown], "other end": ends[pairs:][shown]})

    def _neighbour_sheet(self, small: RealSets) -> Sheet:
        """The samples nearest to a training image, by thumbnail, with that image and the nearest held out."""
        material, images = self._bench.material, self._drawn[self._bench.own.label].images
        points = thumbnails(images)
        train, held_out = nearest(points, small.train), nearest(points, small.held_out)
        rows = np.argsort(train.distance, kind="stable")[:_SHOWN]
        return Sheet(
            {
                "sample": images[rows],
                "nearest training image": material.train[train.number[rows]],
                "nearest held-out image": material.test[held_out.number[rows]],
            },
            tuple(f"{train.distance[row]:.0f} | {held_out.distance[row]:.0f}" for row in rows),
            "The samples nearest to a training image, by thumbnails. Below: distance to it | to the held-out image.",
        )


def _mean_interpolation(first: InterpolationScores, second: InterpolationScores) -> InterpolationScores:
    base, encoded, generated = (
        (getattr(first, name) + getattr(second, name)) / 2.0
        for name in ("sample_distance", "encoded_midpoint_distance", "generated_midpoint_distance")
    )
    known = base > 0.0
    return InterpolationScores(
        base, encoded, generated, encoded / base if known else None, generated / base if known else None
    )
