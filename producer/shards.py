"""Holding a shard of a job against what is said of it: each image that lies in it, then the tar as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from producer.faults import Fault
from vae_core.errors import ObjectChanged, ObjectMissing
from vae_core.jobs.layout import JobKeys
from vae_core.jobs.records import ItemDone, SideFile
from vae_core.storage.base import Store


def shard_faults(
    store: Store, keys: JobKeys, name: str, items: Sequence[ItemDone], recorded: SideFile | None
) -> Iterator[Fault]:
    """What is wrong with the shard `name`, read once and never held whole.

    items: of the manifest, those that lie in it. recorded: what its part's record says of the tar. Raises
    StoreUnavailable and StoreError.
    """
    digest, size_bytes = hashlib.sha256(), 0
    members = _Members(items)
    try:
        for chunk in store.stream(keys.root + name):
            digest.update(chunk)
            size_bytes += len(chunk)
            yield from members.read(chunk)
    except ObjectMissing:
        yield from members.rest("missing", f"{name} is missing from the store")
        return
    except ObjectChanged:
        yield from members.rest("changed", f"{name} was replaced while it was read: verify again")
        return
    yield from members.rest("truncated", f"{name} is truncated: {size_bytes:,} bytes are there")
    if recorded is None or members.faults:
        return  # the caller tells of the record; and what is wrong is told already
    if size_bytes != recorded.size_bytes:
        message = f"{name} has {size_bytes:,} bytes: {recorded.size_bytes:,} were written"
        yield Fault(code="truncated" if size_bytes < recorded.size_bytes else "changed", key=name, message=message)
    elif digest.hexdigest() != recorded.sha256:
        yield Fault(code="changed", key=name, message=f"{name} does not match its SHA-256, though its images do")


class _Members:
    """The images of a shard, cut out of its bytes as they come. faults: how many were found."""

    def __init__(self, items: Sequence[ItemDone]) -> None:
        self.faults = 0
        self._waiting = sorted(items, key=lambda item: item.offset or 0)
        self._next = 0
        self._held = b""
        self._begin = 0  # of what is held, in the shard

    def read(self, chunk: bytes) -> Iterator[Fault]:
        """Takes the next bytes of the shard; what is wrong with the images that are whole by now."""
        self._held += chunk
        end = self._begin + len(self._held)
        while self._next < len(self._waiting):
            item = self._waiting[self._next]
            first = item.offset or 0
            if first + item.size_bytes > end:
                break
            self._next += 1
            at = first - self._begin
            if at < 0 or hashlib.sha256(self._held[at : at + item.size_bytes]).hexdigest() != item.sha256:
                yield self._fault(item, "changed", f"{item.key}: {item.member} does not match its SHA-256")
        keep_from = self._waiting[self._next].offset or 0 if self._next < len(self._waiting) else end
        self._held = self._held[max(0, keep_from - self._begin) :]
        self._begin = end - len(self._held)

    def rest(self, code: str, message: str) -> Iterator[Fault]:
        """For the images that did not come."""
        for item in self._waiting[self._next :]:
            yield self._fault(item, code, message)
        self._next = len(self._waiting)

    def _fault(self, item: ItemDone, code: str, message: str) -> Fault:
        self.faults += 1
        return Fault(code=code, index=item.index, key=item.key, message=message)
