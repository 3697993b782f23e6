"""Which images of a seed are meant: text such as `0-499,777`, and the numbers in rising order."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import shown

MAX_IMAGE_INDEX = 9_999_999
_RANGE = re.compile(r"([0-9]{1,12})(?:-([0-9]{1,12}))?", re.ASCII)
_MAX_CHARS = 100_000
_FORM = f"numbers and ranges such as 0-499,777, each from 0 to {MAX_IMAGE_INDEX:,}"


class Indices:
    """Numbers in rising order, each once, kept as ranges. `len` of it, `[position]`, and `str`, its shortest form."""

    def __init__(self, ranges: tuple[tuple[int, int], ...]) -> None:
        """ranges: first and last number of each, in rising order, with a gap between any two."""
        self._ranges = ranges
        self._lasts = [last for _, last in ranges]
        self._ends = list(accumulate(last - first + 1 for first, last in ranges))

    @classmethod
    def below(cls, count: int) -> Indices:
        """0 to count - 1."""
        return cls(((0, count - 1),) if count else ())

    @classmethod
    def parse(cls, field: str, text: str) -> Indices:
        """The numbers that `text` names, in any order and with repetitions. Raises InvalidValue, naming the field."""
        if len(text) > _MAX_CHARS:
            raise InvalidValue(f"{field} of {len(text):,} characters is too long: at most {_MAX_CHARS:,} are allowed")
        return cls(tuple(_merged([_bounds(field, part) for part in text.split(",")])))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, position: int) -> int:
        if not 0 <= position < len(self):
            raise IndexError(f"position {position} is out of range: 0 to {len(self) - 1}")
        place = bisect_right(self._ends, position)
        return self._ranges[place][1] - (self._ends[place] - 1 - position)

    def position_of(self, number: int) -> int | None:
        """Where the number stands, or None if it is not among them."""
        place = bisect_left(self._lasts, number)
        if place == len(self._ranges) or number < self._ranges[place][0]:
            return None
        return self._ends[place] - 1 - (self._ranges[place][1] - number)

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self._ranges)


def _bounds(field: str, part: str) -> tuple[int, int]:
    found = _RANGE.fullmatch(part.strip())
    if found is None:
        raise InvalidValue(f"{field} {shown(part)!r} is not understood: {_FORM}")
    first = int(found[1])
    last = first if found[2] is None else int(found[2])
    if not first <= last <= MAX_IMAGE_INDEX:
        raise InvalidValue(f"{field} {shown(part)!r} is out of range: {_FORM}, the smaller one first")
    return first, last


def _merged(bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(bounds):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
