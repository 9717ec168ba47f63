"""A TCP proxy that misbehaves on demand: latency, cuts, black holes, lost answers; between Waystate and any of its servers."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 1 << 16
_ON_THE_WAY = 64
"""Chunks in one direction; then the sender has to wait, as on a real line."""
_NOT_POLITE = struct.pack("ii", 1, 0)


class Proxy:
    """Its port stays the same whatever happens to `upstream`. The switches hold for open connections too.

    A host that begins with a slash is a socket's path.
    """

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.port = 0
        self.latency = 0.0
        """Seconds that everything takes, each way; it does not make the line narrower."""
        self.swallows = False
        """Everything is taken and nothing arrives, either way, as on a line whose packets are dropped."""
        self.loses_answers = False
        """Requests arrive and have their effect; their answers do not. A cut afterwards makes that an outcome nobody knows."""
        self.refuses = False
        """New connections are reset at once."""
        self.carried = 0
        self.lost = 0
        """Bytes, of both directions together."""
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        return len(self._tasks)

    def url(self, url: str) -> str:
        """The same address by way of this proxy."""
        parts = urlsplit(url)
        account, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{account}{at}127.0.0.1:{self.port}"))

    def cut(self) -> None:
        """A reset for both sides of every connection; what is on its way is gone."""
        for end in list(self._ends):
            _reset(end)

    def hang_up(self) -> None:
        """A polite end for both sides of every connection."""
        for end in list(self._ends):
            end.close()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def close(self) -> None:
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            return _reset(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        try:
            # A connection that is reset before its other half is there, is found by that half's first write.
            answers, there = await self._connect()
            ends.append(there)
            self._ends.update(ends)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, there, lambda: self.swallows))
                both.create_task(self._carry(answers, writer, lambda: self.swallows or self.loses_answers))
        except (OSError, ExceptionGroup):
            pass  # one side is gone, and takes the other with it
        finally:
            for end in ends:
                self._ends.discard(end)
                _reset(end)
            self._tasks.discard(task)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.upstream
        return await (asyncio.open_unix_connection(host) if host.startswith("/") else asyncio.open_connection(host, port))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_lost: Callable[[], bool]) -> None:
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_WAY)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._take(reader, line))
            ends.create_task(self._deliver(line, writer, is_lost))

    async def _take(self, reader: asyncio.StreamReader, line: asyncio.Queue[tuple[float, bytes]]) -> None:
        while True:
            chunk = await reader.read(_CHUNK)
            await line.put((time.monotonic() + self.latency, chunk))
            if not chunk:
                return

    async def _deliver(
        self, line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, is_lost: Callable[[], bool]
    ) -> None:
        while True:
            due, chunk = await line.get()
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if not chunk:
                with suppress(OSError, RuntimeError):
                    writer.write_eof()
                return
            if is_lost():
                self.lost += len(chunk)
                continue
            writer.write(chunk)
            await writer.drain()
            self.carried += len(chunk)


@asynccontextmanager
async def proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    between = Proxy(host, port)
    server = await between.open()
    try:
        yield between
    finally:
        server.close()
        await between.close()
        await server.wait_closed()


def _reset(end: asyncio.StreamWriter) -> None:
    connection = end.get_extra_info("socket")
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOT_POLITE)
    end.transport.abort()
