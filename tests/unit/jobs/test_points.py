"""What an interpolation walks between, as it is written."""

from __future__ import annotations

import pytest

from vae_core.errors import InvalidValue
from vae_core.jobs.points import SeedPoint, parse_point, point_name
from vae_core.jobs.sources import Source


@pytest.mark.parametrize(
    ("text", "point", "name"),
    [
        ("seed:7/12", SeedPoint(7, 12), "seed:7/12"),
        ("seed:0/0", SeedPoint(0, 0), "seed:0/0"),
        ("s3://cars/a b#/c.jpg", Source("cars", "a b#/c.jpg"), "c.jpg"),
        ("file:///pictures/c.jpg", Source("", "/pictures/c.jpg"), "c.jpg"),
    ],
)
def test_point_is_understood(text: str, point: SeedPoint | Source, name: str) -> None:
    assert parse_point(text) == point
    assert point_name(parse_point(text)) == name
    assert str(SeedPoint(7, 12)) == "seed:7/12"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed:7", "point 'seed:7' is not understood: seed:7/12, image 12 of seed 7"),
        ("seed:-1/2", "is not understood"),
        ("seed:1/2/3", "is not understood"),
        ("seed:9999999999999999999/2", "seed 9999999999999999999 is out of range: 0 to 9,223,372,036,854,775,807"),
        ("seed:7/10000000", "index 10000000 is out of range: 0 to 9,999,999"),
        ("s3://cars", "point 's3://cars' is a folder: the address of one image is expected"),
        ("s3://cars/a/", "is a folder"),
        ("file:///", "is a folder"),
        ("a.jpg", "is not understood: s3://bucket/prefix"),
    ],
)
def test_point_is_refused_when_it_names_no_image(text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        parse_point(text)
