"""`--from-manifest`: keys to reconstruct, one a line, brought into one form and checked before anything is written."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from vae_core.errors import InvalidValue, ObjectMissing, ObjectTooLarge, SourceNotAllowed
from vae_core.jobs.checks import shown
from vae_core.jobs.key_lists import numbered_lines
from vae_core.jobs.sources import LOCAL, S3, Source, check_allowed, is_below, parse_source
from vae_core.jobs.spec import MAX_ITEMS
from vae_core.settings import Settings

MAX_LIST_BYTES = 2**30
_MAX_KEY_BYTES = 1024
_STDIN = "-"
_FORM = "s3://bucket/key, file:///absolute/path, or with SOURCE a key below it"


class KeyList(NamedTuple):
    """Keys of one source, or `bucket/key` of several buckets where source is None; data: one a line."""

    source: str | None
    data: bytes
    sha256: str


class _Root(NamedTuple):
    """What all keys lie below. shown: as it was typed, for errors."""

    source: Source
    shown: str


def read_key_list(where: str, source: str | None, settings: Settings) -> KeyList:
    """The list at `where`: a file, an address, or `-` for stdin.

    source: address that the keys are below; None where each line is an address, or a path on this machine. The keys
    stay in their order, however often one comes. Raises InvalidValue naming the line, SourceNotAllowed.
    """
    data = _read(where)
    what = f"--from-manifest {shown(where)}"
    if source is not None:
        root = _Root(_folder_source(parse_source(source)), source)
        return _made(root.source.url, (_key_below(root, line, n, what) for n, line in _lines(data, what)), what)
    buckets, common = _in_common(_places(data, what))
    if len(buckets) > 1 and "" in buckets:
        raise InvalidValue(f"{what} names local files and a bucket's: give a list for each")
    if buckets == {""}:
        if common in {"", "/"}:
            raise InvalidValue(f"{what}: the files have no folder in common: give SOURCE, and paths below it")
        folder = Source("", common.rstrip("/"))
        check_allowed(folder, settings.allowed_sources)
        return _made(folder.url, (place.path[len(common) :] for place in _places(data, what)), what)
    source_in_common = Source(min(buckets), common) if len(buckets) == 1 else None
    if source_in_common is not None and _is_allowed(source_in_common, settings):
        return _made(source_in_common.url, (place.path for place in _places(data, what)), what)
    return _made(None, _each_allowed(_places(data, what), settings), what)


def _in_common(places: Iterable[Source]) -> tuple[set[str], str]:
    """The buckets, and the folder or prefix that all paths lie below, ending in a slash or empty."""
    buckets: set[str] = set()
    low = high = ""
    for place in places:
        low = min(low, place.path) if buckets else place.path
        high = max(high, place.path)
        buckets.add(place.bucket)
    common = os.path.commonprefix([low, high])  # noqa: RUF071  # keys are text
    return buckets, common[: common.rfind("/") + 1]


def _is_allowed(source: Source, settings: Settings) -> bool:
    try:
        check_allowed(source, settings.allowed_sources)
    except SourceNotAllowed:
        return False
    return True


def _each_allowed(places: Iterable[Source], settings: Settings) -> Iterator[str]:
    for place in places:
        check_allowed(place, settings.allowed_sources)
        yield f"{place.bucket}/{place.path}"


def _made(source: str | None, keys: Iterator[str], what: str) -> KeyList:
    buffer, count = io.BytesIO(), 0
    for key in keys:
        count += 1
        if count > MAX_ITEMS:
            raise InvalidValue(f"{what} has more than {MAX_ITEMS:,} keys: that many are the most of one job")
        buffer.write(key.encode() + b"\n")
    if count == 0:
        raise InvalidValue(f"{what} names nothing: one key a line is expected, {_FORM}")
    data = buffer.getvalue()
    return KeyList(source, data, hashlib.sha256(data).hexdigest())


def _read(where: str) -> bytes:
    """The whole list. Raises InvalidValue."""
    what = f"--from-manifest {shown(where)!r}"
    place = _parsed(where, "--from-manifest") if where.startswith((S3, LOCAL)) else None
    if place is not None and not place.path:
        raise InvalidValue(f"{what} names a bucket: the address of an object with one key a line is expected")
    if place is not None and not place.is_local:
        from vae_core.storage.opening import open_store  # late: a path needs no store

        try:
            return open_store(f"{S3}{place.bucket}").read(place.path, max_bytes=MAX_LIST_BYTES).data
        except ObjectMissing as error:
            raise InvalidValue(f"{what} does not exist: an object with one key a line is expected") from error
        except ObjectTooLarge as error:
            raise InvalidValue(f"{what} is over {MAX_LIST_BYTES:,} bytes long: give it in several jobs") from error
    try:
        if where == _STDIN:
            data = sys.stdin.buffer.read(MAX_LIST_BYTES + 1) if sys.stdin is not None else b""  # closed by the caller
        else:
            path = os.path.expanduser(where) if place is None else place.path  # noqa: PTH111  # never raises
            with Path(path).open("rb") as file:
                data = file.read(MAX_LIST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidValue(f"{what} cannot be read: {reason}; a file with one key a line is expected") from error
    if len(data) > MAX_LIST_BYTES:
        raise InvalidValue(f"{what} is over {MAX_LIST_BYTES:,} bytes long: give it in several jobs")
    return data


def _lines(data: bytes, what: str) -> Iterator[tuple[int, str]]:
    step = 2**20
    return numbered_lines((data[start : start + step] for start in range(0, len(data), step)), what)


def _folder_source(source: Source) -> Source:
    """The source as what keys are appended to."""
    if source.is_local:
        if os.path.isfile(source.path):  # noqa: PTH113  # never raises
            raise InvalidValue(f"source {shown(source.url)!r} is a file: with --from-manifest, a folder is expected")
        return source
    return Source(source.bucket, source.path if not source.path or source.path.endswith("/") else f"{source.path}/")


def _key_below(root: _Root, line: str, number: int, what: str) -> str:
    """The key that a line means below the root."""
    source = root.source
    is_address = line.startswith((S3, LOCAL)) or (source.is_local and line.startswith("/"))
    if is_address:
        place = _parsed(f"{LOCAL}{line}" if line.startswith("/") else line, f"{what}, line {number}")
        below = place.bucket == source.bucket and (
            is_below(place.path, source.path) if source.is_local else place.path.startswith(source.path)
        )
        if not below:
            raise InvalidValue(f"{what}, line {number}: {shown(line)!r} does not lie below {shown(root.shown)}")
        return _checked(place.path[len(source.path) + 1 :] if source.is_local else place.path, line, number, what)
    if not source.is_local:
        return _checked(source.path + line, line, number, what)
    return _checked(_plain_path(line, number, what), line, number, what)


def _plain_path(line: str, number: int, what: str) -> str:
    """A relative path without `.`, as `find` writes it. Raises InvalidValue where it leads up."""
    path = os.path.normpath(line)
    if path == ".." or path.startswith("../"):
        raise InvalidValue(f"{what}, line {number}: {shown(line)!r} is not allowed: a path without '..'")
    return "" if path == "." else path


def _places(data: bytes, what: str) -> Iterator[Source]:
    """Where each line says that an input is: an address, or a path on this machine."""
    here = None  # whether any path of the list is one of this machine; looked at once
    for number, line in _lines(data, what):
        if line.startswith((S3, LOCAL)):
            place = _parsed(line, f"{what}, line {number}")
        else:
            if here is None:
                here = any(
                    os.path.lexists(os.path.expanduser(text))  # noqa: PTH111  # never raises
                    for _, text in _lines(data, what)
                )
            if not here:
                raise InvalidValue(f"{what}, line {number}: {shown(line)!r} is neither an address nor a file: {_FORM}")
            place = Source("", os.path.abspath(os.path.expanduser(line)))  # noqa: PTH100, PTH111
        if not place.path:
            raise InvalidValue(f"{what}, line {number}: {shown(line)!r} names no key: {_FORM}")
        _checked(place.path, line, number, what)
        yield place


def _parsed(address: str, stands_at: str) -> Source:
    try:
        return parse_source(address)
    except InvalidValue as error:
        raise InvalidValue(f"{stands_at}: {error}") from error


def _checked(key: str, line: str, number: int, what: str) -> str:
    if key.endswith("\r") or key.startswith("\ufeff"):
        what_is_wrong = "ends in a carriage return" if key.endswith("\r") else "begins with a byte order mark"
        raise InvalidValue(f"{what}, line {number}: {shown(line)!r} {what_is_wrong}: no key of a list may")
    if not key or len(key.encode()) > _MAX_KEY_BYTES:
        raise InvalidValue(
            f"{what}, line {number}: {shown(line)!r} is no key: 1 to {_MAX_KEY_BYTES:,} bytes are expected"
        )
    return key
