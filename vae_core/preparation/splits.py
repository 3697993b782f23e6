"""Which pictures are trained on, validated on and tested on: decided by their content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_float

TRAIN, VALIDATION, TEST = SPLITS = ("train", "validation", "test")
_DIGITS = 13  # 52 bits: as many as a float holds without rounding, so that the last place is below 1


class Shares(msgspec.Struct, frozen=True):
    """The parts of all pictures, in [0, 1], that are kept from the training; it has the rest.

    Raises InvalidValue for a share out of its range, or for two that leave nothing to train on.
    """

    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        check_float("--validation", self.validation, 0.0, 1.0)
        check_float("--test", self.test, 0.0, 1.0)
        if self.validation + self.test >= 1.0:
            raise InvalidValue(
                f"--validation {self.validation:g} and --test {self.test:g} leave nothing to train on: "
                "give shares whose sum is below 1"
            )


def content_hash(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of the picture's values, uint8 (H, W, 3), in hexadecimal."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def split_of(sha256: str, shares: Shares) -> str:
    """The side of the picture of this content: `train`, `validation` or `test`.

    The hash is a place between 0 and 1: test lies at its beginning, validation at its end. So no other picture has a
    say in it, and a share that is changed moves pictures between training and that one side only.
    """
    place = int(sha256[:_DIGITS], 16) / 16**_DIGITS
    if place < shares.test:
        return TEST
    return VALIDATION if place >= 1.0 - shares.validation else TRAIN


def split_all(hashes: Sequence[str], shares: Shares) -> list[str]:
    """The side of each of these pictures, by `split_of`.

    A few pictures may all miss the training's side. Then there is nothing to keep them from, and all are trained on.
    """
    sides = [split_of(sha256, shares) for sha256 in hashes]
    return sides if TRAIN in sides else [TRAIN] * len(sides)
