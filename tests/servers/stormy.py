"""An HTTP proxy before a real S3 server with storms: for some time a share of the requests goes wrong."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

from tests.servers.faults import Fault, FaultyServer, refusal, running

_REMEMBERED = 1000


class StormyServer(FaultyServer):
    """A FaultyServer that can run for hours.

    conditional_puts: with False a put that must not replace anything is answered 501, as servers do that know none.
    hits: requests that a storm has hit so far.
    """

    request_queue_size = 128  # a fleet opens dozens of connections at once

    def __init__(self, upstream_port: int, *, conditional_puts: bool = True, seed: int = 0) -> None:
        super().__init__(upstream_port)
        self.requests = deque(maxlen=_REMEMBERED)  # type: ignore[assignment]  # only ever appended to
        self.hits = 0
        self._conditional_puts = conditional_puts
        self._storm: Fault | None = None
        self._share = 0.0
        self._draw = random.Random(seed)
        self._storm_lock = threading.Lock()

    def storm(self, fault: Fault, share: float) -> None:
        """From now until `calm`, this happens to a share of the requests, drawn one by one."""
        with self._storm_lock:
            self._storm, self._share = fault, share

    def calm(self) -> None:
        with self._storm_lock:
            self._storm = None

    def take(self, request: BaseHTTPRequestHandler) -> Fault | None:
        with self._storm_lock:
            if self._storm is not None and self._draw.random() < self._share:
                self.hits += 1
                return replace(self._storm)
        if not self._conditional_puts and request.command == "PUT" and request.headers.get("If-None-Match"):
            return Fault(answer=refusal(501, "NotImplemented"))
        return super().take(request)


@contextmanager
def stormy(upstream_port: int, *, conditional_puts: bool = True, seed: int = 0) -> Iterator[StormyServer]:
    """A running proxy, stopped at the end."""
    server = StormyServer(upstream_port, conditional_puts=conditional_puts, seed=seed)
    with running(server):
        yield server
