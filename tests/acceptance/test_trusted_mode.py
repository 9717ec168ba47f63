"""Trusted mode as a caller meets it: a neighbour may name its tenant; a proxy, a tunnel and a web page may not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from tests.acceptance.installation import TENANT, Installation, configuration, installed
from tests.acceptance.served import free_port, served
from tests.databases import Databases
from waystate.app import open_waystate
from waystate.config import ProcessRole
from waystate.web.openapi import Document

LOOKUP = "/state/mapping/15550100001"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path_factory.mktemp("home")) as place:
            await place.add_tenant(sender="external", genesys_sender="external")
            yield place


async def call(
    place: Installation,
    method: str = "GET",
    path: str = LOOKUP,
    *,
    peer: str = "127.0.0.1",
    host: str = "localhost:3005",
    **given: Any,
) -> httpx2.Response:
    transport = httpx2.ASGITransport(place.lane, client=(peer, 50_000))
    headers = {"x-tenant-id": TENANT, "host": host, **given.pop("headers", {})}
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:3005") as client:
        return await client.request(method, path, headers=headers, **given)


async def refused(place: Installation, *args: Any, **given: Any) -> None:
    before = await place.counts()
    answer = await call(place, *args, **given)
    assert (answer.status_code, answer.json()["code"]) == (401, "trusted_mode_refused"), answer.text
    assert await place.counts() == before


async def test_a_neighbour_may_name_its_tenant(place: Installation) -> None:
    for host in ("localhost:3005", "127.0.0.1:3005", "[::1]:3005"):
        assert (await call(place, host=host)).status_code == 200
    assert (await call(place, peer="::1")).status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.7", "172.17.0.1", "192.0.2.9", "::ffff:10.0.0.7"])
async def test_nobody_from_elsewhere_may(place: Installation, peer: str) -> None:
    await refused(place, peer=peer)


@pytest.mark.parametrize("host", ["state.example.com", "localhost.example.com", "10.0.0.7:3005", "tunnel.example"])
async def test_a_tunnel_or_a_name_that_leads_here_opens_no_door(place: Installation, host: str) -> None:
    await refused(place, host=host)


PROXIES = [
    {"forwarded": "for=192.0.2.9"},
    {"via": "1.1 proxy"},
    {"x-forwarded-for": "192.0.2.9"},
    {"x-forwarded-for": "127.0.0.1"},
    {"x-forwarded-host": "localhost"},
    {"x-forwarded-proto": "https"},
    {"X-Forwarded-Anything": ""},
]
PAGES = [
    {"origin": "http://evil.example"},
    {"origin": "http://localhost:3005"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-mode": "no-cors"},
    {"Sec-Fetch-Dest": "image"},
]


@pytest.mark.parametrize("headers", PROXIES, ids=str)
async def test_what_came_through_a_proxy_is_refused(place: Installation, headers: dict[str, str]) -> None:
    await refused(place, headers=headers)
    await refused(place, "POST", "/state/message", headers=headers, json={})


@pytest.mark.parametrize("headers", PAGES, ids=str)
async def test_what_a_web_page_sent_is_refused(place: Installation, headers: dict[str, str]) -> None:
    await refused(place, headers=headers)
    await refused(place, "POST", "/state/message", headers=headers, json={})


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_form_of_a_web_page_is_refused_even_without_a_header_that_betrays_it(
    place: Installation, content_type: str
) -> None:
    body = b'{"conversationId": "x", "direction": "inbound", "status": "sent"}'
    await refused(place, "POST", "/state/message", headers={"content-type": content_type}, content=body)
    await refused(
        place, "PATCH", "/state/message/wamid.x", headers={"content-type": content_type}, content=b'{"status": "read"}'
    )


def guarded(document: Document) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, described in document["paths"].items()
        for method in described
        if path.startswith("/v1/") and not path.startswith("/v1/auth/") and not path.endswith("/trace")
    ]


async def test_all_but_state_and_trace_is_closed_to_a_name_alone(place: Installation) -> None:
    operations = guarded((await call(place, path="/openapi.json")).json())
    assert len(operations) > 5
    for method, path in operations:
        await refused(place, method, path.replace("{", "").replace("}", ""), headers=JSON)
    assert (await call(place, path="/v1/messages/wamid.x/trace")).status_code == 404


async def test_a_tenant_that_is_not_there_and_the_platforms_own_are_named_in_vain(place: Installation) -> None:
    for name in ("nobody", "platform"):
        answer = await call(place, headers={"x-tenant-id": name})
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_tenant")


@pytest.mark.parametrize(("mode", "warnings"), [("loopback", 1), ("off", 0)])
async def test_every_start_in_trusted_mode_warns(database_url: str, tmp_path: Path, mode: str, warnings: int) -> None:
    for _ in range(2):
        with capture_logs() as logs:
            waystate = await open_waystate(configuration(database_url, tmp_path, TRUSTED_MODE=mode), [ProcessRole.API])
            await waystate.db.close()
        said = [each["event"] for each in logs if each["log_level"] == "warning" and "TRUSTED_MODE" in each["event"]]
        assert len(said) == warnings, logs


RAW = {
    "as a neighbour does": ("GET {path} HTTP/1.1", ["Host: localhost:{port}"], 200),
    "by a whole address of its own": ("GET http://localhost:{port}{path} HTTP/1.1", ["Host: localhost:{port}"], 200),
    "in HTTP/1.0": ("GET {path} HTTP/1.0", ["Host: localhost:{port}"], 401),
    "in HTTP/1.0, kept alive": ("GET {path} HTTP/1.0", ["Host: localhost:{port}", "Connection: keep-alive"], 401),
    "without a host": ("GET {path} HTTP/1.1", [], 401),
    "by another's whole address": ("GET http://evil.example{path} HTTP/1.1", [], 401),
    "at a port that is none": ("GET {path} HTTP/1.1", ["Host: localhost:99999"], 401),
    "by another's whole address, named again": ("GET http://evil.example{path} HTTP/1.1", ["Host: evil.example"], 401),
    **{
        f"with {header}": ("GET {path} HTTP/1.1", ["Host: localhost:{port}", f"{header}: x"], 401)
        for header in (
            "CF-Ray",
            "cf-connecting-ip",
            "X-REAL-IP",
            "True-Client-IP",
            "X-Amzn-Trace-Id",
            "fastly-FF",
            "X-Original-URL",
            "X_Forwarded_For",
            "HTTP_X_FORWARDED_FOR",
            "X.Forwarded.For",
            "X-ForwardedFor",
            "Remote-Addr",
        )
    },
    # The HTTP server keeps it to itself, as secure-a-deployment.md says. When it tells one day, this is to be refused.
    "by another's whole address, hidden": ("GET http://evil.example{path} HTTP/1.1", ["Host: localhost:{port}"], 200),
}


async def test_what_a_proxy_writes_is_refused_on_the_wire(databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        async with installed(url, tmp_path) as place:
            await place.add_tenant(sender="external", genesys_sender="external")
        answered = {}
        port = free_port()
        with served(url, tmp_path, port, TRUSTED_MODE="loopback"):
            for name, (line, headers, _) in RAW.items():
                head = "\r\n".join([line, f"X-Tenant-ID: {TENANT}", *headers, "", ""])
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head.replace("{path}", LOOKUP).replace("{port}", str(port)).encode())
                async with asyncio.timeout(30):
                    answered[name] = int((await reader.readline()).split(b" ")[1])
                writer.close()
    assert answered == {name: expected for name, (_, _, expected) in RAW.items()}
