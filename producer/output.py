"""How `vaejob` writes: data on stdout as JSON or tables, all else as lines on stderr."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from vae_core.jobs.codec import to_pretty_json

GAP = "  "
_NARROWEST = 6
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def emit_json(value: Any) -> None:
    """One JSON document on stdout. value: structs or plain data."""
    click.echo(to_pretty_json(value).decode(), nl=False)


def say(text: str) -> None:
    """One line of data for people, on stdout."""
    click.echo(clean(text))


def note(text: str) -> None:
    """One line on stderr: what is not data."""
    click.echo(clean(text), err=True)


def clean(text: str) -> str:
    """`text` without letters that could move a terminal's cursor or break the line: they come from keys and callers."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def emit_fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and values, one pair a line; pairs without a value are left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        say(f"{name.ljust(width)}{GAP}{value}")


def emit_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, may_cut: Collection[str]) -> None:
    """A table on stdout, fitted to a terminal's width; in a pipe nothing is cut.

    may_cut: names of the columns that may be cut; what is there to be copied is not among them.
    """
    cells = [list(header)] + [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    if sys.stdout.isatty():
        widths = fitted(widths, shutil.get_terminal_size().columns, [header.index(name) for name in may_cut])
    for row in cells:
        line = GAP.join(_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def fitted(widths: Sequence[int], columns: int, cuttable: Collection[int]) -> list[int]:
    """`widths` with the widest of the cuttable ones made narrower until a line has at most `columns` characters.

    None gets narrower than 6; where that is not enough, the terminal wraps.
    """
    narrowed = list(widths)
    excess = sum(narrowed) + len(GAP) * (len(narrowed) - 1) - columns
    while excess > 0:
        widest = max(cuttable, key=narrowed.__getitem__, default=None)
        if widest is None or narrowed[widest] <= _NARROWEST:
            break
        narrowed[widest] -= 1
        excess -= 1
    return narrowed


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else cell[: width - 1] + "…"


def counted(number: int, noun: str) -> str:
    """`1 image`, `1,200 images`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def age_of(since: str, now: datetime) -> str:
    """How long ago the ISO 8601 time `since` was, in the largest whole unit: `5 min`."""
    try:
        started = datetime.fromisoformat(since)
    except ValueError:
        return "?"
    return duration((now - (started if started.tzinfo else started.replace(tzinfo=UTC))).total_seconds())


def duration(seconds: float) -> str:
    """In the largest unit that it is at least one of, whole: `5 min`."""
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length):,} {unit}"
    return "0 s"
