"""What was measured: a table that grows line by line, and the same as plain data."""

from __future__ import annotations

import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

_WHAT_WIDTH = 58
_NUMBER_WIDTH = 12
RATE_COLUMNS = ("median", "low", "high")


class Rate(NamedTuple):
    """Of several runs, in things a second."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> Rate:
        """In another unit."""
        return Rate(self.median * factor, self.low * factor, self.high * factor)


def rate(count: int, runs: int, once: Callable[[], float]) -> Rate:
    """once: does `count` things, and returns the seconds that they took."""
    rates = [count / max(once(), 1e-9) for _ in range(runs)]
    return Rate(statistics.median(rates), min(rates), max(rates))


def clocked(work: Callable[[], object]) -> float:
    """Seconds that the call takes by the clock on the wall."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Report:
    """Every line is written to standard output once it is known, so that a run that is cut off has told something.

    failed: titles of the sections that did not come to their end.
    """

    def __init__(self, facts: Mapping[str, object]) -> None:
        self._facts = dict(facts)
        self._figures: dict[str, Any] = {}
        self.failed: list[str] = []
        for name, fact in facts.items():
            self._say(f"{name}: {fact}")

    @contextmanager
    def section(self, title: str, *columns: str) -> Iterator[None]:
        """What fails within is told, and the sections that follow are measured all the same."""
        heads = "".join(f"{name:>{_NUMBER_WIDTH}}" for name in columns)
        self._say(f"\n{title:{_WHAT_WIDTH}}{heads}".rstrip())
        try:
            yield
        except Exception as exc:  # noqa: BLE001 whatever it is, the exit status says that it was
            self.failed.append(title)
            self.note(f"failed: {type(exc).__name__}: {exc}")
            sys.stderr.write(traceback.format_exc())

    def rate(self, key: str, what: str, found: Rate, unit: str = "images/s") -> None:
        self._figures[key] = {**found._asdict(), "unit": unit}
        self._line(what, "".join(f"{_number(value):>{_NUMBER_WIDTH}}" for value in found), unit)

    def value(self, key: str, what: str, value: float, unit: str = "") -> None:
        self._figures[key] = value
        self._line(what, f"{_number(value):>{_NUMBER_WIDTH}}", unit)

    def verdict(self, key: str, what: str, value: bool, words: tuple[str, str] = ("no", "yes")) -> None:
        """words: for False and for True."""
        self._figures[key] = value
        self._line(what, f"{words[value]:>{_NUMBER_WIDTH}}", "")

    def data(self, key: str, value: object) -> None:
        """For the plain data alone."""
        self._figures[key] = value

    def note(self, text: str) -> None:
        self._say(f"  {text}")

    def number(self, key: str) -> float | None:
        """A rate's median, or a value; None where it was not measured."""
        found: Any = self._figures.get(key)
        if isinstance(found, dict):
            found = found["median"]
        return None if found is None else float(found)

    def as_data(self) -> dict[str, Any]:
        return {"facts": self._facts, "figures": self._figures, "failed": self.failed}

    def _line(self, what: str, numbers: str, unit: str) -> None:
        self._say(f"  {what:{_WHAT_WIDTH - 2}}{numbers} {unit}".rstrip())

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
