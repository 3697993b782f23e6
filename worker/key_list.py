"""The inputs of a job that was given a list of keys: each looked up once, in the list's order."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from vae_core.errors import BadDocument, InvalidValue, ObjectMissing, StoreError
from vae_core.inputs import open_places, pattern_matcher
from vae_core.jobs.checks import shown
from vae_core.jobs.job import Input
from vae_core.jobs.key_lists import numbered_lines
from vae_core.jobs.sources import parse_source
from vae_core.jobs.spec import ReconstructSpec
from vae_core.parallel import in_order
from vae_core.settings import Settings
from vae_core.storage.base import Store


class KeyList:
    """A list of keys in the store, one a line. duplicates: lines that were left out so far, as they came again.

    What is held is eight bytes for each line, and the keys that come more than once.
    """

    def __init__(self, store: Store, key: str, sha256: str) -> None:
        self.duplicates = 0
        self._store = store
        self._key = key
        self._sha256 = sha256

    def keys(self) -> Iterator[str]:
        """Each key once, where it comes first. Raises BadDocument for a list that is not the one that was submitted."""
        repeated = self._repeated()
        met = set()
        for _, key in numbered_lines(self._chunks(), self._key):
            if hash(key) not in repeated:
                yield key
            elif key in met:
                self.duplicates += 1
            else:
                met.add(key)
                yield key

    def _repeated(self) -> set[int]:
        """Hashes that more than one line has."""
        digest = hashlib.sha256()

        def digested(chunks: Iterable[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                digest.update(chunk)
                yield chunk

        another = f"{self._key} is not the list of keys that the job was submitted with"
        try:
            hashes = array("q", (hash(key) for _, key in numbered_lines(digested(self._chunks()), self._key)))
        except InvalidValue as error:
            raise BadDocument(another) from error
        if digest.hexdigest() != self._sha256:
            raise BadDocument(another)
        found, counts = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
        return set(found[counts > 1].tolist())

    def _chunks(self) -> Iterator[bytes]:
        try:
            yield from self._store.stream(self._key)
        except ObjectMissing as error:
            raise BadDocument(f"{self._key} is missing from the store") from error


def look_up(spec: ReconstructSpec, keys: Iterable[str], settings: Settings) -> Iterator[Input]:
    """Each key that the spec's pattern matches, as its object is now, in the order of the keys.

    One that is not there, or may not be looked at, has no tag: it is listed as an error when it is to be read. Raises
    SourceNotAllowed for a key that lies elsewhere than the spec or the settings say, StoreUnavailable and StoreError.
    """
    place = open_places(spec, settings)
    prefix = parse_source(spec.source).key_prefix if spec.source is not None else ""
    matches = pattern_matcher(spec.pattern, prefix)

    def found(key: str) -> Input:
        store, name = place(key)
        try:
            there = store.stat(name)
        except StoreError:
            store.check()  # raises where it is not this object alone that is refused
            there = None
        return Input(key=key, tag=there.tag if there else "", size_bytes=there.size_bytes if there else 0)

    def below_source() -> Iterator[str]:
        for key in keys:
            if not key.startswith(prefix):
                raise BadDocument(f"key {shown(key)!r} of the list does not lie below {shown(spec.source)}")
            if matches(key):
                yield key

    return in_order(found, below_source(), settings.io_threads)
