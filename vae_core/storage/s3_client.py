"""The S3 client of a process: how it is set up, shared between threads, and called with retries."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.session
from boto3.session import Session
from botocore.config import Config

from vae_core.errors import StoreError
from vae_core.storage.retry import Retry
from vae_core.storage.s3_errors import FAILURES, translated

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

T = TypeVar("T")
_UNUSED = re.compile(rb"<(LastModified|StorageClass|ChecksumAlgorithm|ChecksumType)>[^<]*</\1>")


@dataclass(frozen=True, slots=True)
class S3Options:
    """How to reach a server, and how long to wait for it. None: what boto3 finds in AWS_* variables and its own files.

    pool_size: connections kept open, one per thread that uses the store at once.
    connect_timeout_s: for each address of the endpoint; read_timeout_s: between two bytes of an answer.
    retry: what happens when there is none. With nothing at the address a call fails within about 6 s.
    short_way_after: how many calls in a row go well before obstore is used (see `s3_fast`).
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    pool_size: int = 32
    connect_timeout_s: float = 3.0
    read_timeout_s: float = 20.0
    retry: Retry = field(default_factory=Retry)
    short_way_after: int = 16


class S3Connection:
    """A client that is made on first use and made anew after a fork: sockets and locks do not survive one.

    calls_gone_well: how many in a row, up to now.
    """

    def __init__(self, options: S3Options) -> None:
        self.options = options
        self.calls_gone_well = 0
        self._made: tuple[int, Session, S3Client] | None = None
        # One lock per process: a child may be forked while another thread of its parent holds the parent's.
        self._locks: dict[int, threading.Lock] = {}
        # What was made before a fork is kept: collecting it in the child would tidy up connections of the parent.
        self._inherited: list[tuple[int, Session, S3Client]] = []

    def made(self, what: str) -> tuple[Session, S3Client]:
        """The session and the client of this process. Raises StoreError if boto3 cannot make one from its settings."""
        pid = os.getpid()
        made = self._made
        if made is not None and made[0] == pid:
            return made[1:]
        with self._locks.setdefault(pid, threading.Lock()):
            made = self._made
            if made is not None and made[0] == pid:
                return made[1:]
            if made is not None:
                self._inherited.append(made)
            self._made = (pid, *self._make(what))
            return self._made[1:]

    def call(self, what: str, operation: Callable[[S3Client], T]) -> T:
        """What `operation` returns, retried while the store is unavailable.

        what: reads like `s3://bucket/prefix: key 'a/b'`. Whatever botocore raises leaves as StoreError or
        StoreUnavailable; the operation turns answers that it expects (404, 412) into results or other errors itself.
        """

        def attempt() -> T:
            _, client = self.made(what)
            try:
                result = operation(client)
            except FAILURES as exc:
                self.calls_gone_well = 0
                raise translated(exc, what, self._endpoint(client)) from exc
            self.calls_gone_well += 1
            return result

        return self.options.retry.run(attempt)

    def _endpoint(self, client: S3Client) -> str:
        return self.options.endpoint_url or client.meta.endpoint_url

    def _make(self, what: str) -> tuple[Session, S3Client]:
        options = self.options
        config = Config(
            connect_timeout=options.connect_timeout_s,
            read_timeout=options.read_timeout_s,
            max_pool_connections=options.pool_size,
            tcp_keepalive=True,
            # Retries happen in one place, ours: botocore's would multiply with it, and do not cover a body cut short.
            retries={"mode": "standard", "total_max_attempts": 1},
            # Newer checksums break servers that do not know them. What a job writes is held against its own SHA-256s.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            # A session of its own: boto3's default one must not be shared between threads while a client is made.
            core = botocore.session.get_session()
            # Three quarters of what a listing costs went into dates, which nobody here looks at.
            core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=lambda text: text)
            session = Session(
                botocore_session=core,
                region_name=options.region,
                aws_access_key_id=options.access_key_id,
                aws_secret_access_key=options.secret_access_key,
                aws_session_token=options.session_token,
            )
            client = session.client("s3", config=config, endpoint_url=options.endpoint_url)
        except FAILURES as exc:
            raise translated(exc, what, options.endpoint_url) from exc
        except ValueError as exc:
            raise StoreError(
                f"{what}: the S3 endpoint is not a valid address; "
                "expected AWS_ENDPOINT_URL like https://s3.example.org or http://127.0.0.1:9000"
            ) from exc
        client.meta.events.register_first("before-parse.s3.ListObjectsV2", trim_page)
        return session, client


def trim_page(response_dict: dict[str, Any], **_: object) -> None:
    """Takes out of a page of a listing what nobody here looks at: a sixth of botocore's time goes into it."""
    response_dict["body"] = _UNUSED.sub(b"", response_dict["body"])


_CONNECTIONS: dict[tuple[S3Options, frozenset[tuple[str, str]]], S3Connection] = {}


def shared_connection(options: S3Options) -> S3Connection:
    """The process's connection for these options: making a client takes a quarter of a second and some megabytes.

    boto3's own variables take part, as a client keeps what they said when it was made.
    """
    variables = frozenset((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _CONNECTIONS.setdefault((options, variables), S3Connection(options))


def tag_of(etag: str) -> str:
    """An ETag as it is compared: some servers quote it in one answer and not in another."""
    return etag.removeprefix("W/").strip('"')
