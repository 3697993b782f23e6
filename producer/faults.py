"""What is wrong with the results of a job, one fault at a time, and which of them are told."""

from __future__ import annotations

import msgspec

SHOWN = 20


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as the job's documents say.

    code: `missing`, `truncated`, `changed`, `unreadable`, `stranger` (nothing names it), `twice`, `not_accounted_for`,
        `not_planned`, `wrong_name`, `wrong_source` or `wrong_count`.
    index: of the item, None for a document or a side file. key: relative to the job's folder. message: one line.
    """

    code: str
    message: str
    index: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        return self.message if self.index is None else f"item {self.index}: {self.message}"


class Told:
    """Counts faults, and keeps the first of them. most: how many are kept, all if None."""

    def __init__(self, most: int | None) -> None:
        self.count = 0
        self.kept: list[Fault] = []
        self._most = most

    def add(self, fault: Fault) -> None:
        self.count += 1
        if self._most is None or len(self.kept) < self._most:
            self.kept.append(fault)
