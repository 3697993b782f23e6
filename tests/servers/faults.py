"""An HTTP proxy before a real S3 server that misbehaves on request."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass
class Fault:
    """What to do to the next `times` requests that match.

    answer: send this status with this body and headers instead of asking the server.
    cut: ask the server, promise its whole body, send half of it and close.
    lose: ask the server, then reset the connection without a word. reset: the same without asking.
    hold_s: wait before going on, or until the proxy stops. strip: pass on without this header. first: called before.
    """

    times: int = 1
    method: str = ""
    path_contains: str = ""
    answer: tuple[int, bytes, dict[str, str]] | None = None
    cut: bool = False
    lose: bool = False
    reset: bool = False
    hold_s: float = 0.0
    strip: str = ""
    first: Callable[[], object] | None = None
    matches: Callable[[BaseHTTPRequestHandler], bool] = field(default=lambda request: True)


def refusal(status: int, code: str = "", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """An S3 error answer; without a code, one with an empty body, as some servers send."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode() if code else b""
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(f"{self.command} {self.path}")
        self.server.agents.append(self.headers.get("User-Agent") or "")
        fault = self.server.take(self) or Fault()
        if fault.first is not None:
            fault.first()
        if fault.hold_s:
            self.server.stopping.wait(fault.hold_s)
        if fault.reset:
            self._reset()
            return
        if fault.answer is not None:
            status, content, headers = fault.answer
        else:
            status, content, headers = self._ask(body, fault.strip)
        if fault.lose:
            self._reset()
            return
        self._answer(status, content, headers, cut=fault.cut)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - the names http.server looks for

    def _ask(self, body: bytes, strip: str) -> tuple[int, bytes, dict[str, str]]:
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.upstream_port, timeout=30)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != strip.lower()}
            upstream.request(self.command, self.path, body=body, headers=headers)
            answer = upstream.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            upstream.close()

    def _answer(self, status: int, content: bytes, headers: dict[str, str], *, cut: bool) -> None:
        self.send_response(status)
        # The answer to a HEAD has a length and no body.
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            sent = content[: len(content) // 2] if cut else content
            self.wfile.write(sent)
            self.server.body_bytes += len(sent)
        if cut:
            self.close_connection = True

    def _reset(self) -> None:
        # Lingering for 0 s makes close send a reset rather than a farewell.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `requests` holds what came."""


class FaultyServer(ThreadingHTTPServer):
    """Passes requests on to a server on 127.0.0.1 unless a fault is waiting for them.

    requests: method and path of each, in order of arrival; agents: who sent it. body_bytes: of bodies sent to clients.
    """

    daemon_threads = True

    def __init__(self, upstream_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream_port = upstream_port
        self.requests: list[str] = []
        self.agents: list[str] = []
        self.body_bytes = 0
        self.stopping = threading.Event()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def plan(self, *faults: Fault) -> None:
        """Add faults; of those that match a request the first one is used."""
        with self._lock:
            self._faults.extend(faults)

    def reset(self) -> None:
        """Forget faults and what was counted."""
        with self._lock:
            self._faults.clear()
        self.requests.clear()
        self.agents.clear()
        self.body_bytes = 0

    def take(self, request: BaseHTTPRequestHandler) -> Fault | None:
        """The fault for this request, used up once."""
        with self._lock:
            for fault in self._faults:
                fits = fault.method in ("", request.command) and fault.path_contains in request.path
                if fault.times > 0 and fits and fault.matches(request):
                    fault.times -= 1
                    return fault
        return None

    def shutdown_request(self, request: Any) -> None:
        """Close without the polite shutdown of the base class, which would send a farewell before a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what these tests are about."""


@contextmanager
def faulty(upstream_port: int) -> Iterator[FaultyServer]:
    """A running proxy, stopped at the end."""
    server = FaultyServer(upstream_port)
    with running(server):
        yield server


@contextmanager
def running(server: FaultyServer) -> Iterator[None]:
    """Serves meanwhile."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
