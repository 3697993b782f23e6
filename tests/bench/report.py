"""What was measured, as a table and as JSON, each figure beside what is wanted of it."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vae_core.model.devices import device_model, find_device


@dataclass(frozen=True)
class Figure:
    """A median over runs. least, most: what is wanted of it, if anything is. note: what it was reckoned from."""

    name: str
    value: float
    unit: str
    runs: tuple[float, ...] = ()
    least: float | None = None
    most: float | None = None
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """None where nothing is wanted of it."""
        if self.least is not None:
            return self.value >= self.least
        return self.value <= self.most if self.most is not None else None

    @property
    def wanted(self) -> str:
        if self.least is not None:
            return f"at least {_number(self.least)}"
        return f"at most {_number(self.most)}" if self.most is not None else ""


def median_of(name: str, runs: Sequence[float], unit: str, **wanted: Any) -> Figure:
    return Figure(name, statistics.median(runs), unit, tuple(runs), **wanted)


class Report:
    """Figures in the order in which they were found. tell: is told each line as soon as it is known."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.figures: list[Figure] = []
        self._tell = tell

    def head(self, title: str) -> None:
        self._tell(f"\n{title}")

    def add(self, figure: Figure) -> Figure:
        self.figures.append(figure)
        verdict = {True: "met", False: "MISSED", None: ""}[figure.is_met]
        spread = f"{_number(min(figure.runs))} to {_number(max(figure.runs))}" if len(figure.runs) > 1 else ""
        columns = f"  {figure.name:<46} {_number(figure.value):>10} {figure.unit:<9} {spread:<20} {figure.wanted:<14}"
        self._tell(f"{columns} {verdict}".rstrip())
        if figure.note:
            self._tell(f"    {figure.note}")
        return figure

    @property
    def missed(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.is_met is False]

    def as_data(self) -> dict[str, Any]:
        figures = [
            {
                "name": figure.name,
                "value": figure.value,
                "unit": figure.unit,
                "runs": list(figure.runs),
                "least": figure.least,
                "most": figure.most,
                "met": figure.is_met,
                "note": figure.note,
            }
            for figure in self.figures
        ]
        return {"machine": machine(), "figures": figures}


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": device_model(find_device("cpu")),
        "cores": usable_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
