"""Which keys a store can hold, and how a key becomes a path below a folder or a name in a bucket."""

from __future__ import annotations

from vae_core.errors import InvalidValue, StoreError

TEMPORARY = ".tmp"
"""The folder directly below a folder store's root that holds writes under way. Never listed, never a key."""

_MAX_S3_KEY_BYTES = 1024
_SHOWN = 100


def shown(key: str) -> str:
    """The key for an error text: quoted, and cut where it is long."""
    return repr(key) if len(key) <= _SHOWN else f"{key[:_SHOWN]!r}..."


def encoded(key: str, url: str) -> bytes:
    """The key in UTF-8. Raises StoreError for an empty key, a NUL, or text that is not valid Unicode."""
    if not key:
        raise StoreError(f"{url}: a key is empty; expected at least one character")
    if "\0" in key:
        raise StoreError(f"{url}: key {shown(key)} holds a NUL character; no store can keep it")
    try:
        return key.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise StoreError(f"{url}: key {shown(key)} is not valid Unicode; expected text that UTF-8 can hold") from exc


def check_folder_prefix(prefix: str) -> None:
    """Raises InvalidValue unless `prefix` names a folder: `""`, or ending in `/`."""
    if prefix and not prefix.endswith("/"):
        raise InvalidValue(f"prefix {prefix!r} does not end in '/': expected '' or 'folder/'")


def folder_segments(key: str, url: str) -> list[bytes]:
    """The names that lead from a folder store's root to the key's file.

    Raises StoreError for whatever would leave the root or has no file of its own: `.`, `..`, an empty segment
    (so also a leading, trailing or double `/`), NUL, and the reserved first segment `.tmp`.
    """
    segments = encoded(key, url).split(b"/")
    for segment in segments:
        if segment in (b"", b".", b".."):
            raise StoreError(
                f"{url}: key {shown(key)} does not name a file below the folder; "
                "expected segments that are neither empty nor '.' nor '..', with one '/' between them"
            )
    if segments[0] == TEMPORARY.encode():
        raise StoreError(
            f"{url}: key {shown(key)} lies in {TEMPORARY}/, which the store keeps for itself; use another name"
        )
    return segments


def bucket_key(root: str, key: str, url: str) -> str:
    """The full name in the bucket: `root` (`""`, or ending in `/`) followed by the key as it is.

    Raises StoreError for a key that `encoded` refuses or whose full name is over S3's 1,024 bytes.
    """
    size = len(encoded(key, url)) + len(root.encode("utf-8"))
    if size > _MAX_S3_KEY_BYTES:
        raise StoreError(f"{url}: key {shown(key)} has {size:,} bytes with its prefix; S3 allows {_MAX_S3_KEY_BYTES}")
    return root + key
