"""The proxies do what the faults ask of them, and nothing else."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.servers.faults import Fault, refusal
from tests.servers.redis import RedisServer
from tests.servers.s3 import MotoServer
from tests.servers.stormy import StormyServer, stormy
from tests.servers.tcp_proxy import TcpProxy, proxied
from vae_core.storage.opening import open_store


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[TcpProxy]:
    with proxied(redis_server.port) as running:
        yield running


@contextmanager
def connected(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        yield connection


def echoed(connection: socket.socket, size_bytes: int = 10) -> bytes:
    """What Redis says to an ECHO of so many bytes."""
    connection.sendall(b"*2\r\n$4\r\nECHO\r\n$%d\r\n%s\r\n" % (size_bytes, b"x" * size_bytes))
    wanted = len(b"$%d\r\n" % size_bytes) + size_bytes + 2
    answer = b""
    while len(answer) < wanted and (data := connection.recv(65536)):
        answer += data
    return answer


def test_bytes_pass_unchanged_when_nothing_is_asked(proxy: TcpProxy) -> None:
    with connected(proxy) as connection:
        assert echoed(connection, 1_000_000) == b"$1000000\r\n" + b"x" * 1_000_000 + b"\r\n"


def test_open_connections_break_when_they_are_reset(proxy: TcpProxy) -> None:
    with connected(proxy) as connection:
        echoed(connection)
        assert proxy.reset_all() == 1
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connected(proxy) as connection:
        assert echoed(connection)


def test_no_connection_comes_about_when_refusing(proxy: TcpProxy) -> None:
    proxy.refusing = True
    with pytest.raises(ConnectionError), connected(proxy) as connection:
        connection.recv(1)
    proxy.calm()
    with connected(proxy) as connection:
        assert echoed(connection)


def test_answers_are_late_when_delayed(proxy: TcpProxy) -> None:
    with connected(proxy) as connection:
        echoed(connection)
        proxy.delay_s = 0.3
        began = time.monotonic()
        assert echoed(connection) == b"$10\r\nxxxxxxxxxx\r\n"
        assert time.monotonic() - began >= 0.6  # there and back


def test_half_an_answer_comes_when_it_is_cut(proxy: TcpProxy) -> None:
    proxy.cut_answers(1)
    with connected(proxy) as connection:
        assert echoed(connection) == b"$10\r\nxxx"
    with connected(proxy) as connection:
        assert echoed(connection) == b"$10\r\nxxxxxxxxxx\r\n"


def test_nothing_answers_when_the_server_is_away(proxy: TcpProxy) -> None:
    proxy.upstream_port = 1  # nobody listens there
    with pytest.raises(ConnectionError), connected(proxy) as connection:
        connection.recv(1)


def asked(server: StormyServer) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_every_request_goes_wrong_when_the_storm_is_whole(s3_moto: MotoServer) -> None:
    with stormy(s3_moto.port) as server:
        assert asked(server)[0] == 200
        server.storm(Fault(answer=refusal(503, "SlowDown")), share=1.0)
        assert [asked(server)[0] for _ in range(3)] == [503, 503, 503]
        server.storm(Fault(cut=True), share=1.0)
        with pytest.raises(http.client.IncompleteRead):
            asked(server)
        server.storm(Fault(reset=True), share=1.0)
        with pytest.raises(ConnectionError):
            asked(server)
        server.calm()
        assert asked(server)[0] == 200
        assert server.hits == 5


def test_some_requests_go_wrong_when_the_storm_is_not_whole(s3_moto: MotoServer) -> None:
    with stormy(s3_moto.port, seed=1) as server:
        server.storm(Fault(answer=refusal(503, "SlowDown")), share=0.5)
        assert {asked(server)[0] for _ in range(30)} == {200, 503}


def test_one_create_wins_when_conditional_puts_are_refused(s3_moto: MotoServer) -> None:
    with stormy(s3_moto.port, conditional_puts=False) as server:
        options = replace(s3_moto.options, endpoint_url=server.url)
        store = open_store(f"s3://{s3_moto.make_bucket()}", s3=options)
        assert store.create("key", b"first")
        assert not store.create("key", b"second")
        assert store.read("key").data == b"first"
        assert any(request.startswith("PUT") for request in server.requests)
