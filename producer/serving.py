"""A small web server on loopback that shows one job's folder of the store, read anew for every request."""

from __future__ import annotations

import hashlib
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from socketserver import TCPServer
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from producer.output import note
from vae_core.errors import ObjectMissing, StoreUnavailable, VaejobError
from vae_core.storage.base import Store

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


class Answer(NamedTuple):
    """What a request is answered with. size_bytes: of the body, which the answer to a HEAD leaves out. tag: an ETag."""

    status: HTTPStatus
    content_type: str
    body: bytes
    size_bytes: int
    tag: str = ""


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
        except StoreUnavailable as error:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except VaejobError as error:  # the store refuses; the page shows what it got before
            return _refusal(HTTPStatus.BAD_GATEWAY, str(error))

    def _file(self, name: str, *, with_body: bool) -> Answer:
        store, key = self.server.store, self.server.root + name
        content_type = CONTENT_TYPES.get(PurePosixPath(name).suffix.lower(), _OTHER)
        known = self.headers.get("If-None-Match")
        if known or not with_body:
            found = store.stat(key)
            if found is None:
                return _refusal(HTTPStatus.NOT_FOUND, "no such file in this job")
            tag = _etag(found.tag)
            if known == tag:
                return Answer(HTTPStatus.NOT_MODIFIED, content_type, b"", 0, tag)
            if not with_body:
                return Answer(HTTPStatus.OK, content_type, b"", found.size_bytes, tag)
        blob = store.read(key)
        return Answer(HTTPStatus.OK, content_type, blob.data, len(blob.data), _etag(blob.tag))

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        if answer.status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(answer.size_bytes))
        if answer.tag:
            self.send_header("ETag", answer.tag)
        self.send_header("Cache-Control", "no-cache")  # kept, but asked for again: a job may be resumed
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)


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


def _refusal(status: HTTPStatus, message: str) -> Answer:
    body = f"{status.value} {status.phrase}: {message}\n".encode()
    return Answer(status, _TEXT, body, len(body))


def _etag(tag: str) -> str:
    """The store's tag as an ETag: any text may be in the one, only some letters in the other."""
    return f'"{hashlib.sha256(tag.encode()).hexdigest()[:32]}"'
