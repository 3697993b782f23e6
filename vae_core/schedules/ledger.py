"""Which inputs a schedule is done with: a sorted list of hashes, 16 bytes an input, that a checksum protects.

An entry is 127 bits of a BLAKE2b hash of checkpoint, address and tag; its last bit says that the input was listed as an
error. Two of a thousand million inputs share their hash with a probability below 10^-20.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from vae_core.errors import BadDocument, InvalidValue
from vae_core.jobs.codec import from_json, to_json

VERSION = 1
ENTRY_BYTES = 16
_WORD = np.dtype(">u8")  # so that the order of the words is that of the bytes
_FAILED = np.uint64(1)


class Known(IntEnum):
    """What a ledger says of an input."""

    NEW = 0
    DONE = 1
    LISTED = 2  # as an error


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """First line of a ledger. token: of its schedule. sha256: of all that comes after the line."""

    version: int
    token: str
    entries: int
    sha256: str


class Entries:
    """Hashes of inputs, gathered one by one in any order."""

    def __init__(self) -> None:
        self._digests = bytearray()

    def add(self, checkpoint: str, address: str, tag: str, *, failed: bool = False) -> None:
        """checkpoint: SHA-256 of the weights. address: of the input, its store's included. tag: the store's."""
        digest = hashlib.blake2b(f"{checkpoint}\0{address}\0{tag}".encode(), digest_size=ENTRY_BYTES).digest()
        self._digests += digest
        self._digests[-1] = digest[-1] | 1 if failed else digest[-1] & 0xFE

    def __len__(self) -> int:
        return len(self._digests) // ENTRY_BYTES

    def words(self) -> NDArray[np.uint64]:
        """(N, 2), in the order in which they were added."""
        return np.frombuffer(bytes(self._digests), _WORD).reshape(-1, 2).astype(np.uint64)


class Ledger:
    """Entries in ascending order, no input twice. Never changed: `merged` makes another."""

    def __init__(self, words: NDArray[np.uint64] | None = None) -> None:
        """words: (N, 2), ascending."""
        self._words = np.empty((0, 2), np.uint64) if words is None else words

    def __len__(self) -> int:
        return len(self._words)

    def merged(self, entries: Entries) -> Ledger:
        """With these inputs too. One that is done counts as done, whatever was listed of it."""
        words = np.concatenate([self._words, entries.words()])  # (N, 2)
        words = words[np.lexsort((words[:, 1], words[:, 0]))]
        inputs = words & np.array([~np.uint64(0), ~_FAILED])
        first = np.ones(len(words), bool)  # done comes before listed
        first[1:] = (inputs[1:] != inputs[:-1]).any(axis=1)
        return Ledger(words[first])

    def holds(self, entries: Entries) -> bool:
        """Whether merging them would change nothing."""
        wanted = entries.words()
        found = self.look_up(entries)
        done = found == Known.DONE
        return bool((done | ((found == Known.LISTED) & ((wanted[:, 1] & _FAILED) != 0))).all())

    def look_up(self, entries: Entries) -> NDArray[np.uint8]:
        """What is known of each, in their order: values of Known, (N,)."""
        wanted = entries.words()
        found = np.zeros(len(wanted), np.uint8)
        place = np.searchsorted(self._words[:, 0], wanted[:, 0])
        low = wanted[:, 1] & ~_FAILED
        open_ = np.arange(len(wanted))
        while len(open_):  # once; again for those whose first half others share
            open_ = open_[place[open_] < len(self._words)]
            there = self._words[place[open_]]
            same = there[:, 0] == wanted[open_, 0]
            open_, there = open_[same], there[same]
            hit = (there[:, 1] & ~_FAILED) == low[open_]
            listed = (there[:, 1] & _FAILED) != 0
            found[open_[hit]] = np.where(listed[hit], Known.LISTED, Known.DONE)
            open_ = open_[~hit]
            place[open_] += 1
        return found

    def to_bytes(self, token: str) -> bytes:
        """token: of the schedule that it is of."""
        body = self._words.astype(_WORD).tobytes()
        header = _Header(version=VERSION, token=token, entries=len(self), sha256=hashlib.sha256(body).hexdigest())
        return to_json(header) + b"\n" + body

    @classmethod
    def from_bytes(cls, data: bytes, token: str) -> Ledger:
        """Raises BadDocument for what is not, to the last byte, what was once written for this schedule."""
        line, _, body = data.partition(b"\n")
        try:
            header = from_json(line, _Header, "the ledger's first line")
        except InvalidValue as error:
            raise BadDocument(str(error)) from error
        if header.version != VERSION:
            raise BadDocument(f"it is of version {header.version}, not {VERSION}")
        if header.token != token:
            raise BadDocument("it is of another schedule of that name")
        if hashlib.sha256(body).hexdigest() != header.sha256 or len(body) != header.entries * ENTRY_BYTES:
            raise BadDocument("it is not as it was written")
        return cls(np.frombuffer(body, _WORD).reshape(-1, 2).astype(np.uint64))
