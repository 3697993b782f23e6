"""Splitting: every item in exactly one part, and the contact sheet's choice."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vae_core.jobs.job import Plan
from vae_core.jobs.parts import GRID_ITEMS, GRID_PAIRS, grid_indices, part_count, part_range


def plan(items: int, part_size: int) -> Plan:
    return Plan(checkpoint_sha256="0" * 64, items=items, parts=part_count(items, part_size), part_size=part_size)


@given(st.integers(0, 3000), st.integers(1, 8000))
@example(500, 500)
@example(501, 500)
@example(1, 1)
def test_each_item_is_in_exactly_one_part_when_split(items: int, part_size: int) -> None:
    split = plan(items, part_size)
    ranges = [part_range(split, part) for part in range(split.parts)]
    assert [index for indices in ranges for index in indices] == list(range(items))
    assert all(len(indices) == part_size for indices in ranges[:-1])
    assert all(ranges)


@given(st.integers(1, 10_000_000), st.integers(1, 8000))
def test_last_part_ends_with_the_last_item_when_job_is_large(items: int, part_size: int) -> None:
    split = plan(items, part_size)
    last = part_range(split, split.parts - 1)
    assert last.stop == items
    assert 1 <= len(last) <= part_size


def test_there_is_no_part_when_there_are_no_items() -> None:
    assert part_count(0, 512) == 0


@pytest.mark.parametrize("part", [-1, 8, 10**9])
def test_error_names_the_range_when_the_plan_has_no_such_part(part: int) -> None:
    with pytest.raises(IndexError, match=rf"^part {part} is out of range: 0 to 7$"):
        part_range(plan(500, 64), part)


@given(st.integers(0, 10_000_000), st.integers(1, 100))
def test_grid_is_spread_from_first_to_last_when_items_are_many(items: int, most: int) -> None:
    chosen = grid_indices(items, most)
    assert len(chosen) == min(items, most)
    assert chosen == sorted(set(chosen))
    assert not chosen or (chosen[0] == 0 and (most == 1 or chosen[-1] == items - 1))
    gaps = {later - earlier for earlier, later in pairwise(chosen)}
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_grid_is_these_items_when_job_has_500() -> None:
    assert grid_indices(500, GRID_ITEMS)[:4] == [0, 5, 10, 15]
    assert grid_indices(500, GRID_PAIRS)[-2:] == [488, 499]
    assert grid_indices(25, GRID_PAIRS) == list(range(25))
