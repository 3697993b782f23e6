"""A store in a local folder: one file per object, written whole and then put in place."""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vae_core.errors import ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError, StoreUnavailable
from vae_core.storage import drafts, tree
from vae_core.storage.base import CHUNK_BYTES, Blob, StoredObject, extents
from vae_core.storage.keys import TEMPORARY, check_folder_prefix, encoded, folder_segments, shown
from vae_core.storage.open_folders import OpenFolders

_TRIES = 50
_SWEEP_EVERY_S = 20.0
_DRAFTS = [TEMPORARY.encode()]


class FolderStore:
    """Objects as files below a root; see `Store` for what each method promises.

    A tag is the modification time in nanoseconds and the size. Writes set that time themselves, always later than the
    one they replace, so that two writes of equal size within one clock tick differ. Someone who edits a file
    in place and restores its time and size is not noticed.

    `create` is on the disk before it returns (fsync of file and folder); `write` is left to the system, as what it
    wrote is compared with the records at the end. Links below the root are never followed; where somebody moves a
    folder away, `write` may use it for a fifth of a second more, which that comparison finds as well. Keys with an
    empty, `.` or `..` segment, names over the file system's limit, and a name that is both object and folder
    (`a` and `a/b`) cannot be held; a file system that ignores case cannot tell `A` from `a`.

    root: absolute. create_root: make it on the first write; otherwise a missing root is a StoreError.
    """

    def __init__(self, root: str, *, create_root: bool = True) -> None:
        self._root = os.path.realpath(root)
        self._create_root = create_root
        self._folders = OpenFolders(self._root, self.url)
        self._swept_at = -math.inf

    def __repr__(self) -> str:
        return f"FolderStore({self.url!r})"

    @property
    def url(self) -> str:
        return f"file://{self._root}"

    def read(self, key: str, *, max_bytes: int | None = None, if_tag: str | None = None) -> Blob:
        for _ in range(_TRIES):
            blob = self._read_once(key, max_bytes, if_tag)
            if blob is not None:
                return blob
        raise StoreUnavailable(f"{self.url}: key {shown(key)} keeps changing while it is read; try again once complete")

    def stream(
        self,
        key: str,
        *,
        start: int = 0,
        size_bytes: int | None = None,
        if_tag: str | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> Iterator[bytes]:
        *above, name = folder_segments(key, self.url)
        with ExitStack() as stack:
            try:
                with tree.disk_errors(self.url, f"key {shown(key)}"), self._opened(above) as parent:
                    file = stack.enter_context(tree.opened_file(name, parent, self.url))
            except tree.ABSENT as exc:
                raise ObjectMissing(f"{self.url}: no object has key {shown(key)}") from exc
            before = os.fstat(file)
            self._refuse_unfit(key, before, None, if_tag)
            os.lseek(file, start, os.SEEK_SET)
            for first, end in extents(before.st_size, start, size_bytes, chunk_bytes):
                wanted = end - first
                with tree.disk_errors(self.url, f"key {shown(key)}"):
                    data = tree.read_up_to(file, wanted)
                    after = os.fstat(file)
                # Replaced as a whole it stays readable here; written in place it does not stay what it was.
                if len(data) != wanted or tree.tag_of(after) != tree.tag_of(before):
                    raise ObjectChanged(f"{self.url}: key {shown(key)} was replaced while it was read")
                yield data

    def stat(self, key: str) -> StoredObject | None:
        *above, name = folder_segments(key, self.url)
        try:
            with tree.disk_errors(self.url, f"key {shown(key)}"), self._opened(above) as parent:
                tree.refuse_link(name, parent, self.url)
                status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except tree.ABSENT:
            return None
        return StoredObject(key, status.st_size, tree.tag_of(status)) if stat.S_ISREG(status.st_mode) else None

    def write(self, key: str, data: bytes, *, content_type: str | None = None) -> str:
        del content_type  # A file has no place for it; readers go by the extension.
        *above, name = folder_segments(key, self.url)
        self._require_root()
        for _ in range(_TRIES):
            try:
                with self._refusals(key):
                    parent = self._folders.made(above)
                    tag = drafts.put_new(data, name, parent.fd)
                    return tag if tag is not None else self._replaced(above, name, data)
            except FileNotFoundError:  # pruned between our finding it and our using it, or a moment ago
                self._folders.forget()
        raise self._lost_race(key)

    def create(self, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        del content_type, settle  # the file system refuses a second one
        *above, name = folder_segments(key, self.url)
        with self._draft(key, data) as ready:
            for _ in range(_TRIES):
                with suppress(FileNotFoundError):
                    if self._placed_new(key, above, name, ready):
                        return True
                    try:
                        return self.read(key, max_bytes=len(data)).data == data
                    except ObjectTooLarge:
                        return False
                    except ObjectMissing:
                        self._refuse_folder(key, above, name)  # Otherwise it was deleted meanwhile: once more.
        raise self._lost_race(key)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            *above, name = folder_segments(key, self.url)
            with suppress(*tree.ABSENT), tree.disk_errors(self.url, f"key {shown(key)}"):
                with self._opened(above) as parent:
                    if not tree.is_folder(name, parent):
                        os.unlink(name, dir_fd=parent)
                self._prune(above)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        above, slash, start = prefix.rpartition("/")
        segments = folder_segments(above, self.url) if slash else []
        return self._listed(segments, encoded(start, self.url) if start else b"")

    def list_files(self, prefix: str = "") -> Iterator[StoredObject]:
        check_folder_prefix(prefix)
        segments = folder_segments(prefix[:-1], self.url) if prefix else []
        return self._listed(segments, b"", folders=False)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        check_folder_prefix(prefix)
        segments = folder_segments(prefix[:-1], self.url) if prefix else []
        return self._listed_folders(segments, prefix)

    def check(self) -> None:
        try:
            with tree.disk_errors(self.url, "the folder"), self._opened([]) as root, os.scandir(root):
                return
        except NotADirectoryError as exc:
            raise StoreError(f"{self.url}: this is no folder; expected one, or a path where one can be made") from exc
        except FileNotFoundError:
            pass
        nearest = next(parent for parent in Path(self._root).parents if parent.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise StoreError(f"{self.url}: no such folder, and none can be made in {nearest}; make it yourself")

    def tidy(self) -> None:
        now = time.monotonic()
        if now - self._swept_at < _SWEEP_EVERY_S:
            return
        self._swept_at = now
        with (
            suppress(*tree.ABSENT),
            tree.disk_errors(self.url, "the folder"),
            self._opened(_DRAFTS) as temporary,
        ):
            drafts.sweep(temporary)

    def _replaced(self, above: Sequence[bytes], name: bytes, data: bytes) -> str:
        temporary = self._folders.made(_DRAFTS)
        with drafts.draft(temporary.fd, data, sync=False) as ready:
            parent = self._folders.made(above)
            return drafts.replace(ready, name, parent.fd)

    def _lost_race(self, key: str) -> StoreUnavailable:
        return StoreUnavailable(f"{self.url}: key {shown(key)}: its folder is removed as fast as it is made; try again")

    @contextmanager
    def _opened(self, segments: Sequence[bytes]) -> Iterator[int]:
        if not self._create_root and not Path(self._root).exists():
            raise StoreError(f"{self.url}: there is no such folder; expected one that exists")
        with tree.folder(self._root, segments, self.url) as parent:
            yield parent

    def _require_root(self) -> None:
        if not self._create_root:
            with tree.disk_errors(self.url, "the folder"), self._opened([]):
                pass

    @contextmanager
    def _refusals(self, key: str) -> Iterator[None]:
        """Turns an OSError of its body into the project's error, but for a folder that is gone: FileNotFoundError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as exc:
            self._folders.forget()
            if exc.errno == errno.ESTALE:  # how a network mount says it
                raise FileNotFoundError(exc.errno, exc.strerror) from exc
            raise tree.translated(exc, self.url, f"key {shown(key)}") from exc

    @contextmanager
    def _made(self, key: str, segments: Sequence[bytes]) -> Iterator[int]:
        """The folder that is to hold an object, made if need be. Only FileNotFoundError stays as it is."""
        with self._refusals(key), tree.folder(self._root, segments, self.url, create=True) as parent:
            yield parent

    @contextmanager
    def _draft(self, key: str, data: bytes) -> Iterator[drafts.Draft]:
        """The object's content on the disk in a file of `.tmp`, before its folder is made: deletes prune empty ones."""
        self._require_root()
        try:
            with self._made(key, _DRAFTS) as temporary, drafts.draft(temporary, data, sync=True) as ready:
                yield ready
        except FileNotFoundError as exc:
            raise tree.translated(exc, self.url, f"key {shown(key)}") from exc

    def _placed_new(self, key: str, above: Sequence[bytes], name: bytes, ready: drafts.Draft) -> bool:
        with self._made(key, above) as parent:
            if not drafts.place_new(ready, name, parent):
                return False
            os.fsync(parent)
            return True

    def _refuse_folder(self, key: str, above: Sequence[bytes], name: bytes) -> None:
        with suppress(*tree.ABSENT), self._opened(above) as parent:
            if tree.is_folder(name, parent):
                raise StoreError(
                    f"{self.url}: key {shown(key)}: a folder has this name, so no object can; use another key"
                )

    def _prune(self, segments: Sequence[bytes]) -> None:
        """Remove the folders that a deletion left empty, from the innermost up, but never the root."""
        for depth in range(len(segments), 0, -1):
            try:
                with tree.folder(self._root, segments[: depth - 1], self.url) as parent:
                    os.rmdir(segments[depth - 1], dir_fd=parent)
            except OSError:
                return  # Not empty, already gone, or not ours to remove: an empty folder does no harm.

    def _read_once(self, key: str, max_bytes: int | None, if_tag: str | None) -> Blob | None:
        """One try; None if the file changed while it was read."""
        *above, name = folder_segments(key, self.url)
        try:
            with (
                tree.disk_errors(self.url, f"key {shown(key)}"),
                self._opened(above) as parent,
                tree.opened_file(name, parent, self.url) as file,
            ):
                before = os.fstat(file)
                self._refuse_unfit(key, before, max_bytes, if_tag)
                data = tree.read_up_to(file, before.st_size + 1)
                after = os.fstat(file)
        except tree.ABSENT as exc:
            raise ObjectMissing(f"{self.url}: no object has key {shown(key)}") from exc
        tag = tree.tag_of(before)
        return Blob(data, tag) if len(data) == before.st_size and tree.tag_of(after) == tag else None

    def _refuse_unfit(self, key: str, status: os.stat_result, max_bytes: int | None, if_tag: str | None) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise ObjectMissing(f"{self.url}: key {shown(key)} names no object but a folder or a special file")
        if if_tag is not None and tree.tag_of(status) != if_tag:
            raise ObjectChanged(
                f"{self.url}: key {shown(key)} was replaced: its tag is {tree.tag_of(status)}, not {if_tag}"
            )
        if max_bytes is not None and status.st_size > max_bytes:
            raise ObjectTooLarge(
                f"{self.url}: key {shown(key)} has {status.st_size:,} bytes; at most {max_bytes:,} allowed"
            )

    def _listed(self, segments: Sequence[bytes], start: bytes, *, folders: bool = True) -> Iterator[StoredObject]:
        base = b"".join(segment + b"/" for segment in segments)
        with ExitStack() as stack:
            try:
                with tree.disk_errors(self.url, f"folder {base.decode()!r}"):
                    parent = stack.enter_context(self._opened(segments))
            except tree.ABSENT:
                return
            yield from tree.walk(parent, base, self.url, start=start, folders=folders)

    def _listed_folders(self, segments: Sequence[bytes], prefix: str) -> Iterator[str]:
        try:
            with tree.disk_errors(self.url, f"folder {prefix!r}"), self._opened(segments) as parent:
                listed = tree.names(parent, f"{self.url}/{prefix}", top=not prefix)
                # Sorted with their slash for `list`; without it the order may differ (`a-b` and `a`).
                below = sorted(name[:-1] for name in listed if name.endswith(b"/"))
                found = [name.decode() for name in below if tree.holds_object(parent, name)]
        except tree.ABSENT:
            return
        yield from found
