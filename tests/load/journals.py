"""What the workers' logs say of each job: that it was planned, that a part was committed, that it ended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

_PLANNED = re.compile(r" worker\.planning: job (\S+) planned: ")
_COMMITTED = re.compile(r" worker\.parts: job (\S+) part (\d+): \d+ done, \d+ errors")
_AGAIN = re.compile(r" worker\.parts: job (\S+) part (\d+): was committed by another already")
_ENDED = re.compile(r" worker\.ending: job (\S+) (?:succeeded|failed|cancelled), ")
_LEVEL = re.compile(r"\d\d:\d\d:\d\d (WARNING|ERROR|CRITICAL) ")


@dataclass
class Journals:
    """How often, of all machines together. Whoever creates the plan, the record or the end says so, and nobody else.

    again: parts that were done although another had committed them meanwhile. warnings, errors: whole lines.
    """

    planned: Counter[str] = field(default_factory=Counter)
    committed: Counter[tuple[str, int]] = field(default_factory=Counter)
    again: Counter[tuple[str, int]] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def take(self, line: str) -> None:
        """Counts what one line says."""
        if found := _PLANNED.search(line):
            self.planned[found[1]] += 1
        elif found := _COMMITTED.search(line):
            self.committed[found[1], int(found[2])] += 1
        elif found := _AGAIN.search(line):
            self.again[found[1], int(found[2])] += 1
        elif found := _ENDED.search(line):
            self.ended[found[1]] += 1
        if found := _LEVEL.match(line):
            (self.warnings if found[1] == "WARNING" else self.errors).append(line)
        elif line.startswith("Traceback "):
            self.errors.append(line)


def read_journals(log_files: Iterable[Path]) -> Journals:
    """All lines of the logs."""
    journals = Journals()
    for path in log_files:
        with path.open(errors="replace") as lines:
            for line in lines:
                journals.take(line.rstrip("\n"))
    return journals
