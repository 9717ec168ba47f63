"""The proxy does to a connection what it says, and nothing else: what it proves of Waystate rests on that."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.proxy import Proxy, proxy

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Server:
    """Answers every line with itself, in capitals, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.endings: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.got.append(line)
                writer.write(line.upper())
                await writer.drain()
            self.endings.append("closed")
        except ConnectionError:
            self.endings.append("reset")
        finally:
            writer.close()

    async def ended(self) -> str:
        async with asyncio.timeout(5):
            while not self.endings:  # noqa: ASYNC110 - a plain list signals nobody
                await asyncio.sleep(0.005)
        return self.endings[0]


@pytest.fixture
async def server() -> Server:
    return Server()


@pytest.fixture
async def between(server: Server) -> AsyncIterator[Proxy]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with proxy("127.0.0.1", listening.sockets[0].getsockname()[1]) as between:
        yield between
    listening.close()
    await listening.wait_closed()


@asynccontextmanager
async def line(between: Proxy) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", between.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(line: Line, text: bytes, *, limit: float = 5.0) -> bytes:
    reader, writer = line
    writer.write(text + b"\n")
    async with asyncio.timeout(limit):
        return (await reader.readline()).strip()


async def test_a_well_behaved_line_carries_both_ways(between: Proxy) -> None:
    async with line(between) as one, line(between) as other:
        assert (await ask(one, b"one"), await ask(other, b"other")) == (b"ONE", b"OTHER")
        assert between.connections == 2


async def test_latency_counts_each_way_and_does_not_make_the_line_narrower(between: Proxy) -> None:
    async with line(between) as one:
        assert await ask(one, b"before") == b"BEFORE"
        between.latency = 0.1
        started = time.monotonic()
        assert await ask(one, b"a") == b"A"
        assert 0.2 <= time.monotonic() - started < 0.5
        started = time.monotonic()
        for number in range(20):
            one[1].write(b"%d\n" % number)
            await asyncio.sleep(0.005)
        answers = [await one[0].readline() for _ in range(20)]
        assert answers == [b"%d\n" % number for number in range(20)]
        assert time.monotonic() - started < 1.0, "20 times 0.2 s would be 4 s"


async def test_a_lost_answer_is_one_to_a_request_that_had_its_effect(between: Proxy, server: Server) -> None:
    async with line(between) as one:
        between.loses_answers = True
        with pytest.raises(TimeoutError):
            await ask(one, b"do it", limit=0.2)
        assert (server.got, between.lost) == ([b"do it\n"], len(b"do it\n"))
        between.cut()
        with pytest.raises(ConnectionResetError):
            await one[0].readline()


async def test_a_black_hole_takes_everything_and_keeps_the_connection(between: Proxy, server: Server) -> None:
    async with line(between) as one:
        between.swallows = True
        with pytest.raises(TimeoutError):
            await ask(one, b"anybody?", limit=0.2)
        assert server.got == []
        between.swallows = False
        assert await ask(one, b"again") == b"AGAIN"


async def test_a_cut_is_a_reset_for_both_sides_and_the_port_stays(between: Proxy, server: Server) -> None:
    async with line(between) as one:
        assert await ask(one, b"a") == b"A"
        between.cut()
        with pytest.raises(ConnectionResetError):
            await one[0].readline()
        assert await server.ended() == "reset"
    async with line(between) as another:
        assert await ask(another, b"b") == b"B"


async def test_hanging_up_is_an_end_for_both_sides(between: Proxy, server: Server) -> None:
    async with line(between) as one:
        assert await ask(one, b"a") == b"A"
        between.hang_up()
        assert await one[0].readline() == b""
        assert await server.ended() == "closed"


async def test_refused_connections_are_reset_and_open_ones_live(between: Proxy) -> None:
    async with line(between) as one:
        assert await ask(one, b"a") == b"A"
        between.refuses = True
        async with line(between) as refused:
            with pytest.raises(ConnectionError):
                assert await ask(refused, b"b") == b"", "nothing came"
                raise ConnectionError("ended")
        assert await ask(one, b"c") == b"C"


async def test_an_upstream_that_is_away_is_a_reset_and_comes_back(between: Proxy) -> None:
    there, between.upstream = between.upstream, ("127.0.0.1", 1)
    async with line(between) as one:
        with pytest.raises(ConnectionError):
            assert await ask(one, b"a") == b"", "nothing came"
            raise ConnectionError("ended")
    between.upstream = there
    async with line(between) as one:
        assert await ask(one, b"b") == b"B"


async def test_addresses_lead_through_it_with_their_account_and_database() -> None:
    between = Proxy("127.0.0.1", 5672)
    between.port = 4000
    assert between.url("amqp://guest:guest@localhost:5672/") == "amqp://guest:guest@127.0.0.1:4000/"
    assert between.url("redis://localhost:6379/0") == "redis://127.0.0.1:4000/0"
