"""The folders that files were put into a moment ago, kept open: finding one takes longer than writing a small file."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from vae_core.storage import tree

_KEPT_S = 0.2
_MOST = 8


class OpenFolder:
    """A descriptor of a folder, which is closed once nobody holds this object any more."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)


class _Kept(NamedTuple):
    folder: OpenFolder
    since: float


class OpenFolders:
    """Those of one root. None is used for longer than a fifth of a second, should somebody put another in its place;
    the last few stay open until others are asked for.

    Safe to share between threads: two of them that look for the same folder at once may both open it.
    """

    def __init__(self, root: str, url: str) -> None:
        self._root = root
        self._url = url
        self._kept: dict[tuple[bytes, ...], _Kept] = {}

    def made(self, segments: Sequence[bytes]) -> OpenFolder:
        """The folder that `segments` lead to, made if it is missing; raises what `tree.folder` does."""
        path, now = tuple(segments), time.monotonic()
        kept = self._kept.get(path)
        if kept is not None and now - kept.since < _KEPT_S:
            return kept.folder
        with tree.folder(self._root, path, self._url, create=True) as fd:
            folder = OpenFolder(os.dup(fd))
        fresh = {path: kept for path, kept in self._kept.items() if now - kept.since < _KEPT_S}
        self._kept = {**(fresh if len(fresh) < _MOST else {}), path: _Kept(folder, now)}
        return folder

    def forget(self) -> None:
        """Has each of them looked for anew; to be called where one proves to be gone."""
        self._kept = {}
