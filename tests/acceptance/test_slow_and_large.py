"""W6: bodies without end and callers without haste cost a bounded memory, and nobody else notices."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest

from tests.acceptance.installation import APP, NUMBER, TENANT, customer_message, envelope, installed, rendered
from tests.acceptance.outsiders import OF_A_KEY, key_caller
from tests.acceptance.served import free_port, served
from tests.databases import Databases
from tests.servers.forked import PROGRAM
from waystate.simulator.webhooks import hex_signature
from waystate.web.bodies import DRAIN_TIME, DRAINED, QUIET

MIB = 1 << 20
LIMIT = 4 * MIB
SLOW, FAT, LARGE, OTHERS = 100, 70, 20, 200
KEEP_ALIVE = 4
"""Seconds, here; an installation's are 75."""
ALLOWED = 160 * MIB
"""For all of them together; the fat ones alone, each kept as far as it may come, would be 280 MiB."""
WEBHOOK = f"/webhooks/whatsapp/{APP.id}"
OPEN = (WEBHOOK, "/v1/auth/login")
"""What takes bodies of anybody: on the fast path, and by the framework."""


class Place:
    def __init__(self, address: str, key: dict[str, str], webhooks: int) -> None:
        self.address, self.key, self.webhooks = address, key, webhooks
        self.port = urlsplit(address).port or 0

    def memory(self) -> int:
        """Bytes of the processes of this Waystate, without PostgreSQL; pages that they share count once."""
        ours = next(each for each in psutil.Process().children() if str(self.port) in (each.environ().get("PORT") or ""))
        return sum(each.memory_full_info().pss for each in [ours, *ours.children(recursive=True)])

    async def connect(self, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.replace("\n", "\r\n").encode())
        await writer.drain()
        return reader, writer


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    home = tmp_path_factory.mktemp("home")
    with databases.fresh() as database_url:
        async with installed(database_url, home, TRUSTED_MODE="off") as installation:
            await installation.add_tenant(sender="external", genesys_sender="external")
            key = await key_caller(installation, TENANT, "others", OF_A_KEY)
        webhooks = free_port()
        settings = {"BODY_TIMEOUT": "3", "KEEP_ALIVE": f"{KEEP_ALIVE}", "WEBHOOK_PORT": f"{webhooks}"}
        with served(database_url, home, free_port(), PROGRAM, **settings) as address:
            yield Place(address, dict(key.headers), webhooks)


async def send_slowly(place: Place, path: str, *, first: int = 0) -> bytes:
    """So much of a body at once, then little by little, and never its end."""
    head = f"POST {path} HTTP/1.1\nhost: localhost\ncontent-type: application/json\ncontent-length: {LIMIT}\n\n"
    reader, writer = await place.connect(head)
    answer = asyncio.create_task(reader.read(200))
    with suppress(ConnectionError):
        writer.write(b"x" * first)
        await writer.drain()
        while not answer.done():
            writer.write(b"x" * 512)
            await writer.drain()
            await asyncio.sleep(0.1)
    writer.close()
    with suppress(ConnectionError):
        return await answer
    return b""


