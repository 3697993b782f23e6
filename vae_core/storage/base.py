"""What every store can do, and what its answers look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

CHUNK_BYTES = 8 * 2**20


class StoredObject(NamedTuple):
    """An object as a listing shows it.

    key: relative to the store's root, `/` between segments, never starting with one.
    tag: changes whenever the content is replaced (an S3 ETag; size and change time of a local file). Opaque.
    """

    key: str
    size_bytes: int
    tag: str


class Blob(NamedTuple):
    """An object's content together with the tag of exactly that version."""

    data: bytes
    tag: str


class Store(Protocol):
    """A bucket with a prefix, or a local folder. Safe to share between threads.

    All methods raise StoreUnavailable (after bounded retries), or StoreError for a refusal (access denied, no such
    bucket, a path that leaves the root); the message is one line with the remedy and holds no secret.
    """

    @property
    def url(self) -> str:
        """`file:///abs/path` or `s3://bucket/prefix`, without a trailing slash, for people."""

    def read(self, key: str, *, max_bytes: int | None = None, if_tag: str | None = None) -> Blob:
        """Whole content. Raises ObjectMissing, ObjectTooLarge (before the body is read), ObjectChanged (other tag)."""

    def stream(
        self,
        key: str,
        *,
        start: int = 0,
        size_bytes: int | None = None,
        if_tag: str | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> Iterator[bytes]:
        """The content in chunks, all of one version, for objects that are not to be held whole.

        start, size_bytes: only so many bytes from there on, as far as there are any; to the end if None. The first step
        raises ObjectMissing, and ObjectChanged for another tag than `if_tag`; a later one ObjectChanged if the object
        was replaced meanwhile.
        """

    def stat(self, key: str) -> StoredObject | None:
        """Size and tag, or None where no such object is."""

    def write(self, key: str, data: bytes, *, content_type: str | None = None) -> str:
        """Write or replace; readers see the old content or the new, never a mixture. Returns the new tag."""

    def create(self, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        """Write only if no object has this key. True if the content there now is this caller's, False if another's.

        After an ambiguous failure (a put that timed out but took effect) the content is read back and compared, so a
        caller whose own earlier try succeeded is told True. Two callers with the same bytes may both be told True.

        settle: where the store would overwrite, wait until whoever looked at the same moment has had the time to. False
        for a key that a lease or a random name keeps others from: then both of two callers may be told True, and the
        later one's content stays.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Remove each object; one that is not there is no error."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose key starts with `prefix`, in ascending order of the key's UTF-8 bytes, as a stream."""

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        """Names of the folders directly below `prefix` (`""`, or ending in `/`), ascending, without slashes."""

    def list_files(self, prefix: str = "") -> Iterator[StoredObject]:
        """The objects directly below `prefix` (`""`, or ending in `/`), ascending; those in folders cost nothing."""

    def check(self) -> None:
        """Returns if the store can be listed; otherwise raises StoreError or StoreUnavailable, naming the remedy."""

    def tidy(self) -> None:
        """Remove what killed processes left half written, if anything; cheap enough to be called every few seconds."""


def extents(total_bytes: int, start: int, size_bytes: int | None, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """First byte and end of each chunk of what `Store.stream` is asked for, of an object of `total_bytes`."""
    stop = total_bytes if size_bytes is None else min(total_bytes, start + size_bytes)
    for first in range(start, stop, chunk_bytes):
        yield first, min(first + chunk_bytes, stop)
