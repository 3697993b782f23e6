"""The short way to an S3 bucket: whole objects read and written by obstore, which takes a seventh of boto3's time.

Whatever goes other than well is left to boto3: this way knows no retries, no error texts, and not every key.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from vae_core.errors import VaejobError
from vae_core.storage.base import Blob
from vae_core.storage.s3_client import S3Connection, tag_of

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

_MOST_FAILURES = 3
_REST_S = 30.0


class ShortWay:
    """One bucket, by way of a connection's settings. Safe to share between threads, and across a fork."""

    def __init__(self, connection: S3Connection, bucket: str) -> None:
        self._connection = connection
        self._bucket = bucket
        self._made: tuple[int, Bucket | None] | None = None
        self._failures = 0  # in a row
        self._rests_until = 0.0

    def read(self, name: str, *, max_bytes: int | None, if_tag: str | None) -> Blob | None:
        """The object's whole content, or None where boto3 is to be asked: it knows what is wrong.

        name: from the bucket's root.
        """
        bucket = self._usable(name)
        if bucket is None:
            return None
        from obstore import exceptions, get

        try:
            answer = get(bucket, name, options={"if_match": f'"{if_tag}"'} if if_tag is not None else None)
            tag, size = tag_of(answer.meta["e_tag"] or ""), answer.meta["size"]
            if (if_tag is not None and tag != if_tag) or (max_bytes is not None and size > max_bytes):
                return None
            data = bytes(answer.bytes())
        except (exceptions.NotFoundError, exceptions.PreconditionError):
            return None
        except (exceptions.BaseError, ValueError, RuntimeError, OSError):
            self._failed()
            return None
        self._failures = 0
        return Blob(data, tag) if len(data) == size else None

    def write(self, name: str, data: bytes, content_type: str) -> str | None:
        """The tag of the object that was put there, or None where boto3 is to do it, whether or not it was."""
        bucket = self._usable(name)
        if bucket is None:
            return None
        from obstore import exceptions, put

        try:
            answer = put(bucket, name, data, attributes={"Content-Type": content_type}, use_multipart=False)
        except (exceptions.BaseError, ValueError, RuntimeError, OSError):
            self._failed()
            return None
        self._failures = 0
        return tag_of(answer["e_tag"] or "") or None

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:  # a server or a setting that it does not understand, or none at all
            self._failures, self._rests_until = 0, time.monotonic() + _REST_S

    def _usable(self, name: str) -> Bucket | None:
        if name.startswith("/") or name.endswith("/"):  # obstore would leave these slashes out
            return None
        if time.monotonic() < self._rests_until:
            return None
        pid = os.getpid()
        if self._made is None or self._made[0] != pid:
            self._made = (pid, self._make())
        return self._made[1]

    def _make(self) -> Bucket | None:
        """None where obstore is not installed, and where boto3 has no client for the settings either."""
        try:
            from obstore.auth.boto3 import Boto3CredentialProvider
            from obstore.exceptions import BaseError
            from obstore.store import S3Store
        except ModuleNotFoundError:
            return None
        options = self._connection.options
        try:
            session, client = self._connection.made(f"s3://{self._bucket}")
            return S3Store(
                self._bucket,
                endpoint=client.meta.endpoint_url,
                region=client.meta.region_name,
                virtual_hosted_style_request=False,
                credential_provider=Boto3CredentialProvider(session),
                client_options={
                    "allow_http": True,
                    "connect_timeout": f"{options.connect_timeout_s:g}s",
                    "timeout": f"{options.read_timeout_s:g}s",
                },
                retry_config={"max_retries": 0},
            )
        except (VaejobError, BaseError, ValueError):
            return None
