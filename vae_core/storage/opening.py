"""From the address of a store to the store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vae_core.errors import InvalidValue
from vae_core.storage.base import Store
from vae_core.storage.folder import FolderStore

if TYPE_CHECKING:
    from vae_core.storage.s3_client import S3Options

_ALLOWED = "expected file:///absolute/path, a path, or s3://bucket[/prefix]"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


def open_store(url: str, *, create: bool = True, s3: S3Options | None = None) -> Store:
    """The store at `file:///abs/path`, a plain path (relative to the working directory) or `s3://bucket[/prefix]`.

    Nothing is contacted or made yet; `check` does that. `open_store(store.url)` gives the same store again.
    Nothing in an address is decoded: `%`, `#` and `?` stand for themselves; trailing slashes do not count.

    create: a folder that is missing is made on the first write; with False (sources) it is a StoreError.
    s3: addresses, time limits and credentials that differ from the AWS_* variables and boto3's own files.
    Raises InvalidValue for anything else. Imports boto3 only for an S3 address.
    """
    if url.startswith("s3://"):
        return _open_bucket(url, s3)
    return FolderStore(_folder_path(url), create_root=create)


def _open_bucket(url: str, options: S3Options | None) -> Store:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if "@" in bucket:
        # Whatever stands before the @ may be a secret, so the value is not repeated.
        raise InvalidValue(
            "store address s3://***: credentials do not belong in it; use AWS_* variables and s3://bucket"
        )
    if not _BUCKET.fullmatch(bucket):
        raise InvalidValue(f"store address {url!r} names no bucket: {_ALLOWED}; 2 to 63 letters, digits, '.', '_', '-'")
    if "\0" in prefix:
        raise InvalidValue(f"store address {url!r} holds a NUL character: {_ALLOWED}")
    from vae_core.storage.s3 import S3Store
    from vae_core.storage.s3_client import S3Options

    return S3Store(bucket, prefix.rstrip("/"), options or S3Options())


def _folder_path(url: str) -> str:
    if url.startswith("file:"):
        path = url.removeprefix("file://")
        if path == url or not path.startswith("/"):
            raise InvalidValue(f"store address {url!r} is not an absolute file address: {_ALLOWED}")
    else:
        path = url
    if not path.strip() or "\0" in path or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path):
        shown = re.sub(r"//[^/@]*@", "//***@", url)
        raise InvalidValue(f"store address {shown!r} is not one that can be opened: {_ALLOWED}")
    absolute = Path(path).expanduser().absolute()
    if absolute == Path(absolute.anchor):
        raise InvalidValue(f"store address {url!r} is the whole file system: name a folder below it")
    return str(absolute)
