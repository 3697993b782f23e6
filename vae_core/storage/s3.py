"""A store in an S3 bucket, below a prefix, on AWS or any server that speaks its protocol."""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from vae_core.errors import ObjectChanged, ObjectMissing, ObjectTooLarge, StoreError, StoreUnavailable
from vae_core.storage.base import CHUNK_BYTES, Blob, StoredObject, extents
from vae_core.storage.keys import bucket_key, check_folder_prefix, shown
from vae_core.storage.s3_client import S3Options, shared_connection, tag_of
from vae_core.storage.s3_deletion import delete_batch
from vae_core.storage.s3_errors import answer_of
from vae_core.storage.s3_fast import short_way
from vae_core.storage.s3_listing import folder_names, objects
from vae_core.storage.s3_streaming import chunks

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import GetObjectOutputTypeDef

_CREATE_TRIES = 5
_DELETE_BATCH = 1000
_SETTLE_S = 0.3
_BUCKET_SEEN_S = 1.0


class _Conditional(enum.Enum):
    """Whether the server keeps `If-None-Match: *`."""

    UNKNOWN = "unknown"
    KEPT = "kept"
    IGNORED = "ignored"
    REFUSED = "refused"


class S3Store:
    """Objects of one bucket below one prefix; see `Store` for what each method promises. A tag is the ETag, unquoted.

    `create` relies on `If-None-Match: *` where the server keeps it, and finds out with its first object: having
    created it, it asks to create it again with the same bytes. Refused (412): one request is enough from now on.
    Done once more, or 501: the server would overwrite, so each `create` looks, puts, waits if it is to settle, and
    reads back (Fischer's algorithm: it waits twice as long as looking and putting took, and a little more): of several
    at the same moment the last to put stays and is told True. One that took longer than another's wait can still
    overwrite that one's object; plain puts allow no better.
    The test leaves nothing behind but, in a bucket that keeps versions on such a server, a second equal version.

    An object named exactly like the prefix with its slash (a folder marker of a console) is not listed.
    """

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        """bucket, prefix: as in the address, the prefix without a trailing slash; `""` for the whole bucket."""
        self._bucket = bucket
        self._prefix = prefix
        self._root = f"{prefix}/" if prefix else ""
        self._connection = shared_connection(options)
        self._short_way = short_way(self._connection, bucket)
        self._conditional = _Conditional.UNKNOWN
        self._bucket_seen_at = -math.inf
        self._batches = True

    def __repr__(self) -> str:
        return f"S3Store({self.url!r})"

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}" if self._prefix else f"s3://{self._bucket}"

    def read(self, key: str, *, max_bytes: int | None = None, if_tag: str | None = None) -> Blob:
        name = bucket_key(self._root, key, self.url)
        if (blob := self._short_way.read(name, max_bytes=max_bytes, if_tag=if_tag)) is not None:
            return blob

        def operation(client: S3Client) -> Blob:
            try:
                if if_tag is None:
                    answer = client.get_object(Bucket=self._bucket, Key=name)
                else:
                    answer = client.get_object(Bucket=self._bucket, Key=name, IfMatch=f'"{if_tag}"')
            except ClientError as exc:
                code, status, _ = answer_of(exc)
                if status == 404 and code != "NoSuchBucket":
                    raise ObjectMissing(f"{self.url}: no object has key {shown(key)}") from exc
                if status == 412:
                    raise ObjectChanged(f"{self.url}: key {shown(key)} was replaced: its tag is not {if_tag}") from exc
                raise
            # Closing a body that was not read to its end drops the connection, and the rest is never sent.
            with closing(answer["Body"]):
                return self._received(key, answer, max_bytes, if_tag)

        return self._connection.call(f"{self.url}: key {shown(key)}", operation)

    def stream(
        self,
        key: str,
        *,
        start: int = 0,
        size_bytes: int | None = None,
        if_tag: str | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> Iterator[bytes]:
        found = self.stat(key)
        if found is None:
            raise ObjectMissing(f"{self.url}: no object has key {shown(key)}")
        name = bucket_key(self._root, key, self.url)
        if if_tag is not None and found.tag != if_tag:
            raise ObjectChanged(f"{self.url}: key {shown(key)} was replaced: its tag is {found.tag}, not {if_tag}")
        wanted = extents(found.size_bytes, start, size_bytes, chunk_bytes)
        yield from chunks(self._connection, self._bucket, name, found, self.url, wanted)

    def stat(self, key: str) -> StoredObject | None:
        name = bucket_key(self._root, key, self.url)

        def operation(client: S3Client) -> StoredObject | None:
            try:
                answer = client.head_object(Bucket=self._bucket, Key=name)
            except ClientError as exc:
                if answer_of(exc).status == 404:
                    return None
                raise
            return StoredObject(key, answer["ContentLength"], tag_of(answer.get("ETag", "")))

        found = self._connection.call(f"{self.url}: key {shown(key)}", operation)
        if found is None:
            self._require_bucket()
        return found

    def write(self, key: str, data: bytes, *, content_type: str | None = None) -> str:
        name = bucket_key(self._root, key, self.url)
        kind = content_type or "application/octet-stream"
        if (tag := self._short_way.write(name, data, kind)) is not None:
            return tag

        def operation(client: S3Client) -> str:
            return client.put_object(Bucket=self._bucket, Key=name, Body=data, ContentType=kind).get("ETag", "")

        return tag_of(self._connection.call(f"{self.url}: key {shown(key)}", operation))

    def create(self, key: str, data: bytes, *, content_type: str | None = None, settle: bool = True) -> bool:
        for _ in range(_CREATE_TRIES):
            began = time.monotonic()
            if self._conditional is not _Conditional.KEPT and (same := self._holds(key, data)) is not None:
                return same
            created = self._put_new(key, data, content_type)
            if created and self._conditional is _Conditional.UNKNOWN:
                self._find_out(key, data, content_type)
            if created and self._conditional is _Conditional.KEPT:
                return True
            if created and settle:
                time.sleep(_SETTLE_S + 2 * (time.monotonic() - began))
            if (same := self._holds(key, data)) is not None:
                return same
            # Someone deleted it between our two requests: once more.
        raise StoreUnavailable(f"{self.url}: key {shown(key)} is deleted as fast as it is created; try again later")

    def delete(self, keys: Iterable[str]) -> None:
        names = (bucket_key(self._root, key, self.url) for key in keys)
        while batch := list(islice(names, _DELETE_BATCH)):
            self._batches = delete_batch(self._connection, self._bucket, batch, self.url, together=self._batches)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        return objects(self._connection, self._bucket, self._root, prefix, self.url)

    def list_files(self, prefix: str = "") -> Iterator[StoredObject]:
        check_folder_prefix(prefix)
        return objects(self._connection, self._bucket, self._root, prefix, self.url, folders=False)

    def list_folders(self, prefix: str = "") -> Iterator[str]:
        check_folder_prefix(prefix)
        return folder_names(self._connection, self._bucket, self._root + prefix, self.url)

    def check(self) -> None:
        def operation(client: S3Client) -> None:
            client.list_objects_v2(Bucket=self._bucket, Prefix=self._root, MaxKeys=1)

        self._connection.call(f"{self.url}: listing the bucket", operation)

    def _received(self, key: str, answer: GetObjectOutputTypeDef, max_bytes: int | None, if_tag: str | None) -> Blob:
        tag = tag_of(answer.get("ETag", ""))
        if if_tag is not None and tag != if_tag:
            # A server that does not know If-Match sends whatever is there.
            raise ObjectChanged(f"{self.url}: key {shown(key)} was replaced: its tag is {tag}, not {if_tag}")
        size = answer.get("ContentLength")
        if max_bytes is not None and size is not None and size > max_bytes:
            raise ObjectTooLarge(f"{self.url}: key {shown(key)} has {size:,} bytes; at most {max_bytes:,} allowed")
        data = answer["Body"].read(None if max_bytes is None else max_bytes + 1)
        if max_bytes is not None and len(data) > max_bytes:
            raise ObjectTooLarge(
                f"{self.url}: key {shown(key)} has over {max_bytes:,} bytes; at most {max_bytes:,} allowed"
            )
        if size is not None and len(data) != size:
            raise StoreUnavailable(
                f"{self.url}: key {shown(key)}: {len(data):,} of {size:,} bytes came; try again later"
            )
        return Blob(data, tag)

    def tidy(self) -> None:
        """Nothing: each object is put whole, in one request, so no upload is ever left in parts."""

    def _holds(self, key: str, data: bytes) -> bool | None:
        """Whether the object is these bytes; None if there is none."""
        try:
            return self.read(key, max_bytes=len(data)).data == data
        except ObjectTooLarge:
            return False
        except ObjectMissing:
            return None

    def _put_new(self, key: str, data: bytes, content_type: str | None) -> bool:
        """Put unless something is there; False if the server says so. Learns what the server makes of the condition."""
        name = bucket_key(self._root, key, self.url)
        kind = content_type or "application/octet-stream"

        def operation(client: S3Client) -> bool:
            if self._conditional is not _Conditional.REFUSED:
                try:
                    client.put_object(Bucket=self._bucket, Key=name, Body=data, ContentType=kind, IfNoneMatch="*")
                    return True
                except ClientError as exc:
                    code, status, _ = answer_of(exc)
                    if status == 412:
                        self._conditional = _Conditional.KEPT
                        return False
                    if status != 501 and code != "NotImplemented":
                        raise
                    self._conditional = _Conditional.REFUSED
            client.put_object(Bucket=self._bucket, Key=name, Body=data, ContentType=kind)
            return True

        return self._connection.call(f"{self.url}: key {shown(key)}", operation)

    def _find_out(self, key: str, data: bytes, content_type: str | None) -> None:
        """Create once more what was just created: a server that does it again does not look."""
        if self._put_new(key, data, content_type) and self._conditional is _Conditional.UNKNOWN:
            self._conditional = _Conditional.IGNORED

    def _require_bucket(self) -> None:
        """Raises StoreError if there is no bucket, which a HEAD of an object cannot say. Asks at most once a second."""
        if time.monotonic() - self._bucket_seen_at < _BUCKET_SEEN_S:
            return

        def operation(client: S3Client) -> None:
            try:
                client.head_bucket(Bucket=self._bucket)
            except ClientError as exc:
                status = answer_of(exc).status
                if status == 404:
                    raise StoreError(f"{self.url}: there is no such bucket; make it, or correct the address") from exc
                if status != 403:  # May not be looked at, but is there.
                    raise

        self._connection.call(f"{self.url}: the bucket", operation)
        self._bucket_seen_at = time.monotonic()
