"""Whether each item of a plan is accounted for exactly once, under the name and from the source that were planned."""

from __future__ import annotations

from collections.abc import Iterator

from producer.faults import Fault
from producer.planned import PlannedItems
from vae_core.jobs.checks import shown
from vae_core.jobs.records import ItemDone, ItemError

_UNSEEN, _DONE, _FAILED = range(3)
_WHERE = {_DONE: "manifest.jsonl", _FAILED: "errors.jsonl"}


class Accounts:
    """Takes the lines of the manifest and of the error list, and knows which items no line was about.

    A byte is held for each item of the plan.
    """

    def __init__(self, planned: PlannedItems) -> None:
        self._planned = planned
        self._seen = bytearray(planned.count)

    def enter_done(self, item: ItemDone) -> list[Fault]:
        """Enters a line of the manifest; what is wrong with it."""
        position, faults = self._enter(item.index, item.key, _DONE)
        if position is None or faults or not self._planned.is_known(position):
            return faults
        name, expected = _name(item.key, item.member), self._name_of(position)
        if name != expected:
            message = f"{shown(name)} is not its name: {expected} is"
            faults.append(Fault(code="wrong_name", index=item.index, key=item.key, message=message))
        source = self._planned.source_of(position)
        if item.source != source:
            faults.append(_wrong_source(item.index, item.key, item.source, source))
        return faults

    def enter_failed(self, error: ItemError) -> list[Fault]:
        """Enters a line of the error list; what is wrong with it."""
        position, faults = self._enter(error.index, None, _FAILED)
        if position is None or faults or not self._planned.is_known(position):
            return faults
        if error.source not in self._planned.error_sources(position):
            faults.append(_wrong_source(error.index, None, error.source, self._planned.source_of(position)))
        return faults

    def not_done(self) -> Iterator[tuple[int, bool]]:
        """Position of each item that has no output, and whether it is listed as an error; ascending."""
        for position, seen in enumerate(self._seen):
            if seen != _DONE:
                yield position, seen == _FAILED

    def missing(self, position: int) -> Fault:
        """For an item that no line is about."""
        known = self._planned.is_known(position)
        source = self._planned.source_of(position)
        about = f" ({shown(source)})" if source is not None else ""
        message = f"not accounted for{about}: it is neither in manifest.jsonl nor in errors.jsonl"
        key = self._name_of(position) if known else None
        return Fault(code="not_accounted_for", index=self._planned.number_of(position), key=key, message=message)

    def _name_of(self, position: int) -> str:
        return _name(self._planned.name_of(position), self._planned.member_of(position))

    def _enter(self, number: int, key: str | None, how: int) -> tuple[int | None, list[Fault]]:
        where = _WHERE[how]
        position = self._planned.position_of(number)
        if position is None:
            message = f"{where} has it, and the plan does not"
            return None, [Fault(code="not_planned", index=number, key=key, message=message)]
        before, self._seen[position] = self._seen[position], self._seen[position] or how
        if before == _UNSEEN:
            return position, []
        again = where if before == how else f"{_WHERE[before]} and {where}"
        return position, [Fault(code="twice", index=number, key=key, message=f"accounted for twice, in {again}")]


def _name(key: str, member: str | None) -> str:
    """Of a file, or of a file in a shard."""
    return key if member is None else f"{key}: {member}"


def _wrong_source(number: int, key: str | None, source: str | None, planned: str | None) -> Fault:
    message = f"its source is {_quoted(source)}: {_quoted(planned)} was planned"
    return Fault(code="wrong_source", index=number, key=key, message=message)


def _quoted(source: str | None) -> str:
    return "none" if source is None else repr(shown(source))
