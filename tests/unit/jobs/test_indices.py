"""Lists of image numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae_core.errors import InvalidValue
from vae_core.jobs.indices import MAX_IMAGE_INDEX, Indices

numbers = st.lists(st.integers(0, 300), min_size=1, max_size=40)


def _parsed(text: str) -> Indices:
    return Indices.parse("--indices", text)


@given(numbers)
def test_numbers_are_each_there_once_and_in_order(chosen: list[int]) -> None:
    found = _parsed(",".join(map(str, chosen)))
    assert [found[position] for position in range(len(found))] == sorted(set(chosen))


@given(numbers, st.integers(-5, 310))
def test_numbers_are_found_where_they_stand(chosen: list[int], number: int) -> None:
    found, ordered = _parsed(",".join(map(str, chosen))), sorted(set(chosen))
    assert found.position_of(number) == (ordered.index(number) if number in ordered else None)


@given(numbers)
def test_text_is_the_same_numbers_again(chosen: list[int]) -> None:
    found = _parsed(",".join(map(str, chosen)))
    assert str(_parsed(str(found))) == str(found)
    assert len(_parsed(str(found))) == len(found)


@pytest.mark.parametrize(
    ("text", "shortest"),
    [("0-499,777", "0-499,777"), ("5,4,3,3", "3-5"), (" 1 , 2-2 ", "1-2"), ("7-9,8-12,20", "7-12,20"), ("0", "0")],
)
def test_text_becomes_its_shortest_form(text: str, shortest: str) -> None:
    assert str(_parsed(text)) == shortest


def test_first_numbers_are_those_below_a_count() -> None:
    found = Indices.below(500)
    assert (len(found), found[0], found[499], str(found)) == (500, 0, 499, "0-499")


def test_millions_of_numbers_take_no_room() -> None:
    found = _parsed(f"0-4000000,5000000-{MAX_IMAGE_INDEX}")
    assert len(found) == 9_000_001
    assert (found[4_000_000], found[4_000_001], found[len(found) - 1]) == (4_000_000, 5_000_000, MAX_IMAGE_INDEX)


@pytest.mark.parametrize("position", [-1, 5])
def test_position_is_refused_when_out_of_range(position: int) -> None:
    with pytest.raises(IndexError, match="out of range: 0 to 4"):
        Indices.below(5)[position]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--indices '' is not understood: numbers and ranges such as 0-499,777"),
        ("1,,2", "--indices '' is not understood"),
        ("-5", "--indices '-5' is not understood"),
        ("1-", "--indices '1-' is not understood"),
        ("1:5", "--indices '1:5' is not understood"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "is not understood"),
        ("5-1", "--indices '5-1' is out of range"),
        ("10000000", "--indices '10000000' is out of range: .* each from 0 to 9,999,999"),
        ("9" * 5000, "is not understood"),
        ("1," * 60_000 + "1", "--indices of 120,001 characters is too long: at most 100,000 are allowed"),
    ],
)
def test_text_is_refused_when_it_names_no_images(text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        _parsed(text)
