"""Where pictures come from: the files of a folder or of a zip, listed in a fixed order and read within limits."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from vae_core.errors import BadImage, InvalidValue

_JUNK_FOLDERS = frozenset({"__MACOSX"})
_JUNK_NAMES = frozenset({"thumbs.db", "desktop.ini"})
# Deflate is undone piece by piece; of the other methods Python undoes a whole block, however large, at once.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 0x1


class Candidate(NamedTuple):
    """A file that may be a picture.

    name: below the source, `/` between segments, printable: for people. place: how its source finds it.
    """

    name: str
    place: tuple[str, str] | int


class Rejected(NamedTuple):
    """A file that is not used. code: a stable word; message: one line for people."""

    name: str
    code: str
    message: str


class Listing(NamedTuple):
    """What a source holds. hidden: number of files left out as the litter of some system, such as `.DS_Store`."""

    found: list[Candidate]
    rejected: list[Rejected]
    hidden: int


class PictureSource(Protocol):
    """Files to look for pictures in."""

    def list(self) -> Listing:
        """All files, by ascending name. Raises InvalidValue if the source as a whole cannot be read."""

    def read(self, candidate: Candidate) -> bytes:
        """The file's content. Raises BadImage, whose reason is the code to list it under."""

    def close(self) -> None:
        """Close what is open."""


class FolderSource:
    """The files below a local folder. Links below it are listed as rejected and not followed."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self._root, self._max_bytes = root, max_bytes

    def list(self) -> Listing:
        listing = Listing([], [], 0)
        hidden = 0
        for path in sorted(self._walk()):
            name = _printable(path)
            if is_hidden(name):
                hidden += 1
                continue
            mode = os.lstat(self._root / path).st_mode
            if stat.S_ISLNK(mode):
                listing.rejected.append(Rejected(name, "link", "a symbolic link, which is not followed"))
            elif stat.S_ISREG(mode):
                listing.found.append(Candidate(name, (path, "")))
        return listing._replace(hidden=hidden)

    def _walk(self) -> Iterator[str]:
        """Paths below the root of all that is no folder, links to folders too."""

        def refused(error: OSError) -> None:
            raise InvalidValue(f"{error.filename}: the folder cannot be read: {error.strerror}; give yourself access")

        for folder, folders, files in os.walk(self._root, onerror=refused):
            for name in (*files, *(name for name in folders if os.path.islink(os.path.join(folder, name)))):  # noqa: PTH114, PTH118
                yield os.path.relpath(os.path.join(folder, name), self._root)  # noqa: PTH118

    def read(self, candidate: Candidate) -> bytes:
        assert not isinstance(candidate.place, int)
        try:
            with (self._root / candidate.place[0]).open("rb") as file:
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            raise BadImage("unreadable", f"cannot be read: {error.strerror}") from error
        if len(data) > self._max_bytes:
            raise BadImage("too_large", f"over {self._max_bytes:,} bytes, which is all that is read of a file")
        return data

    def close(self) -> None:
        pass


class ZipSource:
    """The files in a zip archive. None of their names is ever used as a path. Raises InvalidValue if it is no zip."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path, self._max_bytes = path, max_bytes
        try:
            self._zip = zipfile.ZipFile(path)
        except Exception as error:  # zipfile raises BadZipFile, OSError, ValueError, struct.error, ...: no zip to read
            what = f"cannot be read as a zip: {error}"
            raise InvalidValue(f"{path}: {what}; copy it again, or try `unzip -t` on it") from error

    def list(self) -> Listing:
        listing = Listing([], [], 0)
        hidden = 0
        seen: dict[str, int] = {}
        entries = [(_entry_name(info), place, info) for place, info in enumerate(self._zip.infolist())]
        for name, place, info in sorted(entries, key=lambda entry: entry[:2]):
            if name.endswith("/"):
                continue
            if is_hidden(name):
                hidden += 1
                continue
            seen[name] = seen.get(name, 0) + 1
            label = name if seen[name] == 1 else f"{name} ({seen[name]})"
            refusal = self._refusal(name, info)
            if refusal is None:
                listing.found.append(Candidate(label, place))
            else:
                listing.rejected.append(Rejected(label, *refusal))
        return listing._replace(hidden=hidden)

    def _refusal(self, name: str, info: zipfile.ZipInfo) -> tuple[str, str] | None:
        if name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
            return "unsafe_name", "its name leads out of the archive"
        if stat.S_ISLNK(info.external_attr >> 16):
            return "link", "a symbolic link, which is not followed"
        if info.flag_bits & _ENCRYPTED:
            return "encrypted", "encrypted; make the archive again without a password"
        if info.compress_type not in _METHODS:
            return "packed_otherwise", "neither stored nor deflated; make the archive again with one of the two"
        if info.file_size > self._max_bytes:
            return "too_large", f"{info.file_size:,} bytes unpacked; at most {self._max_bytes:,} are read of a file"
        return None

    def read(self, candidate: Candidate) -> bytes:
        assert isinstance(candidate.place, int)
        try:
            with self._zip.open(self._zip.infolist()[candidate.place]) as file:
                data = file.read(self._max_bytes + 1)
        except Exception as error:  # as above, and zlib.error: this entry is damaged, the others may be whole
            raise BadImage("damaged", f"damaged in the archive: {error}") from error
        if len(data) > self._max_bytes:
            raise BadImage("too_large", f"over {self._max_bytes:,} bytes unpacked, which is all that is read of a file")
        return data

    def close(self) -> None:
        self._zip.close()


def open_local(path: Path, *, max_bytes: int) -> FolderSource | ZipSource:
    """The folder or zip at this path. max_bytes: of one file. Raises InvalidValue if it is neither."""
    if path.is_dir():
        return FolderSource(path, max_bytes=max_bytes)
    if path.is_file():
        return ZipSource(path, max_bytes=max_bytes)
    raise InvalidValue(f"{path}: no such folder or file: give a folder of pictures or a zip")


def is_hidden(name: str) -> bool:
    """Whether the file is litter: a part of its name begins with a dot, or it is one of Windows' or macOS' own."""
    parts = PurePosixPath(name).parts
    return any((part.startswith(".") and part != "..") or part in _JUNK_FOLDERS for part in parts) or (
        bool(parts) and parts[-1].lower() in _JUNK_NAMES
    )


def _entry_name(info: zipfile.ZipInfo) -> str:
    """The entry's name with the separators that it should have had: some archivers of Windows write backslashes."""
    return _printable(info.filename.replace("\\", "/"))


def _printable(path: str) -> str:
    """The path on one line, in letters that UTF-8 can hold: whatever else is in it becomes an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in path)
