"""How `vaejob` writes: data on stdout as JSON or tables, all else as lines on stderr."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from vae_core.jobs.codec import to_pretty_json

GAP = "  "
_NARROWEST = 6


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


def emit_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, whole: int = 1) -> None:
    """A table on stdout, fitted to a terminal's width; in a pipe nothing is cut.

    whole: how many columns from the left are never cut, as they are there to be copied.
    """
    cells = [list(header)] + [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    if sys.stdout.isatty():
        widths = fitted(widths, shutil.get_terminal_size().columns, whole)
    for row in cells:
        line = GAP.join(_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def fitted(widths: Sequence[int], columns: int, whole: int) -> list[int]:
    """`widths` with the widest columns made narrower until a line has at most `columns` characters, if it can.

    The first `whole` keep their width; no other gets narrower than 6.
    """
    narrowed = list(widths)
    excess = sum(narrowed) + len(GAP) * (len(narrowed) - 1) - columns
    while excess > 0:
        widest = max(range(whole, len(narrowed)), key=narrowed.__getitem__, default=None)
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
