"""Where a job's inputs are: parsing a source's address, and whether it is allowed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

import msgspec

from vae_core.errors import InvalidValue, SourceNotAllowed
from vae_core.jobs.checks import check_pattern, shown

_ADDRESS = re.compile(r"[^\0\ud800-\udfff]{0,2048}")
_SECRETS = re.compile(r"(?<=://)[^/].*@", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
LOCAL = "file://"
S3 = "s3://"


class Source(msgspec.Struct, frozen=True):
    """A place to list inputs from.

    bucket: an S3 bucket, or empty for a local path.
    path: for S3 a plain key prefix, taken literally (`cars` also covers `cars2/a.jpg`; `cars/` does not);
        for a local source an absolute path, of a folder or of one file.
    """

    bucket: str
    path: str

    @property
    def is_local(self) -> bool:
        return not self.bucket

    @property
    def key_prefix(self) -> str:
        """What the keys of its objects begin with: those of a local source are relative to its folder."""
        return "" if self.is_local else self.path

    @property
    def url(self) -> str:
        return f"{LOCAL}{self.path}" if self.is_local else f"{S3}{self.bucket}/{self.path}"


def parse_source(url: str) -> Source:
    """The source that `url` names: `s3://bucket/prefix` or `file:///absolute/path`.

    Raises InvalidValue. `#`, `?` and `%` have no meaning of their own: a key is written as it is.
    """
    check_pattern("source", url, _ADDRESS, "at most 2,048 characters of valid Unicode, no NUL")
    if url.startswith(S3):
        bucket, _, prefix = url[len(S3) :].partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise InvalidValue(f"source {shown_address(url)!r} names no bucket: s3://bucket/prefix")
        return Source(bucket, prefix)
    if url.startswith(LOCAL + "/"):
        path = PurePosixPath(url[len(LOCAL) :])
        if ".." in path.parts:
            raise InvalidValue(f"source {shown(url)!r} is not allowed: a path without '..'")
        return Source("", str(path))
    raise InvalidValue(f"source {shown_address(url)!r} is not understood: s3://bucket/prefix or file:///absolute/path")


def split_glob(url: str) -> tuple[str, str | None]:
    """What of an address is a place, and the path glob below it: parted before the first segment with a `*` in it.

    `s3://b/cars/**/*.jpg` is `s3://b/cars/` and `**/*.jpg`. The glob is None for an address without `*`: `?` and `[` by
    themselves are letters of a key.
    """
    scheme, mark, path = url.partition("://")
    segments = path.split("/")
    first = next((number for number, segment in enumerate(segments) if "*" in segment), 0)
    if first == 0:
        return url, None
    return f"{scheme}{mark}{'/'.join(segments[:first])}/", "/".join(segments[first:])


def is_below(path: str, root: str) -> bool:
    """Whether the absolute `path` is `root` or lies below it, by name alone."""
    return root == "/" or path == root or path.startswith(root.rstrip("/") + "/")


def check_allowed(source: Source, allowed: Sequence[str]) -> None:
    """Raises SourceNotAllowed unless `source` lies below one of `allowed`.

    allowed: addresses such as `s3://bucket`, `s3://bucket/prefix/`, `file:///data`, or `file:///` for any local path.
    """
    for entry in allowed:
        root = parse_source(entry)
        if root.bucket != source.bucket:
            continue
        if source.path.startswith(root.path) if source.bucket else is_below(source.path, root.path):
            return
    what = ", ".join(allowed) or "none"
    raise SourceNotAllowed(f"source {shown(source.url)} is not allowed: set VAEJOB_SOURCES to permit it (now: {what})")


def bucket_of(url: str) -> str | None:
    """The bucket of an `s3://` address, or None."""
    return url[len(S3) :].partition("/")[0] if url.startswith(S3) else None


def shown_address(url: str) -> str:
    """The address for an error text; what stands before an `@`, where other programs keep passwords, is left out."""
    return shown(_SECRETS.sub("***@", url))
