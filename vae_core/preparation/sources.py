"""Files that may be pictures, wherever they are, and those of a local folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

import msgspec

from vae_core.errors import BadImage, InvalidValue

_JUNK_FOLDERS = frozenset({"__MACOSX"})
_JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini"})


class Candidate(NamedTuple):
    """A file that may be a picture.

    name: below the source, `/` between segments, printable: for people.
    key, tag: how its source finds it, and which version of it.
    """

    name: str
    key: str
    tag: str = ""


class Rejected(msgspec.Struct, frozen=True, order=True):
    """A file that is not used. code: a stable word; message: one line for people."""

    name: str
    code: str
    message: str


class Listing(NamedTuple):
    """What a source holds. hidden: how many files were passed over as some system's litter, such as `.DS_Store`."""

    found: list[Candidate]
    rejected: list[Rejected]
    hidden: int


class PictureSource(Protocol):
    """Files to look for pictures in. `read` may be called by several threads at once."""

    def list(self) -> Listing:
        """All files, by ascending name. Raises InvalidValue or a StoreError if they cannot be listed."""

    def read(self, candidate: Candidate) -> bytes:
        """The file's content. Raises BadImage, whose reason is the code to list it under."""

    def close(self) -> None:
        """Close what is open."""


class FolderSource:
    """The files below a local folder. Links below it are listed as rejected and not followed."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root, self._max_bytes = root, max_bytes

    def list(self) -> Listing:
        try:
            with os.scandir(self._root):
                pass
        except OSError as error:
            raise InvalidValue(f"{self._root}: the folder cannot be read: {error.strerror}") from error
        found, rejected, hidden = [], [], 0
        for path, refusal in sorted(self._walk()):
            name = printable(path)
            if is_hidden(name):
                hidden += 1
            elif refusal:
                rejected.append(Rejected(name, *refusal))
            else:
                found.append(Candidate(name, path))
        return Listing(found, rejected, hidden)

    def _walk(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Path below the root of each file, and why it is not one to read, if so."""
        folders = [""]  # not one call in another: folders may be deeper than Python's stack
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._root / folder) as scanned:
                    entries = list(scanned)
            except OSError as error:
                yield folder, ("unreadable", f"the folder cannot be read: {error.strerror}")
                continue
            for entry in entries:
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    yield path, ("link", "a symbolic link, which is not followed")
                elif entry.is_dir():
                    folders.append(path)
                elif entry.is_file():
                    yield path, ()
                else:
                    yield path, ("special", "no regular file")

    def read(self, candidate: Candidate) -> bytes:
        try:
            with (self._root / candidate.key).open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > self._max_bytes:
                    raise BadImage("too_large", f"{size:,} bytes; at most {self._max_bytes:,} are read of a file")
                return file.read(size)
        except OSError as error:
            raise BadImage("unreadable", f"cannot be read: {error.strerror}") from error

    def close(self) -> None:
        """Nothing stays open between two reads."""


def is_hidden(name: str) -> bool:
    """Whether a file is litter: a part of its name begins with a dot, or it is one of Windows' or macOS' own."""
    parts = PurePosixPath(name).parts
    if any((part.startswith(".") and part != "..") or part in _JUNK_FOLDERS for part in parts):
        return True
    return bool(parts) and parts[-1].lower() in _JUNK_NAMES


def printable(path: str) -> str:
    """The path on one line, in letters that UTF-8 can hold: whatever else is in it becomes an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)
