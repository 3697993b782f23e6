"""What a reconstruct job's inputs are when it is planned: a list of keys, all of a place, or what is new there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Protocol

from vae_core.inputs import list_inputs
from vae_core.jobs.job import Input
from vae_core.jobs.spec import ReconstructSpec
from vae_core.schedules.ledger import Entries, Known, Ledger
from vae_core.settings import Settings
from vae_core.storage.base import StoredObject
from worker.key_list import KeyList, look_up
from worker.ledgers import address_of

_LOOKED_UP_AT_ONCE = 4096


class Listing(Protocol):
    """Inputs in order, as a stream. Iterating raises the store's errors, SourceNotAllowed, InvalidValue, BadDocument.

    duplicates: lines of a list that came again, so far. known: inputs left out as their schedule is done with them.
    """

    @property
    def duplicates(self) -> int: ...

    @property
    def known(self) -> int: ...

    def __iter__(self) -> Iterator[Input]: ...


class GivenKeys:
    """The keys of a list, looked up one by one."""

    known = 0

    def __init__(self, spec: ReconstructSpec, keys: KeyList, settings: Settings) -> None:
        self._spec = spec
        self._keys = keys
        self._settings = settings

    @property
    def duplicates(self) -> int:
        return self._keys.duplicates

    def __iter__(self) -> Iterator[Input]:
        return look_up(self._spec, self._keys.keys(), self._settings)


class AllObjects:
    """What lies below the spec's source, in key order, up to its limit."""

    duplicates = 0
    known = 0

    def __init__(self, spec: ReconstructSpec, settings: Settings) -> None:
        self._spec = spec
        self._settings = settings

    def __iter__(self) -> Iterator[Input]:
        return map(_as_input, islice(_listed(self._spec, self._settings), self._spec.limit))


class NewObjects:
    """Of what lies below the spec's source what the ledger does not know, in key order, up to the spec's limit.

    checkpoint: SHA-256 of the one that the job is pinned to. retry_errors: what the ledger has as an error is taken
    too, behind the others, so that with a limit it keeps none of them out.
    """

    duplicates = 0

    def __init__(
        self, spec: ReconstructSpec, settings: Settings, ledger: Ledger, checkpoint: str, *, retry_errors: bool
    ) -> None:
        self.known = 0
        self._spec = spec
        self._settings = settings
        self._ledger = ledger
        self._checkpoint = checkpoint
        self._retry_errors = retry_errors

    def __iter__(self) -> Iterator[Input]:
        again: list[StoredObject] = []
        found = chain(self._new(again), again)  # whose errors are all known once the new ones are
        return map(_as_input, islice(found, self._spec.limit))

    def _new(self, again: list[StoredObject]) -> Iterator[StoredObject]:
        """again: takes what is to be tried again, at most as many as the limit."""
        address, limit = address_of(self._spec), self._spec.limit
        objects = _listed(self._spec, self._settings)
        while some := list(islice(objects, _LOOKED_UP_AT_ONCE)):
            entries = Entries()
            for one in some:
                entries.add(self._checkpoint, address(one.key), one.tag)
            for one, known in zip(some, self._ledger.look_up(entries), strict=True):
                if known == Known.NEW:
                    yield one
                elif known == Known.LISTED and self._retry_errors and (limit is None or len(again) < limit):
                    again.append(one)
                else:
                    self.known += 1


def _listed(spec: ReconstructSpec, settings: Settings) -> Iterator[StoredObject]:
    return list_inputs(spec.source or "", settings, glob=spec.glob, pattern=spec.pattern)


def _as_input(one: StoredObject) -> Input:
    return Input(key=one.key, tag=one.tag, size_bytes=one.size_bytes)
