"""Opening and walking folders below a root without ever following a symbolic link.

Every step from the root down is an `openat` with O_NOFOLLOW, so that a link put in the way between a check and its use
is refused as well. Names are bytes throughout: what a key means does not depend on the locale.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vae_core.errors import StoreError, StoreUnavailable, VaejobError
from vae_core.storage.base import StoredObject
from vae_core.storage.keys import TEMPORARY

_LOG = logging.getLogger(__name__)
_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_BUSY = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
ABSENT = (FileNotFoundError, NotADirectoryError)
"""What the system raises where no object is: `a/b` is missing just as well when `a` is a file."""


def tag_of(status: os.stat_result) -> str:
    """Modification time in nanoseconds and size in bytes, both hexadecimal."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def translated(exc: OSError, url: str, what: str) -> VaejobError:
    """The project's error for a refusal of the file system. `what` reads like `key 'a/b'`."""
    reason = (exc.strerror or type(exc).__name__).lower()
    if exc.errno in _FULL:
        return StoreUnavailable(f"{url}: {what}: the disk is full ({reason}); free some space, then try again")
    if exc.errno in _BUSY:
        return StoreUnavailable(f"{url}: {what}: the file system cannot now ({reason}); try again, or look at the disk")
    if exc.errno in _DENIED:
        return StoreError(f"{url}: {what}: {reason}; give the user of this process access to the folder")
    if exc.errno == errno.ENAMETOOLONG:
        return StoreError(f"{url}: {what}: too long for this file system; names may have 255 bytes on most")
    if exc.errno in (errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
        return StoreError(f"{url}: {what}: one name on its path cannot be both a file and a folder; use another key")
    return StoreError(f"{url}: {what}: {reason}")


@contextmanager
def disk_errors(url: str, what: str) -> Iterator[None]:
    """Turns an OSError of its body into the project's error, all but ABSENT: the caller knows what that means."""
    try:
        yield
    except ABSENT:
        raise
    except OSError as exc:
        raise translated(exc, url, what) from exc


def refuse_link(name: bytes, folder: int, url: str) -> None:
    """Raises StoreError if `name` in the open folder is a symbolic link."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise StoreError(f"{url}: {os.fsdecode(name)!r} is a symbolic link; links are not followed here")


def is_folder(name: bytes, parent: int) -> bool:
    """Whether `name` in the open folder is a folder itself, no link to one. FileNotFoundError if nothing is there."""
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def _child(parent: int, name: bytes, url: str, *, create: bool) -> int:
    """A descriptor of the folder `name` in `parent`, which the caller closes."""
    try:
        try:
            return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
        except FileNotFoundError:
            if not create:
                raise
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=parent)
        return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    except OSError as exc:
        # O_DIRECTORY and O_NOFOLLOW together answer a link with ENOTDIR on Linux and ELOOP elsewhere.
        if exc.errno in (errno.ENOTDIR, errno.ELOOP):
            refuse_link(name, parent, url)
        raise


def _root(path: str, url: str, *, create: bool) -> int:
    """A descriptor of the root, which may be reached by links, and which the caller closes."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if not create:
        return os.open(path, flags)
    try:
        with suppress(FileNotFoundError):
            return os.open(path, flags)
        Path(path).mkdir(parents=True, exist_ok=True)
        return os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError, FileExistsError) as exc:
        raise StoreError(f"{url}: the folder cannot be made; expected a path where one can be") from exc


@contextmanager
def folder(root: str, segments: Sequence[bytes], url: str, *, create: bool = False) -> Iterator[int]:
    """A descriptor of the folder that `segments` lead to from the root, closed at the end.

    create: make the root and the folders that are missing. Raises FileNotFoundError, or NotADirectoryError where a
    file is in the way, as the system does; StoreError for a link.
    """
    current = _root(root, url, create=create)
    try:
        for segment in segments:
            try:
                below = _child(current, segment, url, create=create)
            finally:
                os.close(current)
                current = -1
            current = below
        yield current
    finally:
        if current >= 0:
            os.close(current)


def names(folder_fd: int, where: str, *, top: bool) -> list[bytes]:
    """Names of the regular files and folders in an open folder, those of folders ending in `/`, ascending.

    With the slash in place this is the order of the full keys: `a.b` comes before what lies in `a/`. Links and special
    files are left out, the store's own `.tmp` where `top`, and names that are not UTF-8, of which a warning is logged.
    """
    found: list[bytes] = []
    unreadable: list[bytes] = []
    with os.scandir(folder_fd) as entries:
        for entry in entries:
            name = os.fsencode(entry.name)
            if top and name == TEMPORARY.encode():
                continue
            try:
                name.decode("utf-8")
            except UnicodeDecodeError:
                unreadable.append(name)
                continue
            if entry.is_dir(follow_symlinks=False):
                found.append(name + b"/")
            elif entry.is_file(follow_symlinks=False):
                found.append(name)
    if unreadable:
        _LOG.warning("%s: %d names are not UTF-8 and are left out, one is %r", where, len(unreadable), unreadable[0])
    found.sort()
    return found


def walk(folder_fd: int, base: bytes, url: str, *, start: bytes = b"", folders: bool = True) -> Iterator[StoredObject]:
    """Objects below an open folder in ascending order of their keys; one folder's names are held at a time per level.

    base: the key of the folder itself, empty for the root, else ending in `/`. start: what the first name below must
    begin with. folders: False leaves out what lies in a folder of it. Whatever vanishes meanwhile is left out. Raises
    StoreError and StoreUnavailable.
    """
    where = f"{url}/{base.decode()}"
    with disk_errors(url, f"folder {base.decode()!r}"):
        listed = names(folder_fd, where, top=not base)
    for name in listed:
        if not name.startswith(start):
            continue
        if name.endswith(b"/"):
            if folders:
                yield from _below(folder_fd, name, base, url)
            continue
        key = (base + name).decode()
        try:
            status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        except ABSENT:
            continue
        except OSError as exc:
            raise translated(exc, url, f"key {key!r}") from exc
        if stat.S_ISREG(status.st_mode):
            yield StoredObject(key, status.st_size, tag_of(status))


def _below(parent: int, name: bytes, base: bytes, url: str) -> Iterator[StoredObject]:
    try:
        with disk_errors(url, f"folder {(base + name).decode()!r}"):
            child = os.open(name[:-1], _FOLDER_FLAGS, dir_fd=parent)
    except ABSENT:
        return
    try:
        yield from walk(child, base + name, url)
    finally:
        os.close(child)


def holds_object(parent: int, name: bytes) -> bool:
    """Whether a regular file lies anywhere below the folder `name`: in S3 a folder without objects does not exist."""
    try:
        child = os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    except ABSENT:
        return False
    try:
        folders: list[bytes] = []
        with os.scandir(child) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    return True
                if entry.is_dir(follow_symlinks=False):
                    folders.append(os.fsencode(entry.name))
        return any(holds_object(child, below) for below in folders)
    finally:
        os.close(child)


@contextmanager
def opened_file(name: bytes, parent: int, url: str) -> Iterator[int]:
    """A descriptor of a file that is no link; opening does not wait, should it be a pipe."""
    try:
        file = os.open(name, _READ_FLAGS, dir_fd=parent)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            refuse_link(name, parent, url)
        raise
    try:
        yield file
    finally:
        os.close(file)


def read_up_to(fd: int, limit: int) -> bytes:
    """The next `limit` bytes of an open file, fewer where it ends before."""
    chunks: list[bytes] = []
    while limit > 0 and (chunk := os.read(fd, min(limit, 1 << 24))):
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)
