"""Files under way: written whole without a name, or in a folder of their own, then put in place by one system call."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vae_core.storage import tree

_GRACE_S = 30.0
_STALE_S = 24 * 3600
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_LOCK = b"create.lock"
_NAMELESS: int | None = getattr(os, "O_TMPFILE", None)  # which only Linux knows


def put_new(data: bytes, name: bytes, parent: int) -> str | None:
    """Writes a file that has no name until it is whole, and gives it this one in the open folder; returns its tag.

    None, with nothing done, if something has this name, if the system or the file system knows no such files, or for
    any other refusal: then a draft is the way, which says what is wrong. It takes longer, and can be left behind.
    """
    if _NAMELESS is None:
        return None
    try:
        fd = os.open(b".", os.O_WRONLY | _NAMELESS | os.O_CLOEXEC, 0o666, dir_fd=parent)
    except OSError:
        return None
    try:
        _fill(fd, data)
        tag = tree.tag_of(os.fstat(fd))
        os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=parent, follow_symlinks=True)
    except OSError:
        return None
    finally:
        os.close(fd)
    return tag


def _fill(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
    # The kernel's own stamp moves in ticks of some milliseconds: too coarse to tell two writes apart.
    modified_ns = time.time_ns()
    os.utime(fd, ns=(modified_ns, modified_ns))


class Draft:
    """A complete file `name` in the open folder `folder`, itself open as `fd`, until it is put in its place."""

    __slots__ = ("fd", "folder", "is_placed", "name")

    def __init__(self, folder: int, name: bytes, fd: int) -> None:
        self.folder = folder
        self.name = name
        self.fd = fd
        self.is_placed = False


@contextmanager
def draft(folder: int, data: bytes, *, sync: bool) -> Iterator[Draft]:
    """A file with this content in the open folder; if it is still there at the end, it is removed.

    sync: its bytes are on the disk before it is handed out. It stays locked as long as this process lives and works on
    it, which tells it from one that a killed process left.
    """
    name = secrets.token_hex(16).encode()
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    ready = Draft(folder, name, fd)
    try:
        with suppress(OSError):  # not every network mount knows locks
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _fill(fd, data)
        if sync:
            os.fsync(fd)
        yield ready
    finally:
        if not ready.is_placed:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
        os.close(fd)


def replace(ready: Draft, name: bytes, parent: int) -> str:
    """Put the draft in place of whatever has this name, with a later time than that. Returns the tag it has there.

    Raises FileNotFoundError if the folder was removed meanwhile.
    """
    status = os.fstat(ready.fd)
    with suppress(FileNotFoundError):
        replaced_ns = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime_ns
        if replaced_ns >= status.st_mtime_ns:
            os.utime(ready.fd, ns=(replaced_ns + 1,) * 2)
            status = os.fstat(ready.fd)
    os.replace(ready.name, name, src_dir_fd=ready.folder, dst_dir_fd=parent)
    ready.is_placed = True
    return tree.tag_of(status)


def place_new(ready: Draft, name: bytes, parent: int) -> bool:
    """Put the draft in place only if nothing has this name; False if something has.

    A hard link does it in one step. Where a file system has none (FAT, some network mounts), looking and moving happen
    under a lock file, which is enough among the processes that share that lock, and vanishes with its holder.
    """
    try:
        os.link(ready.name, name, src_dir_fd=ready.folder, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_LINKS:
            raise
        return _place_locked(ready, name, parent)
    return True


def _place_locked(ready: Draft, name: bytes, parent: int) -> bool:
    lock = os.open(_LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=ready.folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            replace(ready, name, parent)
            return True
        return False
    finally:
        os.close(lock)


def sweep(folder: int) -> None:
    """Remove drafts that killed processes left: those that nobody has locked, and that are no longer being made.

    Where locks are not known, a draft is taken to be left once it is a day old. Best effort: nothing depends on it. A
    process that finds its draft gone after all fails as it does when the store is away.
    """
    now_s = time.time()
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if not entry.is_file(follow_symlinks=False) or os.fsencode(entry.name) == _LOCK:
                    continue
                age_s = now_s - entry.stat(follow_symlinks=False).st_mtime
                if age_s >= _STALE_S or (age_s >= _GRACE_S and _is_unlocked(entry.name, folder)):
                    os.unlink(entry.name, dir_fd=folder)


def _is_unlocked(name: str, folder: int) -> bool:
    """Whether its writer is gone. Raises OSError where that cannot be found out."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True
