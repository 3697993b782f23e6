"""A table of text, and how numbers stand in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from vae_core.evaluation.report import Figure

NONE = "–"


class Table(NamedTuple):
    """section: the report's field that it shows. The first column of a row is its label."""

    section: str
    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def as_text(table: Table) -> str:
    """The table for a terminal: columns aligned, the first to the left."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    body = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    return "\n".join([table.title, *(f"  {line}".rstrip() for line in body)])


def number(value: Figure, digits: int) -> str:
    """The figure with so many digits behind the point."""
    return NONE if value is None or not math.isfinite(value) else f"{value:,.{digits}f}"


def chance(value: Figure) -> str:
    """A p-value: three digits, or the power of ten where it is small."""
    if value is None:
        return NONE
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"
