"""JSON of the figures, and how they stand in tables."""

from __future__ import annotations

import math

import pytest

from vae_core.errors import InvalidValue
from vae_core.evaluation.report import Evaluation, _rounded
from vae_core.evaluation.table import Table, as_text, chance, number


def test_numbers_have_six_digits_and_are_null_when_not_finite() -> None:
    value = {"a": 1.23456789, "b": [math.inf, math.nan, 1e-12 / 3], "c": 123456789, "d": None, "e": True}
    assert _rounded(value) == {"a": 1.23457, "b": [None, None, 3.33333e-13], "c": 123456789, "d": None, "e": True}


def test_evaluation_is_refused_when_a_field_is_missing() -> None:
    with pytest.raises(InvalidValue, match=r"old\.json is not valid"):
        Evaluation.from_json(b'{"format_version": 1}', where="old.json")


def test_figures_are_short_when_they_are_shown() -> None:
    assert [number(value, 2) for value in (1.005, 1234.5, None, math.inf)] == ["1.00", "1,234.50", "–", "–"]
    assert [chance(value) for value in (0.5, 0.00099, 3e-20, None)] == ["0.500", "1e-03", "3e-20", "–"]


def test_columns_are_aligned_when_a_table_is_printed() -> None:
    table = Table("samples", "Title", ("", "one", "two"), [("a long label", "1", "22.5"), ("b", "333", "4")])
    assert as_text(table).splitlines() == [
        "Title",
        "                one   two",
        "  a long label    1  22.5",
        "  b             333     4",
    ]
