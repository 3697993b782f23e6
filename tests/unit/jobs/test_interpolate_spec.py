"""What an interpolation may be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from vae_core.errors import InvalidValue
from vae_core.jobs.spec import InterpolateSpec, kind_of, known_items

_TWO = ("seed:7/1", "s3://cars/a.jpg")
_FOUR = ("seed:7/1", "seed:7/2", "seed:7/3", "seed:7/4")


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({"points": _TWO}, 9),
        ({"points": _FOUR, "steps": 5}, 13),
        ({"points": _FOUR, "steps": 5, "loop": True}, 16),
        ({"pairs": 6, "seed": 3, "steps": 8}, 48),
        ({"points": _FOUR, "rows": 3, "columns": 5}, 15),
    ],
)
def test_frames_are_counted_by_the_spec_alone(fields: dict[str, Any], frames: int) -> None:
    spec = InterpolateSpec(**fields)
    assert known_items(spec) == len(spec.walk.frames) == frames
    assert kind_of(spec) == "interpolate"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "0 points are given: 2 to 64 are walked between, each an image or seed:7/12, .*; or give --pairs N"),
        ({"points": _TWO[:1]}, "1 points are given"),
        ({"points": _TWO[:1] * 65}, "65 points are given"),
        ({"points": ("seed:7/1", "seed:7")}, "point 'seed:7' is not understood"),
        ({"points": _TWO, "steps": 1}, "--steps 1 is out of range: 2 to 1,000"),
        ({"points": _TWO, "fps": 0}, "--fps 0 is out of range: 1 to 60"),
        ({"points": _TWO, "method": "cubic"}, "--method 'cubic' is unknown: one of auto, slerp, lerp"),
        ({"points": _TWO, "fit": "stretch"}, "--fit 'stretch' is unknown"),
        ({"points": _FOUR * 16, "steps": 1000}, "the number of frames 62938 is out of range: 1 to 10,000"),
        ({"pairs": 1000, "seed": 1, "steps": 1000}, "the number of frames 1000000 is out of range: 1 to 10,000"),
        ({"pairs": 0, "seed": 1}, "--pairs 0 is out of range: 1 to 1,000"),
        ({"pairs": 3}, "--pairs needs a seed"),
        ({"pairs": 3, "seed": -1}, "--seed -1 is out of range"),
        ({"pairs": 3, "seed": 1, "points": _TWO}, "--pairs draws its own points"),
        ({"pairs": 3, "seed": 1, "loop": True}, "leave points, grid and --loop out"),
        ({"points": _TWO, "rows": 3, "columns": 3}, "2 corners are given: four are expected"),
        ({"points": _FOUR, "rows": 3}, "--cols 0 is out of range: 2 to 100"),
        ({"points": _FOUR, "rows": 1, "columns": 3}, "--rows 1 is out of range: 2 to 100"),
        ({"points": _FOUR, "rows": 3, "columns": 3, "loop": True}, "--loop does not go with --corners"),
    ],
)
def test_spec_is_refused_in_one_line_when_it_cannot_be_walked(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as caught:
        InterpolateSpec(**fields)
    assert "\n" not in str(caught.value)
