"""Thresholds."""

from __future__ import annotations

import pytest

from vae_core.evaluation.checks import (
    at_least,
    at_most,
    denoising_checks,
    memorisation_checks,
    photograph_checks,
    sample_checks,
)
from vae_core.evaluation.report import (
    Denoising,
    DenoisingScores,
    Memorisation,
    MemorisationScores,
    Photographs,
    PhotographScores,
    Samples,
    SampleScores,
)


def sample_scores(frechet: float, wasserstein: float, density: float, coverage: float) -> SampleScores:
    return SampleScores(frechet, wasserstein, {"16": wasserstein}, 0.9, 0.9, density, coverage, 1.0, 1.0)


def test_check_passes_at_the_threshold_and_is_open_when_there_is_no_value() -> None:
    assert at_least("a", 2.0, 2.0).passed is True
    assert at_least("a", 1.999, 2.0).passed is False
    assert at_most("a", 2.0, 2.0).passed is True
    assert at_most("a", 2.001, 2.0).passed is False
    assert at_least("a", None, 2.0).passed is None


def test_samples_are_read_as_ratios_when_real_images_set_the_floor() -> None:
    scores = {
        "real": sample_scores(4.0, 0.02, 1.0, 0.96),
        "cars": sample_scores(6.0, 0.05, 0.8, 0.48),
        "cars, N(0, I)": sample_scores(12.0, 0.02, 0.2, 0.96),
    }
    found = {check.name: check for check in sample_checks(Samples(100, 0.97, scores, {}), "cars")}
    assert found["prior: Fréchet distance over real's"].value == 1.5
    assert [check.passed for check in found.values()] == [True, False, True, False, False, True, False, True]


def test_samples_have_no_checks_when_there_are_no_sets() -> None:
    assert list(sample_checks(Samples(0, None, {}, {"sets": "few"}), "cars")) == []


def test_ratio_is_open_when_the_floor_is_zero() -> None:
    scores = {"real": sample_scores(0.0, 0.0, 0.0, 0.0), "cars": sample_scores(6.0, 0.05, 0.8, 0.48)}
    found = list(sample_checks(Samples(100, 0.97, scores, {}), "cars"))
    assert [check.passed for check in found] == [None] * 4


def test_memorisation_fails_when_the_second_test_is_significant() -> None:
    fine = MemorisationScores(1.0, 1.0, 1e-9, 0.9, 0.9, 0.5, False)
    copied = MemorisationScores(0.1, 1.0, 1e-9, 1.0, 0.9, 1e-9, True)
    found = list(memorisation_checks(Memorisation({"cars": fine}, {"cars": copied}, {}), "cars"))
    assert [check.passed for check in found] == [True, False]


def test_memorisation_is_open_when_so_few_images_cannot_tell() -> None:
    unknown = MemorisationScores(0.1, 1.0, 1e-9, 1.0, 0.9, 0.5, None)
    found = list(memorisation_checks(Memorisation({"cars": unknown}, {"cars": unknown}, {}), "cars"))
    assert [(check.value, check.passed) for check in found] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("training", "passed"),
    [
        ('[{"from": 0, "config": {"denoise": 0.0}}, {"from": 9, "config": {"denoise": 0.2, "beta": 1}}]', False),
        ('[{"from": 0, "config": {"denoise": 0.2}}, {"from": 9, "config": {"denoise": 0.0}}]', None),
        ('[{"from": 0, "config": {"beta": 1}}]', None),
        ("none", None),
        ("[]", None),
    ],
)
def test_gain_is_asked_only_when_the_network_learnt_to_denoise(training: str, passed: bool | None) -> None:
    found = Denoising(0.2, 9, {"cars": DenoisingScores(15.0, 16.0, 1.0)})
    assert [check.passed for check in denoising_checks(found, "cars", {"training": training})] == [passed]
    assert [check.value for check in denoising_checks(found, "cars", {})] == [1.0]


def test_photographs_are_checked_by_group_when_there_are_any() -> None:
    assert list(photograph_checks(None, "cars", "PCA-4")) == []
    scores = {
        "all": {"cars": PhotographScores(15.0, 0.5), "PCA-4": PhotographScores(14.0, 0.5)},
        "clean background": {"cars": PhotographScores(None, None), "PCA-4": PhotographScores(None, None)},
    }
    found = list(photograph_checks(Photographs("photos", {}, scores), "cars", "PCA-4"))
    assert [(check.value, check.passed) for check in found] == [(1.0, True), (None, None)]
