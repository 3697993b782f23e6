"""Files under way: written whole in a folder of their own, then put in place by one call of the file system."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from vae_core.storage import tree

_STALE_S = 24 * 3600
_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_LOCK = b"create.lock"


class Draft(NamedTuple):
    """A complete file `name` in the open folder `folder`, not yet in its place."""

    folder: int
    name: bytes


@contextmanager
def draft(folder: int, data: bytes, *, sync: bool) -> Iterator[Draft]:
    """A file with this content in the open folder; if it is still there at the end, it is removed.

    sync: its bytes are on the disk before it is handed out.
    """
    name = secrets.token_hex(16).encode()
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            # The kernel's own stamp moves in ticks of some milliseconds: too coarse to tell two writes apart.
            modified_ns = time.time_ns()
            os.utime(fd, ns=(modified_ns, modified_ns))
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        yield Draft(folder, name)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def replace(ready: Draft, name: bytes, parent: int) -> str:
    """Put the draft in place of whatever has this name, with a later time than that. Returns the tag it has there.

    Raises FileNotFoundError if the folder was removed meanwhile.
    """
    status = os.stat(ready.name, dir_fd=ready.folder, follow_symlinks=False)
    with suppress(FileNotFoundError):
        replaced_ns = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime_ns
        if replaced_ns >= status.st_mtime_ns:
            os.utime(ready.name, ns=(replaced_ns + 1,) * 2, dir_fd=ready.folder, follow_symlinks=False)
            status = os.stat(ready.name, dir_fd=ready.folder, follow_symlinks=False)
    os.replace(ready.name, name, src_dir_fd=ready.folder, dst_dir_fd=parent)
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
    """Remove drafts that killed processes left more than a day ago. Best effort: nothing depends on it."""
    oldest_s = time.time() - _STALE_S
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                is_draft = entry.is_file(follow_symlinks=False) and os.fsencode(entry.name) != _LOCK
                if is_draft and entry.stat(follow_symlinks=False).st_mtime < oldest_s:
                    os.unlink(entry.name, dir_fd=folder)
