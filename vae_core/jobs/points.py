"""What an interpolation walks between: an image of a seed, written `seed:7/12`, or an image somewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from vae_core.errors import InvalidValue
from vae_core.jobs.checks import check_int, shown
from vae_core.jobs.indices import MAX_IMAGE_INDEX
from vae_core.jobs.sources import Source, parse_source

SEED_FORM = "seed:7/12, image 12 of seed 7"
_SEED = "seed:"
_SEED_POINT = re.compile(r"seed:([0-9]{1,19})/([0-9]{1,12})", re.ASCII)
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class SeedPoint:
    """The image of this number that a sample job of this seed has."""

    seed: int
    index: int

    def __str__(self) -> str:
        return f"{_SEED}{self.seed}/{self.index}"


Point: TypeAlias = SeedPoint | Source


def point_name(point: Point) -> str:
    """What a label calls it: `seed:7/12`, or the name of the file."""
    return str(point) if isinstance(point, SeedPoint) else point.path.rpartition("/")[2]


def is_seed_point(text: str) -> bool:
    """Whether it is written as an image of a seed, rightly or not."""
    return text.startswith(_SEED)


def parse_point(text: str) -> Point:
    """The point that `text` names: `seed:S/I`, `s3://bucket/key` or `file:///absolute/path`. Raises InvalidValue."""
    if not is_seed_point(text):
        source = parse_source(text)
        if source.path in {"", "/"} or source.path.endswith("/"):
            raise InvalidValue(f"point {shown(text)!r} is a folder: the address of one image is expected")
        return source
    found = _SEED_POINT.fullmatch(text)
    if found is None:
        raise InvalidValue(f"point {shown(text)!r} is not understood: {SEED_FORM}")
    seed, index = int(found[1]), int(found[2])
    check_int(f"point {shown(text)!r}: seed", seed, 0, MAX_SEED)
    check_int(f"point {shown(text)!r}: index", index, 0, MAX_IMAGE_INDEX)
    return SeedPoint(seed, index)
