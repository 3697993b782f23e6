"""Listing a bucket page by page, as a stream, with each page retried by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vae_core.errors import StoreError, StoreUnavailable
from vae_core.storage.base import StoredObject
from vae_core.storage.s3_client import S3Connection, tag_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ListObjectsV2OutputTypeDef


def _pages(connection: S3Connection, query: dict[str, str], what: str) -> Iterator[ListObjectsV2OutputTypeDef]:
    """Pages of up to 1,000 entries. botocore asks for encoded names and decodes them, so any key survives the XML."""
    place: dict[str, str] = {}
    while True:
        request: dict[str, Any] = {**query, **place}

        def operation(client: S3Client, request: dict[str, Any] = request) -> ListObjectsV2OutputTypeDef:
            return client.list_objects_v2(**request)

        page = connection.call(what, operation)
        yield page
        if not page.get("IsTruncated"):
            return
        place = {"ContinuationToken": token} if (token := page.get("NextContinuationToken")) else _after(page, what)


def _after(page: ListObjectsV2OutputTypeDef, what: str) -> dict[str, str]:
    """Where to go on after a page of a server that forgets the token."""
    names = [entry["Key"] for entry in page.get("Contents", [])[-1:]]
    names += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])[-1:]]
    if not names:
        raise StoreUnavailable(
            f"{what}: the server's listing breaks off without saying where to go on; try again later"
        )
    return {"StartAfter": max(names, key=str.encode)}


def objects(
    connection: S3Connection, bucket: str, root: str, prefix: str, url: str, *, folders: bool = True
) -> Iterator[StoredObject]:
    """Objects whose full name starts with `root + prefix`, keys without `root`, in ascending order of their bytes.

    folders: False leaves out those with another `/` after the prefix; the server does, so that they cost nothing.
    Raises StoreError for a server that lists in another order (S3 directory buckets do): callers merge by it.
    """
    query = {"Bucket": bucket, "Prefix": root + prefix, **({} if folders else {"Delimiter": "/"})}
    last = b""
    for page in _pages(connection, query, f"{url}: listing {prefix!r}"):
        for entry in page.get("Contents", []):
            key = entry["Key"].removeprefix(root)
            encoded = key.encode()
            if not key or encoded == last:  # rclone lists a key twice while it is being replaced
                continue
            if encoded < last:
                raise StoreError(f"{url}: the server lists {key!r} out of order; use a general purpose bucket")
            last = encoded
            yield StoredObject(key, entry["Size"], tag_of(entry.get("ETag", "")))


def folder_names(connection: S3Connection, bucket: str, prefix: str, url: str) -> Iterator[str]:
    """Names of the folders directly below `prefix` (full, `""` or ending in `/`), ascending.

    The server sorts them with their slash (`a-b/` before `a/`), so they are all held to be sorted without it.
    """
    query = {"Bucket": bucket, "Prefix": prefix, "Delimiter": "/"}
    found: list[str] = []
    for page in _pages(connection, query, f"{url}: listing the folders"):
        entries = page.get("CommonPrefixes", [])
        found.extend(entry["Prefix"].removeprefix(prefix).removesuffix("/") for entry in entries)
    yield from sorted(found, key=str.encode)
