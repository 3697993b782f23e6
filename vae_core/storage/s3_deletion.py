"""Deleting objects of a bucket many at a time, or one by one where the server cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from vae_core.errors import StoreError, StoreUnavailable
from vae_core.storage.keys import shown
from vae_core.storage.s3_client import S3Connection
from vae_core.storage.s3_errors import answer_of

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_GONE = frozenset({"NoSuchKey", "NoSuchVersion"})
_DENIED = frozenset({"AccessDenied", "InvalidObjectState"})
# Wants a Content-MD5, does not know the request, or cannot read these names in XML.
_NOT_TOGETHER = frozenset({400, 405, 411, 501})
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def delete_batch(connection: S3Connection, bucket: str, names: Sequence[str], url: str, *, together: bool) -> bool:
    """Remove up to 1,000 objects, given by full name; one that is not there is no error.

    together: try with one request. Returns whether the next batch should. Raises StoreError and StoreUnavailable.
    """
    one_by_one = [name for name in names if not together or _NOT_IN_XML.search(name)]
    left = [name for name in names if together and not _NOT_IN_XML.search(name)]

    def at_once(client: S3Client) -> bool:
        try:
            answer = client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": name} for name in left], "Quiet": True}
            )
        except ClientError as exc:
            if answer_of(exc).status in _NOT_TOGETHER:
                return False
            raise
        failed = [error for error in answer.get("Errors", []) if error.get("Code") not in _GONE]
        if not failed:
            return True
        codes = {error.get("Code", "") for error in failed}
        message = f"{url}: {len(failed):,} of {len(left):,} objects could not be deleted ({', '.join(sorted(codes))})"
        if codes & _DENIED:
            raise StoreError(f"{message}; allow s3:DeleteObject below the prefix")
        left[:] = [error["Key"] for error in failed if "Key" in error] or left
        raise StoreUnavailable(f"{message}; try again later")

    if left and not connection.call(f"{url}: deleting", at_once):
        together = False
        one_by_one += left
    for name in one_by_one:

        def one(client: S3Client, name: str = name) -> None:
            client.delete_object(Bucket=bucket, Key=name)

        connection.call(f"{url}: deleting {shown(name)}", one)
    return together
