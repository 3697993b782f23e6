"""What the parts of a job have left in the store, read in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from vae_core.errors import ObjectMissing
from vae_core.jobs.codec import from_json, from_lines
from vae_core.jobs.layout import JobKeys, part_of
from vae_core.jobs.records import ItemError, PartRecord
from vae_core.storage.base import Store


def part_records(store: Store, keys: JobKeys) -> Iterator[PartRecord]:
    """The records of the committed parts, by part."""
    for entry in store.list(keys.parts):
        if part_of(entry.key) is None:
            continue
        with suppress(ObjectMissing):  # a damaged part loses its record, and is done again
            yield from_json(store.read(entry.key).data, PartRecord, entry.key)


def listed_errors(store: Store, keys: JobKeys, *, ended: bool) -> list[ItemError]:
    """The items that could not be made: those of `errors.jsonl`, or of the parts committed so far."""
    if ended:
        with suppress(ObjectMissing):
            return from_lines(store.read(keys.errors).data, ItemError, keys.errors)
    return [error for record in part_records(store, keys) for error in record.errors]
