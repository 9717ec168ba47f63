"""Requests as bytes that `waystate serve` reads: what no client library writes, or what it writes otherwise."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import APP, TENANT, installed
from tests.acceptance.served import free_port, served
from tests.databases import Databases


class Wire:
    def __init__(self, port: int, webhooks: int, log: Path) -> None:
        self.port, self.webhooks, self.log = port, webhooks, log

    async def ask(
        self, line: str, *headers: str, body: bytes = b"", port: int | None = None, ends: bool = False
    ) -> tuple[int, str, Any]:
        """Status, media type and body. `ends`: nothing more is sent, which the server sees."""
        head = "\r\n".join([f"{line} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""])
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self.port)
        writer.write(head.encode() + body)
        if ends:
            writer.write_eof()
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
        told, _, content = answer.partition(b"\r\n\r\n")
        named = dict(each.lower().split(": ", 1) for each in told.decode().split("\r\n")[1:])
        media_type = named.get("content-type", "")
        return int(told.split(b" ")[1]), media_type, json.loads(content) if "json" in media_type else content


@pytest.fixture(scope="module")
async def wire(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    home = tmp_path_factory.mktemp("home")
    port, webhooks = free_port(), free_port()
    with databases.fresh() as url:
        async with installed(url, home) as place:
            await place.add_tenant(sender="external", genesys_sender="external")
        with served(url, home, port, TRUSTED_MODE="loopback", WEBHOOK_PORT=str(webhooks)):
            yield Wire(port, webhooks, home / "serve.log")


NAMED = f"X-Tenant-ID: {TENANT}"
JSON = "Content-Type: application/json"


async def test_a_slash_of_an_id_is_written_as_2f(wire: Wire) -> None:
    _, _, mapping = await wire.ask("GET /state/mapping/15550100001", NAMED)
    sent = {"metaMessageId": "wamid.t/a+b==", "direction": "inbound", "status": "received"}
    body = json.dumps({**sent, "conversationId": mapping["internalId"]}).encode()
    status, _, told = await wire.ask("POST /state/message", NAMED, JSON, f"Content-Length: {len(body)}", body=body)
    assert status == 201, told
    for written in ("wamid.t%2Fa%2Bb%3D%3D", "wamid.t%2fa+b=="):
        status, _, told = await wire.ask(f"GET /v1/messages/{written}/trace", NAMED)
        assert (status, told.get("wamid")) == (200, "wamid.t/a+b=="), told
    for missing, code in {
        "wamid.t%2Fa%2Bb%3D%3D%2F": "message_not_found",
        "wamid.t%252Fa+b==": "message_not_found",
        "wamid.t/a+b==": "not_found",
        "x%2Fy/z": "not_found",
    }.items():
        status, _, told = await wire.ask(f"GET /v1/messages/{missing}/trace", NAMED)
        assert (status, told["code"]) == (404, code), missing


@pytest.mark.parametrize("path", ["/v1/platform/tenants/a%2Fb", "/v1/tenant/genesys-integrations/a%2Fb/check", "/v1/keys/%2F"])
async def test_every_operation_is_found_by_an_id_with_a_slash(wire: Wire, path: str) -> None:
    method = "POST" if path.endswith("check") else "GET"
    assert (await wire.ask(f"{method} {path}", JSON, "Content-Length: 0"))[2]["code"] == "trusted_mode_refused"
    assert (await wire.ask(f"{method} {path.replace('%2F', '/')}", JSON, "Content-Length: 0"))[2]["code"] == "not_found"
    assert (await wire.ask(f"PUT {path}/%2F", JSON, "Content-Length: 0"))[2]["code"] == "not_found"


BROKEN = {
    "a size that is none": (b"ZZ\r\n", False),
    "a chunk longer than it says": (b"5\r\nabcdeX", False),
    "broken off before a chunk": (b"", True),
    "broken off in a size": (b"5", True),
    "broken off in a chunk": (b"5\r\nab", True),
    "broken off after a chunk": (b"2\r\n{}\r\n", True),
}
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize("keyed", [(), ("Idempotency-Key: broken",)], ids=["", "with an Idempotency-Key"])
@pytest.mark.parametrize("door", ["/state/message", "/v1/auth/login", f"/webhooks/whatsapp/{APP.id}", "the webhooks' port"])
async def test_a_body_that_breaks_off_is_a_problem(wire: Wire, door: str, keyed: tuple[str, ...]) -> None:
    path, port = (f"/webhooks/whatsapp/{APP.id}", wire.webhooks) if "port" in door else (door, wire.port)
    for name, (body, ends) in {**BROKEN, "shorter than it says": (b"{}", True)}.items():
        length = CHUNKED if name in BROKEN else "Content-Length: 100"
        said = await wire.ask(f"POST {path}", NAMED, JSON, length, *keyed, body=body, ends=ends, port=port)
        status, media_type, told = said
        assert (status, media_type) == (400, "application/problem+json"), (name, said)
        assert told["code"] == "incomplete_body"
    assert b"rror" not in wire.log.read_bytes()


async def test_who_is_refused_before_the_body_hears_so_however_it_breaks_off(wire: Wire) -> None:
    for name, (body, ends) in BROKEN.items():
        for path, expected in (("/v1/keys", 401), ("/v1/nothing", 404)):
            status, media_type, _ = await wire.ask(f"POST {path}", JSON, CHUNKED, body=body, ends=ends)
            assert (status, media_type) == (expected, "application/problem+json"), name


async def test_who_is_gone_in_the_middle_of_a_body_is_no_failure(wire: Wire) -> None:
    for path in ("/state/message", "/v1/auth/login", f"/webhooks/whatsapp/{APP.id}"):
        with socket.create_connection(("127.0.0.1", wire.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{NAMED}\r\n{JSON}\r\n{CHUNKED}\r\n\r\n5\r\nab"
            connection.sendall(head.encode())
            await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    assert (await wire.ask("GET /health/live"))[0] == 200
    assert b"rror" not in wire.log.read_bytes()
