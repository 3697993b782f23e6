"""The side that a picture's content puts it on."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from vae_core.errors import InvalidValue
from vae_core.preparation.splits import Shares, content_hash, split_all, split_of

HASHES = [hashlib.sha256(bytes([number // 256, number % 256])).hexdigest() for number in range(4000)]


def test_sides_have_their_shares_when_there_are_many() -> None:
    sides = split_all(HASHES, Shares(validation=0.1, test=0.25))
    counts = [sides.count(name) / len(sides) for name in ("train", "validation", "test")]
    assert counts == pytest.approx([0.65, 0.1, 0.25], abs=0.03)


def test_side_stays_the_same_when_other_pictures_come_or_go() -> None:
    sides = dict(zip(HASHES, split_all(HASHES, Shares()), strict=True))
    some = HASHES[::7]
    assert split_all(some[::-1], Shares()) == [sides[sha256] for sha256 in some[::-1]]


def test_pictures_move_only_to_the_side_that_grows_when_a_share_is_changed() -> None:
    before, after = (split_all(HASHES, Shares(0.1, test)) for test in (0.1, 0.3))
    assert {pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]} == {("train", "test")}


def test_place_decides_when_at_the_ends() -> None:
    shares = Shares(0.1, 0.1)
    assert split_of("0" * 64, shares) == "test"
    assert split_of("f" * 64, shares) == "validation"
    assert split_of("8" + "0" * 63, shares) == "train"
    assert split_of("0" * 64, Shares(0.0, 0.0)) == "train"
    assert split_of("f" * 64, Shares(0.0, 0.0)) == "train"


def test_all_are_trained_on_when_none_would_be() -> None:
    assert split_all(["0" * 64, "f" * 64], Shares()) == ["train", "train"]


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.1, float("nan")), (0.5, 0.5), (1.0, 0.0), (2.0, 0.0)])
def test_shares_are_refused_when_they_leave_nothing_to_train_on(shares: tuple[float, float]) -> None:
    with pytest.raises(InvalidValue, match=r"--(validation|test)"):
        Shares(*shares)


def test_content_is_told_apart_when_one_value_differs() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    other = image.copy()
    other[3, 3, 2] = 1
    assert content_hash(image) == content_hash(image[::-1]) == hashlib.sha256(bytes(48)).hexdigest()
    assert content_hash(image) != content_hash(other)
