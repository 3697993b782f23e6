"""Splitting a job into parts: pure arithmetic."""

from __future__ import annotations

from vae_core.jobs.job import Plan

GRID_ITEMS = 100
GRID_PAIRS = 50


def part_count(items: int, part_size: int) -> int:
    """Number of parts that hold `items`, all of them full but the last."""
    return -(-items // part_size)


def part_range(plan: Plan, part: int) -> range:
    """Indices of the part's items. Raises IndexError for a part the plan does not have."""
    if not 0 <= part < plan.parts:
        raise IndexError(f"part {part} is out of range: 0 to {plan.parts - 1}")
    return range(part * plan.part_size, min((part + 1) * plan.part_size, plan.items))


def grid_indices(items: int, most: int) -> list[int]:
    """Indices of the items on the contact sheet: all of them, or `most` spread evenly from the first to the last.

    A function of the number of items alone, so that neither part size nor order of work changes the sheet.
    """
    if items <= most:
        return list(range(items))
    if most == 1:
        return [0]
    return [index * (items - 1) // (most - 1) for index in range(most)]
