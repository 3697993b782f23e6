"""Range and choice checks whose errors name the field, the value and what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

from vae_core.errors import InvalidValue

SHOWN_CHARS = 120


def shown(value: object) -> str:
    """`value` for an error text: printable ASCII, at most 120 characters, so that it can break no line and no log."""
    try:
        text = ascii(value)[1:-1] if isinstance(value, str) else str(value)
    except ValueError:  # an int of more digits than Python converts
        text = "of very many digits"
    except RecursionError:
        text = "nested too deeply"
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def check_int(field: str, value: int, low: int, high: int) -> None:
    """Raises InvalidValue unless `value` is an int (no bool) and low <= value <= high."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidValue(f"{field} {shown(value)} is out of range: {low:,} to {high:,}")


def check_float(field: str, value: float, low: float, high: float) -> None:
    """Raises InvalidValue unless `value` is finite and low <= value <= high."""
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if not is_number or isinstance(value, bool):
        raise InvalidValue(f"{field} {shown(value)} is not a number: {low:g} to {high:g}")
    if not low <= value <= high:
        raise InvalidValue(f"{field} {shown(value).removesuffix('.0')} is out of range: {low:g} to {high:g}")


def check_choice(field: str, value: str, allowed: Collection[str]) -> None:
    """Raises InvalidValue unless `value` is one of `allowed`."""
    if value not in allowed:
        raise InvalidValue(f"{field} {shown(value)!r} is unknown: one of {', '.join(allowed)}")


def check_pattern(field: str, value: str, pattern: re.Pattern[str], allowed: str) -> None:
    """Raises InvalidValue unless the whole of `value` matches; `allowed` says in words what does."""
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise InvalidValue(f"{field} {shown(value)!r} is not allowed: {allowed}")
