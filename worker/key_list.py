"""The inputs of a job that was given a list of keys: each looked up once, in the list's order."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from vae_core.errors import BadDocument, InvalidValue, ObjectChanged, ObjectMissing, StoreError
from vae_core.inputs import open_places, pattern_matcher
from vae_core.jobs.checks import shown
from vae_core.jobs.job import Failure, Input
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
        there = self._store.stat(self._key)
        if there is None:
            raise BadDocument(f"{self._key} is missing from the store")
        repeated = self._repeated(there.tag)
        met = set()
        for _, key in numbered_lines(self._chunks(there.tag), self._key):
            if hash(key) not in repeated:
                yield key
            elif key in met:
                self.duplicates += 1
            else:
                met.add(key)
                yield key

    def _repeated(self, tag: str) -> set[int]:
        """Hashes that more than one line has."""
        digest = hashlib.sha256()

        def digested(chunks: Iterable[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                digest.update(chunk)
                yield chunk

        another = f"{self._key} is not the list of keys that the job was submitted with"
        try:
            hashes = array("q", (hash(key) for _, key in numbered_lines(digested(self._chunks(tag)), self._key)))
        except InvalidValue as error:
            raise BadDocument(another) from error
        if digest.hexdigest() != self._sha256:
            raise BadDocument(another)
        found, counts = np.unique(np.frombuffer(hashes, dtype=np.int64), return_counts=True)
        return set(found[counts > 1].tolist())

    def _chunks(self, tag: str) -> Iterator[bytes]:
        try:
            yield from self._store.stream(self._key, if_tag=tag)
        except (ObjectMissing, ObjectChanged) as error:
            raise BadDocument(f"{self._key} was replaced while it was read") from error


def look_up(spec: ReconstructSpec, keys: Iterable[str], settings: Settings) -> Iterator[Input]:
    """Each key that the spec's pattern matches, as its object is now, in the order of the keys.

    At most the spec's limit. One that is not there, or may not be looked at, is an input with its failure. Raises
    SourceNotAllowed for a key that lies elsewhere than the spec or the settings say, StoreUnavailable, and StoreError
    for a source that cannot be used at all.
    """
    place = open_places(spec, settings)
    matches = pattern_matcher(spec.pattern, parse_source(spec.source).key_prefix if spec.source is not None else "")

    def found(key: str) -> Input:
        store, name = place(key)
        try:
            there = store.stat(name)
        except (StoreError, InvalidValue) as error:  # which a list may be of because it cannot be listed
            return _not_found(key, error.code, str(error))
        if there is None:
            return _not_found(key, ObjectMissing.code, f"{store.url}: no object had key {shown(name)!r} when planned")
        return Input(key=key, tag=there.tag, size_bytes=there.size_bytes)

    # The limit comes first: what is read ahead must not be counted among the keys that were given again.
    return in_order(found, islice(filter(matches, keys), spec.limit), settings.io_threads)


def _not_found(key: str, code: str, message: str) -> Input:
    return Input(key=key, tag="", size_bytes=0, failure=Failure(code=code, message=message))
