"""Reading one object of a bucket in chunks, each a request of its own that is retried by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from vae_core.errors import ObjectChanged, StoreUnavailable
from vae_core.storage.base import StoredObject
from vae_core.storage.keys import shown
from vae_core.storage.s3_client import S3Connection, tag_of
from vae_core.storage.s3_errors import answer_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def chunks(
    connection: S3Connection, bucket: str, name: str, found: StoredObject, url: str, wanted: Iterable[tuple[int, int]]
) -> Iterator[bytes]:
    """Those bytes of the object `name` of the bucket, as `found` says it is: first and end of each chunk.

    Raises ObjectChanged once it is another version. A server that does not know If-Match, or ranges, is found out by
    what it sends.
    """
    what = f"{url}: key {shown(found.key)}"
    for start, end in wanted:

        def operation(client: S3Client, start: int = start, end: int = end) -> bytes:
            try:
                answer = client.get_object(
                    Bucket=bucket, Key=name, Range=f"bytes={start}-{end - 1}", IfMatch=f'"{found.tag}"'
                )
            except ClientError as exc:
                if answer_of(exc).status in (404, 412, 416):
                    raise ObjectChanged(f"{what} was replaced while it was read") from exc
                raise
            with closing(answer["Body"]):
                if tag_of(answer.get("ETag", "")) != found.tag:
                    raise ObjectChanged(f"{what} was replaced while it was read")
                data = answer["Body"].read(end - start + 1)
            if len(data) != end - start:
                raise StoreUnavailable(f"{what}: {len(data):,} of {end - start:,} bytes came; try again later")
            return data

        yield connection.call(what, operation)
