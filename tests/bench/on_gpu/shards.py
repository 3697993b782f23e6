"""Shards that are made piece by piece, and are byte for byte what a worker makes in one go."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from vae_core.jobs.layout import member_name, sample_name, shard_name
from vae_core.jobs.records import ItemDone
from worker.shards import pack

PIECE = 64  # images that one task makes: few enough to share a batch out, many enough to be worth asking for


class ShardFiles:
    """The shards of a run, of `shard_size` images each, written one after another."""

    def __init__(self, folder: Path, shard_size: int) -> None:
        self._folder = folder
        self._shard_size = shard_size
        self._file: IO[bytes] | None = None
        self._number = -1

    def __enter__(self) -> ShardFiles:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def add(self, first: int, members: memoryview) -> None:
        """Adds members about images of one shard, from `first` on."""
        if self._file is None or first // self._shard_size != self._number:
            self._close()
            self._number = first // self._shard_size
            path = self._folder / shard_name(self._number)
            path.parent.mkdir(exist_ok=True)
            self._file = path.open("xb")
        self._file.write(members)

    def _close(self) -> None:
        if self._file is not None:
            with self._file:
                self._file.write(shard_end(self._file.tell()))
            self._file = None


def cut(first: int, count: int, shard_size: int) -> Iterator[tuple[int, int]]:
    """Where the pieces of a batch start and stop: at most PIECE images each, all of one shard.

    first: the index of the batch's first image.
    """
    start = 0
    while start < count:
        left = shard_size - (first + start) % shard_size
        stop = min(count, start + PIECE, start + left)
        yield start, stop
        start = stop


def shard_members(first: int, encoded: list[bytes]) -> bytes:
    """The members of a shard for these images, without the end that only a whole tar has."""
    items = (_item(first + number, data) for number, data in enumerate(encoded))
    data = pack(zip(items, encoded, strict=True), key="").data
    # The last member is a JSON, which ends in no zero: what is cut off beside the end is put back as its padding.
    size = len(data.rstrip(b"\0"))
    return data[: size + -size % tarfile.BLOCKSIZE]


def shard_end(size_bytes: int) -> bytes:
    """What makes a whole tar of so many bytes of members."""
    end = 2 * tarfile.BLOCKSIZE
    return bytes(end + -(size_bytes + end) % tarfile.RECORDSIZE)


def whole_shard(first: int, encoded: list[bytes]) -> bytes:
    """The shard of these images as a worker makes it, in one go."""
    items = (_item(first + number, data) for number, data in enumerate(encoded))
    return pack(zip(items, encoded, strict=True), key="").data


def shard_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file below a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in files}


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of the shards that two runs do not have in common, byte for byte."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _item(index: int, data: bytes) -> ItemDone:
    return ItemDone(
        index=index,
        key=sample_name(index, "png"),
        member=member_name(index, "png"),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
