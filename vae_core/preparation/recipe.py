"""What is asked of a preparation, apart from where from and where to."""

from __future__ import annotations

import msgspec

from vae_core.jobs.checks import check_choice, check_int
from vae_core.jobs.spec import FITS
from vae_core.preparation.fingerprints import DEFAULT_DISTANCE, MAX_DISTANCE
from vae_core.preparation.splits import Shares

MIN_SIZE, MAX_SIZE = 16, 1024
# A picture that has to be enlarged more than this says nothing about what a sharp one looks like.
_MAX_ENLARGEMENT = 8


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How pictures become a data set. Raises InvalidValue for a value that is not allowed.

    size: side of the square pictures, in pixels. fit: how others become square: `pad`, `squash` or `crop`.
    distance: bits of 256 by which the perceptual hashes of near-duplicates differ at most.
    """

    size: int = 128
    fit: str = "pad"
    distance: int = DEFAULT_DISTANCE
    shares: Shares = Shares()

    def __post_init__(self) -> None:
        check_int("--size", self.size, MIN_SIZE, MAX_SIZE)
        check_choice("--fit", self.fit, FITS)
        check_int("--duplicates", self.distance, 0, MAX_DISTANCE)

    @property
    def min_side(self) -> int:
        """Pixels that a picture's shorter side has to have."""
        return self.size // _MAX_ENLARGEMENT
