"""What a job's results are, as its documents name them, each read and held against its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from vae_core.documents import load_records
from vae_core.errors import InvalidValue, ObjectChanged, ObjectMissing, ObjectTooLarge, PermanentError
from vae_core.jobs.codec import from_lines
from vae_core.jobs.job import End
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.records import ItemDone
from vae_core.storage.base import CHUNK_BYTES, Store


class ResultsDamaged(PermanentError):
    """Objects are missing, or are not what the manifest says. what: `missing`, `truncated`, `changed`, `unreadable`."""

    code: ClassVar[str] = "results_damaged"

    def __init__(self, what: str, message: str) -> None:
        super().__init__(message)
        self.what = what


class Wanted(NamedTuple):
    """A file of the results. name: its key relative to the job's folder."""

    name: str
    sha256: str
    size_bytes: int


def outputs(store: Store, keys: JobKeys, end: End | None) -> Iterator[Wanted]:
    """The images, as the manifest of an ended job or the records of a running one name them; shards are side files.

    Raises ResultsDamaged for a manifest that is missing or not the one that the job ended with.
    """
    if end is None:
        for record in load_records(store, keys.job_id):
            yield from _alone(record.items)
        return
    for wanted in documents(end):
        if keys.root + wanted.name == keys.manifest:
            yield from _alone(_manifest(read_verified(store, keys, wanted), wanted.name))


def _alone(items: Iterable[ItemDone]) -> Iterator[Wanted]:
    return (Wanted(item.key, item.sha256, item.size_bytes) for item in items if item.member is None)


def side_files(store: Store, keys: JobKeys) -> Iterator[Wanted]:
    """Shards, and the atlases that the page draws from, as the records name them."""
    for record in load_records(store, keys.job_id):
        yield from (Wanted(file.key, file.sha256, file.size_bytes) for file in record.files)


def documents(end: End) -> list[Wanted]:
    """What lies beside the outputs of an ended job."""
    return [Wanted(document.name, document.sha256, document.size_bytes) for document in end.documents]


def _manifest(data: bytes, name: str) -> list[ItemDone]:
    try:
        return from_lines(data, ItemDone, name)
    except InvalidValue as error:
        raise ResultsDamaged("unreadable", str(error)) from error


def verified_chunks(store: Store, keys: JobKeys, wanted: Wanted) -> Iterator[bytes]:
    """The file's content in pieces, for one that may be large. Raises ResultsDamaged, at the latest after the last."""
    name, size = wanted.name, wanted.size_bytes
    if size <= CHUNK_BYTES:
        yield read_verified(store, keys, wanted)
        return
    digest, found = hashlib.sha256(), 0
    try:
        for chunk in store.stream(keys.root + name):
            digest.update(chunk)
            found += len(chunk)
            yield chunk
    except ObjectMissing as error:
        raise ResultsDamaged("missing", f"{name} is missing from the store") from error
    except ObjectChanged as error:
        raise ResultsDamaged("changed", f"{name} was replaced while it was read") from error
    _check(name, size, found, digest.hexdigest(), wanted.sha256)


def read_verified(store: Store, keys: JobKeys, wanted: Wanted) -> bytes:
    """The file's content. Raises ResultsDamaged, saying what is wrong with it in the store."""
    name, size = wanted.name, wanted.size_bytes
    try:
        data = store.read(keys.root + name, max_bytes=size).data
    except ObjectMissing as error:
        raise ResultsDamaged("missing", f"{name} is missing from the store") from error
    except ObjectTooLarge as error:
        raise ResultsDamaged("changed", f"{name} is larger than it was when it was written") from error
    _check(name, size, len(data), hashlib.sha256(data).hexdigest(), wanted.sha256)
    return data


def _check(name: str, size: int, found: int, digest: str, sha256: str) -> None:
    if found < size:
        raise ResultsDamaged("truncated", f"{name} is truncated: {found:,} of {size:,} bytes are there")
    if digest != sha256:
        raise ResultsDamaged("changed", f"{name} does not match its SHA-256")
