"""The short way to an S3 bucket: small whole objects read and written by obstore, in a seventh of boto3's time.

Whatever goes other than well is left to boto3: this way knows no retries, no error texts, and not every key. It is
taken only while boto3 is seen to reach the server, so that a store that is away or refuses costs no second wait.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from vae_core.errors import VaejobError
from vae_core.storage.base import Blob
from vae_core.storage.s3_client import S3Connection, tag_of

if TYPE_CHECKING:
    from obstore.store import S3Store as Bucket

# obstore's limit of time is on the whole request, and not on each wait: what is longer is left to boto3.
MAX_BYTES = 8 * 2**20
_MOST_CALLS = 4096
# Variables that obstore reads, and boto3 does not.
_OTHERS_MEANING = frozenset(
    {
        "AWS_CHECKSUM_ALGORITHM",
        "AWS_REQUEST_PAYER",
        "AWS_SERVER_SIDE_ENCRYPTION",
        "AWS_SSE_BUCKET_KEY_ENABLED",
        "AWS_SSE_KMS_KEY_ID",
        "AWS_UNSIGNED_PAYLOAD",
    }
)

_loaded_by: int | None = None  # the process whose threads obstore works with: they do not survive a fork


class ShortWay:
    """One bucket, by way of a connection's settings. Safe to share between threads, and across a fork.

    It opens once as many calls of boto3 in a row have gone well as the options say, and closes with each failure of
    its own, for twice as many each time: a server, or a setting, that obstore does not get on with is left alone soon.
    """

    def __init__(self, connection: S3Connection, bucket: str) -> None:
        self._connection = connection
        self._bucket = bucket
        self._made: tuple[int, Bucket | None] | None = None
        self._opens_after = connection.options.short_way_after

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
            if (if_tag is not None and tag != if_tag) or size > (
                MAX_BYTES if max_bytes is None else min(MAX_BYTES, max_bytes)
            ):
                return None
            data = bytes(answer.bytes())
        except (FileNotFoundError, exceptions.NotFoundError, exceptions.PreconditionError):
            return None
        except ValueError:  # a key that obstore takes for none
            return None
        except (exceptions.BaseError, RuntimeError, OSError):
            self._failed()
            return None
        self._opens_after = self._connection.options.short_way_after
        return Blob(data, tag) if len(data) == size else None

    def write(self, name: str, data: bytes, content_type: str) -> str | None:
        """The tag of the object that was put there, or None where boto3 is to do it, whether or not it was."""
        bucket = self._usable(name) if len(data) <= MAX_BYTES else None
        if bucket is None:
            return None
        from obstore import exceptions, put

        try:
            answer = put(bucket, name, data, attributes={"Content-Type": content_type}, use_multipart=False)
        except ValueError:
            return None
        except (exceptions.BaseError, RuntimeError, OSError):
            self._failed()
            return None
        self._opens_after = self._connection.options.short_way_after
        return tag_of(answer["e_tag"] or "") or None

    def _failed(self) -> None:
        if self._is_open():  # else another thread has found it out at the same moment
            self._opens_after = min(2 * self._opens_after + 1, _MOST_CALLS)
        self._connection.calls_gone_well = 0

    def _is_open(self) -> bool:
        return self._connection.calls_gone_well >= self._opens_after

    def _usable(self, name: str) -> Bucket | None:
        if name.startswith("/") or name.endswith("/"):  # obstore would leave these slashes out
            return None
        if not self._is_open():
            return None
        pid = os.getpid()
        if self._made is None or self._made[0] != pid:
            self._made = (pid, self._make())
        return self._made[1]

    def _make(self) -> Bucket | None:
        """None where obstore is not installed or not usable, and where boto3 has no client for the settings either."""
        global _loaded_by
        if _loaded_by is None:
            _loaded_by = os.getpid()
        if _loaded_by != os.getpid() or not _OTHERS_MEANING.isdisjoint(os.environ):
            return None
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
                config={"aws_endpoint_url_s3": client.meta.endpoint_url},  # before what the environment says
                skip_signature=False,
                region=client.meta.region_name,
                virtual_hosted_style_request=False,
                # Longer than botocore promises, keys must not be kept.
                credential_provider=Boto3CredentialProvider(session, ttl=timedelta(minutes=10)),
                client_options={
                    "allow_http": True,
                    "connect_timeout": f"{options.connect_timeout_s:g}s",
                    "timeout": f"{options.read_timeout_s:g}s",
                },
                retry_config={"max_retries": 0},
            )
        except (VaejobError, BaseError, ValueError):
            return None


_WAYS: dict[tuple[S3Connection, str], ShortWay] = {}


def short_way(connection: S3Connection, bucket: str) -> ShortWay:
    """The process's own for this bucket: stores are opened for each part, and a way takes long to make."""
    return _WAYS.setdefault((connection, bucket), ShortWay(connection, bucket))
