"""The server of `vaejob open`, asked over real sockets."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest

from producer.serving import PageServer
from vae_core.storage.base import Store
from vae_core.storage.folder import FolderStore

FILES = {
    "index.html": (b"<p>a page", "text/html; charset=utf-8"),
    "manifest.jsonl": (b"{}\n", "application/x-ndjson"),
    "summary.json": (b"{}", "application/json"),
    "grid.png": (b"png", "image/png"),
    "sheets/00000.jpg": (b"atlas", "image/jpeg"),
    "images/a b/%2E%2E/\u00e9.JPG": (b"jpeg", "image/jpeg"),
    "_SUCCESS": (b"", "application/octet-stream"),
}


@contextmanager
def running(store: Store) -> Iterator[PageServer]:
    with PageServer(store, "jobs/j/") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server(store: Store) -> Iterator[PageServer]:
    for name, (data, _) in FILES.items():
        store.write(f"jobs/j/{name}", data)
    store.write("jobs/other/index.html", b"secret")
    store.write("jobs/j2/index.html", b"secret")
    store.write("open/j", b"")
    with running(store) as server:
        yield server


def ask(
    server: PageServer, path: str, method: str = "GET", host: str | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=host is not None)
        for name, value in {**({"Host": host} if host else {}), **named}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("name", FILES)
def test_file_comes_with_its_type_and_length_when_it_is_asked_for(server: PageServer, name: str) -> None:
    data, content_type = FILES[name]
    answer, body = ask(server, f"/{quote(name)}?query=1")
    assert (answer.status, body) == (200, data)
    assert answer.getheader("Content-Type") == content_type
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    head, nothing = ask(server, f"/{quote(name)}", "HEAD")
    assert (head.status, nothing) == (200, b"")
    assert head.getheader("Content-Length") == str(len(data))
    assert head.getheader("ETag") == answer.getheader("ETag")


def test_page_comes_when_nothing_is_named(server: PageServer) -> None:
    assert ask(server, "/")[1] == b"<p>a page"


@pytest.mark.parametrize(
    "path",
    [
        "/missing.png",
        "/images",
        "/images/",
        "/../other/index.html",
        "/%2e%2e/other/index.html",
        "/images/../../other/index.html",
        "/..%2Fother%2Findex.html",
        "//jobs/other/index.html",
        "/./index.html",
        "/jobs/other/index.html",
        "/index.html%00.png",
        "/%ff%fe",
        "/../j2/index.html",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_else_comes_when_it_is_asked_for(server: PageServer, path: str, method: str) -> None:
    answer, body = ask(server, path, method)
    assert answer.status == 404
    assert answer.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert body == (b"404 Not Found: no such file in this job\n" if method == "GET" else b"")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}"]
)
def test_request_is_refused_when_it_names_another_host(server: PageServer, host: str) -> None:
    answer, body = ask(server, "/", host=host.format(port=server.server_port))
    assert answer.status == 403
    assert b"page" not in body


def test_request_is_answered_when_it_names_localhost(server: PageServer) -> None:
    assert ask(server, "/", host=f"localhost:{server.server_port}")[0].status == 200


def test_request_is_refused_when_it_names_no_host(server: PageServer) -> None:
    assert ask(server, "/", host="")[0].status == 403


def test_file_comes_once_when_the_browser_has_it_already(server: PageServer, store: Store) -> None:
    tag = ask(server, "/grid.png")[0].getheader("ETag")
    assert tag is not None
    answer, body = ask(server, "/grid.png", If_None_Match=tag)
    assert (answer.status, body) == (304, b"")
    store.write("jobs/j/grid.png", b"another")
    answer, body = ask(server, "/grid.png", If_None_Match=tag)
    assert (answer.status, body) == (200, b"another")
    store.delete(["jobs/j/grid.png"])
    assert ask(server, "/grid.png", If_None_Match=tag)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_is_written_when_another_method_is_used(server: PageServer, method: str) -> None:
    answer, body = ask(server, "/index.html", method)
    assert answer.status == 501
    assert answer.getheader("Content-Type") == "text/plain; charset=utf-8"
    assert b"<" not in body


def test_refusal_of_the_store_is_told_in_a_line_when_it_cannot_be_used(store: Store) -> None:
    with running(FolderStore("/nowhere/at/all", create_root=False)) as server:
        answer, body = ask(server, "/index.html")
    assert answer.status == 502
    assert b"there is no such folder" in body
    assert body.count(b"\n") == 1


def test_server_goes_on_when_a_browser_leaves_in_the_middle(
    server: PageServer, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write("jobs/j/images/big.png", bytes(20_000_000))
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.server_port)) as leaving:
            host = f"127.0.0.1:{server.server_port}"
            leaving.sendall(f"GET /images/big.png HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            leaving.recv(1000)
            leaving.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert ask(server, "/")[0].status == 200
    assert capsys.readouterr().err == ""


def test_only_this_machine_is_served_when_the_server_runs(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


TEN = b"0123456789"


@pytest.mark.parametrize(
    ("header", "expected", "content_range"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", TEN, "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_only_those_bytes_come_when_a_range_is_asked_for(
    server: PageServer, store: Store, header: str, expected: bytes, content_range: str
) -> None:
    store.write("jobs/j/shards/00000.tar", TEN)
    answer, body = ask(server, "/shards/00000.tar", Range=header)
    assert (answer.status, body) == (206, expected)
    assert answer.getheader("Content-Range") == content_range
    assert answer.getheader("Content-Length") == str(len(expected))


@pytest.mark.parametrize(
    "header", ["bytes=4-2", "bytes=0-1,4-5", "lines=0-1", "bytes=-", "bytes=a-b", "", "bytes= 1-2"]
)
def test_whole_file_comes_when_the_range_is_none(server: PageServer, store: Store, header: str) -> None:
    store.write("jobs/j/shards/00000.tar", TEN)
    answer, body = ask(server, "/shards/00000.tar", Range=header)
    assert (answer.status, body) == (200, TEN)


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_range_is_refused_when_the_file_ends_before_it(server: PageServer, store: Store, header: str) -> None:
    store.write("jobs/j/shards/00000.tar", TEN)
    answer, body = ask(server, "/shards/00000.tar", Range=header)
    assert (answer.status, answer.getheader("Content-Range")) == (416, "bytes */10")
    assert body.count(b"\n") == 1


def test_whole_file_comes_when_the_range_is_of_an_older_one(server: PageServer, store: Store) -> None:
    store.write("jobs/j/shards/00000.tar", TEN)
    tag = ask(server, "/shards/00000.tar", "HEAD")[0].getheader("ETag") or ""
    assert ask(server, "/shards/00000.tar", Range="bytes=1-2", If_Range=tag)[0].status == 206
    store.write("jobs/j/shards/00000.tar", b"another")
    answer, body = ask(server, "/shards/00000.tar", Range="bytes=1-2", If_Range=tag)
    assert (answer.status, body) == (200, b"another")
