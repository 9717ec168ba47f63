"""W6: bodies without end and callers without haste cost a bounded memory, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import psutil
import pytest

from tests.acceptance.installation import APP, NUMBER, TENANT, customer_message, envelope, installed, rendered
from tests.acceptance.outsiders import OF_A_KEY, key_caller
from tests.acceptance.served import free_port, served
from waystate.simulator.webhooks import hex_signature

MIB = 1 << 20
LIMIT = 4 * MIB
SLOW, FAT, LARGE, OTHERS = 100, 70, 20, 200
ALLOWED = 160 * MIB
"""For all of them together; the fat ones alone, each kept as far as it may come, would be 280 MiB."""
WEBHOOK = f"/webhooks/whatsapp/{APP.id}"


class Place:
    def __init__(self, address: str, key: dict[str, str]) -> None:
        self.address, self.key = address, key
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


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> AsyncIterator[Place]:
    async with installed(database_url, tmp_path, TRUSTED_MODE="off") as installation:
        await installation.add_tenant(sender="external", genesys_sender="external")
        key = await key_caller(installation, TENANT, "others", OF_A_KEY)
    with served(database_url, tmp_path, free_port(), BODY_TIMEOUT="3") as address:
        yield Place(address, dict(key.headers))


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


async def send_headers_slowly(place: Place, stop: asyncio.Event) -> None:
    """The head of a request that never ends."""
    _, writer = await place.connect(f"GET /state/mapping/15550100001 HTTP/1.1\nhost: localhost\nx-tenant-id: {TENANT}\n")
    with suppress(ConnectionError):
        while not stop.is_set():
            writer.write(b"x-more: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
    writer.close()


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
    before, stop = place.memory(), asyncio.Event()
    idlers = [asyncio.create_task(send_headers_slowly(place, stop)) for _ in range(SLOW)]
    slow = [asyncio.create_task(send_slowly(place, WEBHOOK)) for _ in range(SLOW)]
    slow += [asyncio.create_task(send_slowly(place, WEBHOOK, first=LIMIT - (64 << 10))) for _ in range(FAT)]
    large = [asyncio.create_task(send_too_much(place, WEBHOOK)) for _ in range(LARGE)]
    highest = before
    meanwhile = asyncio.create_task(work(place))
    while not meanwhile.done():
        highest = max(highest, place.memory())
        await asyncio.sleep(0.05)
    assert meanwhile.result() == [200] * OTHERS
    told_slow, told_large = await asyncio.gather(*slow), await asyncio.gather(*large)
    highest = max(highest, place.memory())
    stop.set()
    await asyncio.gather(*idlers)
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
