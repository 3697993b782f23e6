"""A set of names too large for memory: gathered in any order, asked for in ascending order."""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import IO

HELD = 200_000


class SortedNames:
    """Names without line breaks. Use as a context manager: beyond `held` of them they wait in temporary files.

    `add` them all, then ask `holds` for names in ascending order of their UTF-8 bytes, as a store lists them.
    """

    def __init__(self, held: int = HELD) -> None:
        self._held = held
        self._names: list[bytes] = []
        self._runs: list[IO[bytes]] = []
        self._files = ExitStack()
        self._ascending: Iterator[bytes] | None = None
        self._at: bytes | None = None

    def __enter__(self) -> SortedNames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, name: str) -> None:
        self._names.append(name.encode())
        if len(self._names) >= self._held:
            self._write_run()

    def holds(self, name: str) -> bool:
        """Whether the name was added. It must come after the one asked for before."""
        if self._ascending is None:
            self._names.sort()
            self._ascending = heapq.merge(self._names, *map(_lines, self._runs))
            self._at = next(self._ascending, None)
        wanted = name.encode()
        while self._at is not None and self._at < wanted:
            self._at = next(self._ascending, None)
        return self._at == wanted

    def _write_run(self) -> None:
        run = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # it is one
        run.writelines(name + b"\n" for name in sorted(self._names))
        run.seek(0)
        self._runs.append(run)
        self._names.clear()


def _lines(run: IO[bytes]) -> Iterator[bytes]:
    return (line[:-1] for line in run)
