"""The server of `vaejob open` in front of a bucket: what comes, and what is said while the bucket is unwell."""

from __future__ import annotations

import dataclasses
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest

from producer.serving import PageServer
from tests.servers.faults import Fault, FaultyServer, faulty, refusal
from tests.servers.s3 import MotoServer
from vae_core.storage.opening import open_store
from vae_core.storage.retry import Retry

QUICK = Retry(attempts=2, base_s=0.01, cap_s=0.05)


@pytest.fixture
def proxy(s3_moto: MotoServer) -> Iterator[FaultyServer]:
    with faulty(s3_moto.port) as server:
        yield server


@pytest.fixture
def server(s3_moto: MotoServer, proxy: FaultyServer) -> Iterator[PageServer]:
    options = dataclasses.replace(s3_moto.options, endpoint_url=proxy.url, retry=QUICK)
    store = open_store(f"s3://{s3_moto.make_bucket()}/deep/prefix", s3=options)
    store.write("jobs/j/index.html", b"<p>a page", content_type="text/html")
    store.write("jobs/j/images/a%2Fb.png", b"png")
    with PageServer(store, "jobs/j/") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server: PageServer, name: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(server.url + name, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with closing(error):
            return error.code, error.read()


def test_files_come_out_of_the_bucket_when_they_are_there(server: PageServer) -> None:
    assert ask(server, "") == (200, b"<p>a page")
    assert ask(server, "images/a%252Fb.png") == (200, b"png")
    assert ask(server, "images/a%2Fb.png") == (404, b"404 Not Found: no such file in this job\n")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [(503, "SlowDown", 503), (500, "InternalError", 503), (403, "AccessDenied", 502)],
)
def test_trouble_is_told_in_a_line_when_the_bucket_has_some(
    server: PageServer, proxy: FaultyServer, status: int, code: str, expected: int
) -> None:
    proxy.plan(Fault(2 if expected == 503 else 1, method="GET", answer=refusal(status, code)))
    answered, body = ask(server, "index.html")
    assert answered == expected
    assert body.startswith(f"{expected} ".encode())
    assert body.count(b"\n") == 1
    assert b"Traceback" not in body
    assert ask(server, "index.html") == (200, b"<p>a page")
