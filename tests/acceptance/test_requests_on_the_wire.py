"""Requests as bytes that `waystate serve` reads: what no client library writes, or what it writes otherwise."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import TENANT, installed
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
