"""Photographs, and those among them that stand on a clean background."""

from __future__ import annotations

import numpy as np

from tests.unit.evaluation.shapes import noise, shapes
from vae_core.evaluation.photographs import photograph_scores


def test_groups_are_told_apart_when_some_backgrounds_are_busy() -> None:
    clean, busy = shapes(3, 1, size=64), noise(2, 2, size=64)
    photographs = np.concatenate([clean, busy])
    made = photographs.copy()
    made[3:] = 255 - made[3:]
    found = photograph_scores("photos", photographs, {"model": made})
    assert found.counts == {"all": 5, "clean background": 3, "other": 2}
    assert found.scores["clean background"]["model"].psnr_db == 100.0
    worse = found.scores["other"]["model"]
    assert worse.psnr_db is not None and worse.psnr_db < 10.0
    assert found.scores["all"]["model"].psnr_db == (3 * 100.0 + 2 * worse.psnr_db) / 5


def test_figures_of_a_group_are_unknown_when_it_is_empty() -> None:
    clean = shapes(2, 1, size=64)
    found = photograph_scores("photos", clean, {"model": clean})
    assert found.counts["other"] == 0
    assert found.scores["other"]["model"].psnr_db is None
    assert found.scores["other"]["model"].ssim is None
