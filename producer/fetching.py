"""Bringing a job's results into a local folder: verified, resumable, and never outside that folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import ClassVar

import msgspec

from producer.results import ResultsDamaged, Wanted, verified_chunks
from vae_core.errors import InvalidValue, PermanentError
from vae_core.jobs.checks import shown
from vae_core.jobs.ids import new_token
from vae_core.jobs.layout import JobKeys
from vae_core.parallel import in_order
from vae_core.storage.base import Store


class FolderUnusable(PermanentError):
    """The local folder cannot be written."""

    code: ClassVar[str] = "folder_unusable"


class Fetched(msgspec.Struct, kw_only=True):
    """What a fetch did, in files: written now, and already there."""

    written: int = 0
    kept: int = 0
    written_bytes: int = 0


class Fetcher:
    """Brings files of one job into `folder`. threads: downloads at once."""

    def __init__(self, store: Store, keys: JobKeys, folder: Path, threads: int) -> None:
        self._store = store
        self._keys = keys
        self._folder = folder
        self._threads = threads
        self.fetched = Fetched()
        self._damaged: list[str] = []

    def fetch(self, wanted: Iterable[Wanted], on_file: Callable[[], object]) -> None:
        """Writes each file that is not there yet. on_file: called after each, from this thread.

        A file that is not what it should be is left out, for `check` to tell of. Raises FolderUnusable.
        """
        for brought in in_order(self._bring, wanted, self._threads):
            if isinstance(brought, str):
                self._damaged.append(brought)
            elif brought is None:
                self.fetched.kept += 1
            else:
                self.fetched.written += 1
                self.fetched.written_bytes += brought
            on_file()

    def check(self) -> None:
        """Raises ResultsDamaged, naming the first of the files that are missing or do not match."""
        if self._damaged:
            more = f", and {len(self._damaged) - 1:,} more are not right" if len(self._damaged) > 1 else ""
            raise ResultsDamaged(
                "changed", f"{min(self._damaged)}{more}: the others were fetched; fetch again to try once more"
            )

    def _bring(self, wanted: Wanted) -> int | str | None:
        """Brings one file: the bytes written, None for one that is there already, or what is wrong with it."""
        path = self._path(wanted.name)
        if _is_already(path, wanted):
            return None
        try:
            self._write(path, verified_chunks(self._store, self._keys, wanted))
        except ResultsDamaged as fault:
            return str(fault)
        return wanted.size_bytes

    def _path(self, name: str) -> Path:
        """Where the file goes. Raises ResultsDamaged for a name that would leave the folder: it came from the store."""
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\0" in name or "\\" in name:
            raise ResultsDamaged(
                "unreadable", f"the job names a file {shown(name)!r}, which is not allowed: a path below its folder"
            )
        return self._folder.joinpath(*parts)

    def _write(self, path: Path, chunks: Iterator[bytes]) -> None:
        """All of it or nothing, in one step. Nothing is made for a file that is not there."""
        first = next(chunks)
        draft = path.parent / f".vaejob-{new_token()}"
        try:
            # Before as well: no folder is made behind a link that leads out.
            if path.parent.resolve().is_relative_to(self._folder.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(self._folder.resolve()):
                raise FolderUnusable(f"{path.parent} is a link that leads out of {self._folder}: remove it")
            try:
                with draft.open("wb") as file:
                    file.writelines(chain((first,), chunks))
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise FolderUnusable(f"cannot write {path}: {error.strerror or error}") from error


def check_folder(folder: Path) -> None:
    """Makes the folder. Raises InvalidValue when it is something else, FolderUnusable when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InvalidValue(
            f"--to {shown(str(folder))!r} is not a folder: name one, or a path where one can be made"
        ) from error
    except OSError as error:
        raise FolderUnusable(f"cannot make {folder}: {error.strerror or error}") from error


def _is_already(path: Path, wanted: Wanted) -> bool:
    try:
        if path.is_symlink() or path.stat().st_size != wanted.size_bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    except OSError:
        return False  # not there, or not to be read: writing it will say why
