"""A TCP proxy before a real server that resets, delays and cuts on request."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")

_CHUNK_BYTES = 64 * 1024
_TIMEOUT_S = 10.0
_LINGER_NOT = struct.pack("ii", 1, 0)  # closing then sends a reset rather than a farewell


class TcpProxy:
    """Passes bytes on to a server on 127.0.0.1, from a thread of its own, and may misbehave meanwhile.

    port: where it listens. refusing: new connections are reset at once. delay_s: whatever comes, from either side, goes
    on so much later.
    """

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.port = 0
        self.refusing = False
        self.delay_s = 0.0
        self._cuts = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tcp-proxy", daemon=True)
        self._ready = threading.Event()
        self._stopping = asyncio.Event()

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(_TIMEOUT_S):
            raise RuntimeError("the proxy does not listen")

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(_TIMEOUT_S)

    def calm(self) -> None:
        """No more faults; what is open stays open."""
        self.refusing = False
        self.delay_s = 0.0
        self._cuts = 0

    def reset_all(self) -> int:
        """Resets every open connection; how many there were."""
        return self._there(self._reset_all())

    def cut_answers(self, answers: int) -> None:
        """Of so many of the next answers only the first half is passed on; then that connection is closed."""
        self._cuts = answers

    def _there(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_TIMEOUT_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        await self._reset_all()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # for transports to close their sockets

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            _reset(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            _reset(writer)  # as if nothing listened here either
            return
        pair = (writer, up_writer)
        self._pairs.add(pair)
        try:
            pumps = [
                self._loop.create_task(self._pump(reader, up_writer, answers=False)),
                self._loop.create_task(self._pump(up_reader, writer, answers=True)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._pairs.discard(pair)
            for end in pair:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                is_cut = answers and self._cuts > 0
                writer.write(data[: len(data) // 2] if is_cut else data)
                await writer.drain()
                if is_cut:
                    self._cuts -= 1
                    return

    async def _reset_all(self) -> int:
        pairs = list(self._pairs)
        for pair in pairs:
            for end in pair:
                _reset(end)
        return len(pairs)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


@contextmanager
def proxied(upstream_port: int) -> Iterator[TcpProxy]:
    """A running proxy, stopped at the end."""
    proxy = TcpProxy(upstream_port)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
