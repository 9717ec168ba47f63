"""A file of 100 MB comes in and goes out to WhatsApp, and the process that carries it is no larger for it."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.acceptance.installation import (
    APP,
    INTEGRATION,
    NUMBER,
    TENANT,
    customer_message,
    envelope,
    installed,
    new_account,
    new_integration,
    rendered,
)
from tests.acceptance.outsiders import OF_A_KEY, key_caller
from tests.acceptance.served import free_port, served
from tests.databases import Databases
from tests.servers.forked import PROGRAM
from waystate.simulator.webhooks import hex_signature

MIB = 1 << 20
SIZE = 100 * MIB
ALLOWED = 64 * MIB
"""Parts under way both ways, and what the allocator keeps of them."""
CUSTOMER = "15550100001"
HEAD = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass
class FarSide:
    """WhatsApp, as far as it counts what it gets and forgets it."""

    uploads: list[int] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = HEAD.search(head)
                length = int(found[1]) if found else 0
                answer = await self._answer(head.split(b" ", 2)[1], length, reader)
                said = json.dumps(answer).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n%s" % (len(said), said))
                await writer.drain()
        writer.close()

    async def _answer(self, path: bytes, length: int, reader: asyncio.StreamReader) -> dict:
        if path.endswith(b"/media"):
            left = length
            while left:
                left -= len(await reader.read(min(left, 64 * 1024)))
            self.uploads.append(length)
            return {"id": f"media.{len(self.uploads)}"}
        self.messages.append(json.loads(await reader.readexactly(length)))
        self.arrived.set()
        return {"messages": [{"id": f"wamid.{len(self.messages)}"}]}


@asynccontextmanager
async def far_side() -> AsyncIterator[tuple[FarSide, int]]:
    far, port = FarSide(), free_port()
    server = await asyncio.start_server(far.serve, "127.0.0.1", port, limit=MIB)
    try:
        yield far, port
    finally:
        server.close()


def memory(port: int) -> int:
    """Bytes of the processes of this Waystate; pages that they share count once."""
    ours = next(each for each in psutil.Process().children() if each.environ().get("PORT") == str(port))
    return sum(each.memory_full_info().pss for each in [ours, *ours.children(recursive=True)])


async def pdf(size: int) -> AsyncIterator[bytes]:
    chunk = b"%PDF-1.7".ljust(64 * 1024, b"x")
    for start in range(0, size, len(chunk)):
        yield chunk[: min(len(chunk), size - start)]


async def carry(http: httpx2.AsyncClient, far: FarSide, size: int) -> None:
    """In, and out to WhatsApp."""
    headers = {"content-type": "application/pdf", "content-length": str(size)}
    answer = await http.post("/v1/media", params={"filename": "a.pdf"}, content=pdf(size), headers=headers)
    assert (answer.status_code, answer.json()["size"]) == (201, size), answer.text
    far.arrived.clear()
    said = {"to": CUSTOMER, "type": "document", "media": {"mediaId": answer.json()["id"]}}
    asked = await http.post("/v1/messages", json=said)
    assert asked.status_code == 202, asked.text
    async with asyncio.timeout(60):
        await far.arrived.wait()


@pytest.mark.faults
async def test_a_hundred_megabytes_are_carried_in_flat_memory(databases: Databases, tmp_path: Path) -> None:
    port = free_port()
    async with far_side() as (far, far_port):
        with databases.fresh() as database_url:
            async with installed(database_url, tmp_path, TRUSTED_MODE="off") as installation:
                await installation.add_tenant(genesys_sender="external")
                account = new_account(NUMBER, api_url=f"http://127.0.0.1:{far_port}/v26.0", genesys_integration_id=None)
                await installation.add_accounts(TENANT, [account], [new_integration(INTEGRATION, sender="external")])
                key = await key_caller(installation, TENANT, "sender", OF_A_KEY)
            with served(database_url, tmp_path, port, PROGRAM) as address:
                async with httpx2.AsyncClient(base_url=address, headers=dict(key.headers), timeout=120) as http:
                    written = rendered(envelope(customer_message("wamid.in", CUSTOMER, at=int(time.time()))))
                    signed = {"x-hub-signature-256": hex_signature(APP.app_secret.encode(), written)}
                    await http.post(f"/webhooks/whatsapp/{APP.id}", content=written, headers=signed)
                    await asyncio.sleep(2)
                    await carry(http, far, MIB)
                    highest = before = memory(port)
                    carried = asyncio.create_task(carry(http, far, SIZE))
                    while not carried.done():
                        highest = max(highest, memory(port))
                        await asyncio.sleep(0.05)
                    await carried
    assert [length > size for length, size in zip(far.uploads, (MIB, SIZE), strict=True)] == [True, True]
    assert far.messages[-1]["document"] == {"id": "media.2", "filename": "a.pdf"}
    assert highest - before < ALLOWED, f"{(highest - before) / MIB:.0f} MiB more"
