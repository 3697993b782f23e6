"""Reading the long documents of a job, `manifest.jsonl` and `errors.jsonl`, without holding them whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from producer.faults import Fault
from producer.results import Wanted
from vae_core.errors import ObjectChanged, ObjectMissing
from vae_core.jobs.layout import JobKeys
from vae_core.storage.base import Store

T = TypeVar("T")

MAX_LINE_BYTES = 2**20


def checked_lines(store: Store, keys: JobKeys, document: Wanted, kind: type[T]) -> Iterator[T | Fault]:
    """A value from each line, or what is wrong with that line; at the end what is wrong with the document.

    document: as `end.json` names it. Raises StoreUnavailable and StoreError.
    """
    name = document.name
    decoder = msgspec.json.Decoder(kind)

    def decoded(line: bytes, number: int) -> T | Fault:
        try:
            return decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Fault(code="unreadable", key=name, message=f"{name}, line {number}, is not valid: {error}")

    digest, size_bytes, number, rest = hashlib.sha256(), 0, 0, b""
    try:
        for chunk in store.stream(keys.root + name):
            digest.update(chunk)
            size_bytes += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number += 1
                yield decoded(line, number)
            if len(rest) > MAX_LINE_BYTES:
                message = f"{name}, line {number + 1}, is over {MAX_LINE_BYTES:,} bytes long: no more of it is read"
                yield Fault(code="unreadable", key=name, message=message)
                return
    except ObjectMissing:
        yield Fault(code="missing", key=name, message=f"{name} is missing from the store")
        return
    except ObjectChanged:
        yield Fault(code="changed", key=name, message=f"{name} was replaced while it was read: verify again")
        return
    if rest:
        yield decoded(rest, number + 1)
    if size_bytes < document.size_bytes:
        message = f"{name} is truncated: {size_bytes:,} of {document.size_bytes:,} bytes are there"
        yield Fault(code="truncated", key=name, message=message)
    elif digest.hexdigest() != document.sha256:
        yield Fault(code="changed", key=name, message=f"{name} does not match its SHA-256 in end.json")