async def send_headers_slowly(place: Place) -> float:
    """The head of a request that never ends; after how many seconds it is cut off."""
    reader, writer = await place.connect(f"GET /state/mapping/15550100001 HTTP/1.1\nhost: localhost\nx-tenant-id: {TENANT}\n")
    began = asyncio.get_running_loop().time()
    cut_off = asyncio.create_task(reader.read())
    with suppress(ConnectionError):
        while not cut_off.done():
            writer.write(b"x-more: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
    writer.close()
    with suppress(ConnectionError):
        await cut_off
    return asyncio.get_running_loop().time() - began


async def send_too_much(place: Place, path: str) -> bytes:
    """Sixteen times what is allowed, in chunks that do not say so before."""
    head = f"POST {path} HTTP/1.1\nhost: localhost\ncontent-type: application/json\ntransfer-encoding: chunked\n\n"
    reader, writer = await place.connect(head)
    answer = asyncio.create_task(reader.read(200))
    chunk = b"%x\r\n%s\r\n" % (64 << 10, b"x" * (64 << 10))
    with suppress(ConnectionError):
        for _ in range(16 * LIMIT // (64 << 10)):
            if answer.done():
                break
            writer.write(chunk)
            await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        return await answer
    return b""


async def work(place: Place) -> list[int]:
    """What others do meanwhile: look-ups, and webhooks of Meta."""
    statuses = []
    async with httpx2.AsyncClient(base_url=place.address, timeout=30, trust_env=False) as client:
        for number in range(OTHERS // 2):
            body = rendered(envelope(customer_message(f"wamid.{number}", "15550100002"), number=NUMBER))
            signed = {"x-hub-signature-256": hex_signature(APP.app_secret.encode(), body)}
            statuses.append((await client.post(WEBHOOK, content=body, headers=signed)).status_code)
            statuses.append((await client.get(f"/state/mapping/1555010{number:04}", headers=place.key)).status_code)
    return statuses


async def test_slow_and_endless_bodies_cost_little_and_harm_nobody(place: Place) -> None:
    assert set(await work(place)) == {200}
    before = place.memory()
    idlers = [asyncio.create_task(send_headers_slowly(place)) for _ in range(SLOW)]
    slow = [asyncio.create_task(send_slowly(place, OPEN[number % 2])) for number in range(SLOW)]
    slow += [asyncio.create_task(send_slowly(place, OPEN[number % 2], first=LIMIT - (64 << 10))) for number in range(FAT)]
    large = [asyncio.create_task(send_too_much(place, OPEN[number % 2])) for number in range(LARGE)]
    highest = before
    meanwhile = asyncio.create_task(work(place))
    while not meanwhile.done():
        highest = max(highest, place.memory())
        await asyncio.sleep(0.05)
    assert meanwhile.result() == [200] * OTHERS
    async with asyncio.timeout(60):
        told_slow, told_large = await asyncio.gather(*slow), await asyncio.gather(*large)
    highest = max(highest, place.memory())
    async with asyncio.timeout(60):
        lasted = await asyncio.gather(*idlers)
    assert KEEP_ALIVE - 1 < min(lasted) <= max(lasted) < KEEP_ALIVE + 20
    assert {each.split(b" ")[1] for each in told_slow if each} <= {b"408", b"503"}
    assert {each.split(b" ")[1] for each in told_large if each} <= {b"413", b"503"}
    assert len([each for each in told_slow if each]) > SLOW / 2
    assert highest - before < ALLOWED, f"{(highest - before) / MIB:.0f} MiB more"


async def test_who_may_not_come_in_is_told_before_the_body(place: Place) -> None:
    """Else anybody could have bodies kept."""
    for path in ("/state/message", "/v1/dead-letters/replay"):
        head = f"POST {path} HTTP/1.1\nhost: localhost\ncontent-type: application/json\ncontent-length: {LIMIT}\n\n"
        reader, writer = await place.connect(head)
        writer.write(b"x" * 512)
        async with asyncio.timeout(30):
            assert b" 401 " in await reader.readline()
        writer.close()


BLOCK = b"x" * (64 << 10)
DOORS = {
    "a webhook": (WEBHOOK, False, ()),
    "the fast path": ("/state/message", True, ()),
    "the framework": ("/v1/dead-letters/replay", True, ()),
    "with an Idempotency-Key": ("/v1/dead-letters/replay", True, ("idempotency-key: large",)),
    "without a key": ("/state/message", False, ()),
    "without a key, of the framework": ("/v1/dead-letters/replay", False, ()),
    "of nothing": ("/v1/nothing/here", True, ()),
    "of nothing on the webhooks' port": ("/elsewhere", False, ()),
}
EXPECTED = {
    "without a key": 401,
    "without a key, of the framework": 401,
    "of nothing": 404,
    "of nothing on the webhooks' port": 404,
}


def pieces(size: int, chunked: bool) -> Iterator[bytes]:
    for start in range(0, size, len(BLOCK)):
        block = BLOCK[: size - start]
        yield b"%x\r\n%s\r\n" % (len(block), block) if chunked else block
    yield b"0\r\n\r\n" if chunked else b""


def open_post(place: Place, door: str, size: int, *, chunked: bool) -> socket.socket:
    path, keyed, headers = DOORS[door]
    length = "transfer-encoding: chunked" if chunked else f"content-length: {size}"
    key = [f"{name}: {value}" for name, value in place.key.items()] if keyed else []
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "content-type: application/json", length, *key, *headers, "", ""]
    connection = socket.create_connection(("127.0.0.1", place.webhooks if "port" in door else place.port), timeout=30)
    connection.sendall("\r\n".join(lines).encode())
    return connection


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(4096)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")))
    while len(body) < length:
        body += connection.recv(4096)
    return int(head.split(b" ")[1]), body


async def at_all(doors: Iterable[str], ask: Callable[[str, bool], Awaitable[None]], *, at_once: int) -> None:
    """At each of the doors, with a body by its length and one in chunks: most of it is waiting."""
    turns = asyncio.Semaphore(at_once)

    async def asked(door: str, chunked: bool) -> None:
        async with turns:
            try:
                await ask(door, chunked)
            except BaseException as error:
                error.add_note(f"{door}, {'in chunks' if chunked else 'by length'}")
                raise

    async with asyncio.TaskGroup() as group:
        for door in doors:
            for chunked in (False, True):
                group.create_task(asked(door, chunked))


async def test_who_sends_all_of_a_refused_body_reads_the_refusal_and_may_go_on(place: Place) -> None:
    def sent(door: str, chunked: bool, size: int, pause: float) -> tuple[int, bytes, int]:
        with open_post(place, door, size, chunked=chunked) as connection:
            for number, piece in enumerate(pieces(size, chunked)):
                connection.sendall(piece)
                time.sleep(pause if number % 20 == 1 else 0.0)
            status, body = read_answer(connection)
            connection.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
            return status, body, read_answer(connection)[0]

    async def ask(door: str, chunked: bool) -> None:
        # At once, many times too much, and over a slow line.
        for size, pause in ((LIMIT + 1, 0.0), (6 * LIMIT, 0.0), (LIMIT + MIB, 0.4)):
            status, body, after = await asyncio.to_thread(sent, door, chunked, size, pause)
            assert (status, after) == (EXPECTED.get(door, 413), 200), (size, body)
            if status == 413:
                told = json.loads(body)
                assert (told["code"], told["title"], told["limit"]) == ("body_too_large", "Content too large", LIMIT)

    await at_all(DOORS, ask, at_once=4)


async def test_who_never_stops_is_cut_off(place: Place) -> None:
    def sent(door: str, chunked: bool, block: bytes, pause: float) -> tuple[int, float]:
        began, size = time.monotonic(), 0
        with open_post(place, door, 1 << 40, chunked=chunked) as connection, suppress(ConnectionError):
            while time.monotonic() - began < 60:
                connection.sendall(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
                size += len(block)
                time.sleep(pause)
        return size, time.monotonic() - began

    async def ask(door: str, chunked: bool) -> None:
        size, seconds = await asyncio.to_thread(sent, door, chunked, BLOCK, 0.0)
        assert size < LIMIT + DRAINED + 16 * MIB, "what was thrown away, and what the kernel holds"
        assert seconds < DRAIN_TIME + 10
        _, seconds = await asyncio.to_thread(sent, door, chunked, BLOCK, QUIET / 4)
        assert seconds < 2 * DRAIN_TIME + 20, "however slowly it comes"

    await at_all(("a webhook", "the framework"), ask, at_once=4)


async def test_who_is_told_early_hears_it_at_once_and_who_rests_is_not_waited_for(place: Place) -> None:
    def sent() -> tuple[int, float, float]:
        with open_post(place, "a webhook", 2 * LIMIT, chunked=False) as connection:
            began = time.monotonic()
            connection.sendall(BLOCK)
            first = connection.recv(12)
            heard = time.monotonic() - began
            connection.settimeout(10)
            with suppress(ConnectionError):
                while connection.recv(4096):
                    pass
            return int(first.split(b" ")[1]), heard, time.monotonic() - began

    status, heard, ended = await asyncio.to_thread(sent)
    assert status == 413
    assert heard < QUIET <= ended + 0.1 < DRAIN_TIME


def seconds_open(port: int, first: bytes) -> float:
    """How long the server keeps a connection on which nothing more is sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=KEEP_ALIVE + 30) as connection:
        connection.sendall(first)
        if first:
            assert read_answer(connection)[0] == 200
        began = time.monotonic()
        with suppress(ConnectionError):
            assert connection.recv(4096) == b""
        return time.monotonic() - began


async def test_an_idle_connection_is_kept_for_the_set_time_and_no_longer(place: Place) -> None:
    asked = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
    idle = [(port, first) for port in (place.port, place.webhooks) for first in (asked, b"")]
    lasted = await asyncio.gather(*(asyncio.to_thread(seconds_open, *each) for each in idle))
    assert KEEP_ALIVE - 1 < min(lasted) <= max(lasted) < KEEP_ALIVE + 10, lasted


async def test_a_connection_that_rested_is_used_again(place: Place) -> None:
    async with httpx2.AsyncClient(base_url=place.address, timeout=30, trust_env=False) as client:
        streams = []
        for _ in range(3):
            answer = await client.get("/health/live")
            streams.append(answer.extensions["network_stream"].get_extra_info("client_addr"))
            await asyncio.sleep(KEEP_ALIVE * 0.7)
    assert len(set(streams)) == 1
