"""A small web server on loopback that shows one job's folder of the store, read anew for every request."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import PurePosixPath
from socketserver import TCPServer
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from producer.output import note
from vae_core.errors import ObjectChanged, ObjectMissing, ObjectTooLarge, StoreUnavailable, VaejobError
from vae_core.storage.base import CHUNK_BYTES, Store, StoredObject

HOST = "127.0.0.1"
INDEX = "index.html"
CONTENT_TYPES = {
    ".gif": "image/gif",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".png": "image/png",
    ".tar": "application/x-tar",
    ".webp": "image/webp",
}
_OTHER = "application/octet-stream"
_TEXT = "text/plain; charset=utf-8"
_HTTP_PORT = 80
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class Answer(NamedTuple):
    """What a request is answered with.

    body: in pieces, each read as it is sent. size_bytes: of the body, which the answer to a HEAD leaves out. tag: an
    ETag. content_range: which bytes of the whole they are, where not all of it was asked for.
    """

    status: HTTPStatus
    content_type: str
    body: Iterable[bytes]
    size_bytes: int
    tag: str = ""
    content_range: str = ""


class PageServer(ThreadingHTTPServer):
    """Serves what lies below `root` of the store, and nothing else, to browsers on this machine.

    root: ends in a slash. port: 0 for any that is free. Raises OSError for a port that cannot be had. Nothing is
    listed or written, and a request that names another host than this server's own address is refused: a page from
    elsewhere whose name was made to point here (DNS rebinding) reads nothing.
    """

    daemon_threads = True

    def __init__(self, store: Store, root: str, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.store = store
        self.root = root
        names = (HOST, "localhost")
        # Browsers leave the usual port out.
        usual = names if self.server_port == _HTTP_PORT else ()
        self.hosts = frozenset({f"{name}:{self.server_port}" for name in names}.union(usual))

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/"

    def server_bind(self) -> None:
        """As in the base class, which would also ask for this machine's name, and that may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is nothing to tell of; anything else is a line. The server goes on."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            note(f"a request was not answered: {type(error).__name__}: {error}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "vaejob"
    sys_version = ""
    timeout = 60  # seconds that an idle connection is kept
    error_content_type = _TEXT
    error_message_format = "%(code)d %(message)s\n"
    server: PageServer

    def do_GET(self) -> None:
        self._send(self._answer(with_body=True), with_body=True)

    def do_HEAD(self) -> None:
        self._send(self._answer(with_body=False), with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the terminal shows the address, and nothing needs to be watched."""

    def _answer(self, *, with_body: bool) -> Answer:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            return _refusal(HTTPStatus.FORBIDDEN, f"this server answers only for {self.server.url}")
        name = name_of(self.path)
        if name is None:
            return _refusal(HTTPStatus.NOT_FOUND, "no such file in this job")
        try:
            return self._file(name, with_body=with_body)
        except ObjectMissing:
            return _refusal(HTTPStatus.NOT_FOUND, "no such file in this job")
        except ObjectChanged:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the file was replaced just now: reload the page")
        except StoreUnavailable as error:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except VaejobError as error:  # the store refuses; the page shows what it got before
            return _refusal(HTTPStatus.BAD_GATEWAY, str(error))

    def _file(self, name: str, *, with_body: bool) -> Answer:
        store, key = self.server.store, self.server.root + name
        content_type = CONTENT_TYPES.get(PurePosixPath(name).suffix.lower(), _OTHER)
        known, wanted = self.headers.get("If-None-Match"), self.headers.get("Range")
        if not (known or wanted) and with_body:
            try:
                blob = store.read(key, max_bytes=CHUNK_BYTES)
                return Answer(HTTPStatus.OK, content_type, (blob.data,), len(blob.data), _etag(blob.tag))
            except ObjectTooLarge:
                pass  # it is sent in pieces
        found = store.stat(key)
        if found is None:
            return _refusal(HTTPStatus.NOT_FOUND, "no such file in this job")
        tag = _etag(found.tag)
        if known == tag:
            return Answer(HTTPStatus.NOT_MODIFIED, content_type, (), 0, tag)
        if not with_body:
            return Answer(HTTPStatus.OK, content_type, (), found.size_bytes, tag)
        if wanted and self.headers.get("If-Range", tag) == tag:
            extent = range_of(wanted, found.size_bytes)
            if extent is not None:
                return self._extent(key, content_type, found, extent)
        body = self._chunks(key, found, range(found.size_bytes))
        return Answer(HTTPStatus.OK, content_type, body, found.size_bytes, tag)

    def _extent(self, key: str, content_type: str, found: StoredObject, extent: range) -> Answer:
        """Some bytes of the file; none where it has none of those that were asked for."""
        if not extent:
            refused = _refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"the file has {found.size_bytes:,} bytes")
            return refused._replace(content_range=f"bytes */{found.size_bytes}")
        where = f"bytes {extent.start}-{extent.stop - 1}/{found.size_bytes}"
        return Answer(
            HTTPStatus.PARTIAL_CONTENT,
            content_type,
            self._chunks(key, found, extent),
            len(extent),
            _etag(found.tag),
            where,
        )

    def _chunks(self, key: str, found: StoredObject, extent: range) -> Iterator[bytes]:
        """These bytes of the version that was found; the first are read at once, so that what is wrong is answered."""
        chunks = self.server.store.stream(key, start=extent.start, size_bytes=len(extent), if_tag=found.tag)
        return chain((next(chunks, b""),), chunks)

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(answer.size_bytes))
        if answer.content_range:
            self.send_header("Content-Range", answer.content_range)
        if answer.tag:
            self.send_header("ETag", answer.tag)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-cache")  # kept, but asked for again: a job may be resumed
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if with_body:
            self._send_body(answer)

    def _send_body(self, answer: Answer) -> None:
        """What breaks off in the middle ends the connection, so that the browser does not take it for whole."""
        try:
            for chunk in answer.body:
                self.wfile.write(chunk)
        except VaejobError as error:
            self.close_connection = True
            note(f"{self.path} broke off: {error}")


def name_of(path: str) -> str | None:
    """The file of the job that a request's path means, `/` being the page; None for what can be no file below it."""
    try:
        name = unquote_to_bytes(urlsplit(path).path).decode()
    except ValueError:
        return None
    if not name.startswith("/") or "\0" in name:
        return None
    if name == "/":
        return INDEX
    segments = name[1:].split("/")
    return None if any(segment in ("", ".", "..") for segment in segments) else name[1:]


def range_of(header: str, size_bytes: int) -> range | None:
    """The bytes that a Range header asks for (RFC 9110, section 14), empty where the file has none of them.

    None for more than one range, or a header that is none: the whole file is the right answer then.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last so many
        return range(max(0, size_bytes - int(found[2])), size_bytes)
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return None
    return range(first, min(size_bytes, int(found[2]) + 1) if found[2] else size_bytes)


def _refusal(status: HTTPStatus, message: str) -> Answer:
    body = f"{status.value} {status.phrase}: {message}\n".encode()
    return Answer(status, _TEXT, (body,), len(body))


def _etag(tag: str) -> str:
    """The store's tag as an ETag: any text may be in the one, only some letters in the other."""
    return f'"{hashlib.sha256(tag.encode()).hexdigest()[:32]}"'
