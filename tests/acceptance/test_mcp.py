"""A model's tools, through the MCP SDK's own client, on a running Waystate."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.types.version import LATEST_MODERN_VERSION

from tests.acceptance.credentials import key_with
from tests.acceptance.installation import TENANT, Installation, customer_message, envelope, installed_with_far_sides, until
from tests.databases import Databases
from waystate.ids import TenantId
from waystate.principal import Scope
from waystate_client import AsyncClient
from waystate_client.mcp.server import connecting, new_server

READS = (Scope.CUSTOMERS_READ, Scope.CONVERSATIONS_READ, Scope.MESSAGES_READ, Scope.DEAD_LETTERS_READ)
WRITES = (*READS, Scope.MESSAGES_SEND, Scope.DEAD_LETTERS_WRITE)
READING = {"find_customer", "customer_context", "may_i_write", "where_is_message", "open_dead_letters"}
URL = "http://localhost:3005"
ANA, BEA, NOBODYS = "5511987620001", "5511987620002", "5511987620003"


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Ana has written, Bea is only known, and one message names no sender."""
    with databases.fresh() as url:
        async with installed_with_far_sides(
            url, tmp_path_factory.mktemp("home"), agent_reply_share=0.0, bsuid_only_share=0.0
        ) as installation:
            assert installation.far is not None
            written = await installation.far.post(f"/simulator/customers/{ANA}/messages", json={"text": "Where is my order?"})
            nameless = customer_message("wamid.nameless", NOBODYS)
            del nameless["messages"][0]["from"], nameless["contacts"]
            assert (await installation.post_meta(envelope(nameless))).status_code == 200
            key = await key_with(installation, TenantId(TENANT), Scope.CUSTOMERS_WRITE, *READS)
            async with AsyncClient(URL, key, transport=to(installation)) as waystate:
                await waystate.customers.add(wa_id=ANA, name="Ana Souza", tags=["vip"], on_existing="update")
                await waystate.customers.add(wa_id=BEA, name="Bea Lima")

                async def is_found() -> bool:
                    found = [each async for each in waystate.customers.iterate(page_size=1)]
                    return sum(each.message_count for each in found) >= 1 and len(found) == 2

                await until(is_found, timeout=30)
            installation.wamid = written.json()["wamid"]  # type: ignore[attr-defined]
            yield installation


def to(place: Installation) -> httpx2.AsyncBaseTransport:
    return httpx2.ASGITransport(place.lane, client=("127.0.0.1", 50_000))


@asynccontextmanager
async def model(place: Installation, *scopes: Scope) -> AsyncIterator[Client]:
    key = await key_with(place, TenantId(TENANT), *scopes)
    async with Client(new_server(connecting(URL, key, transport=to(place)))) as client:
        yield client


async def use(client: Client, tool: str, *, fails: bool = False, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    (said,) = result.content
    assert result.is_error is fails, said
    return said.text if fails else result.structured_content  # type: ignore[union-attr]


async def test_a_model_sees_what_its_key_may_use(place: Installation) -> None:
    async with model(place, *READS) as client:
        tools = (await client.list_tools()).tools
        assert {each.name for each in tools} == READING
        assert all(each.annotations and each.annotations.read_only_hint and each.description for each in tools)
        assert all("ctx" not in each.input_schema["properties"] for each in tools)
        assert client.protocol_version == LATEST_MODERN_VERSION == "2026-07-28"
        refused = await use(client, "send_message", fails=True, customer=ANA, text="Hi")
        assert "scope messages:send" in refused
    async with model(place, *WRITES) as client:
        assert {each.name for each in (await client.list_tools()).tools} == READING | {"send_message", "replay_dead_letter"}


async def test_it_learns_who_wrote_what_and_who_has_them(place: Installation) -> None:
    async with model(place, *READS) as client:
        (found,) = (await use(client, "find_customer", query="ana sou"))["found"]
        assert (found["name"], found["phone"], found["tags"], found["messages"]) == ("Ana Souza", f"+{ANA}", ["vip"], 1)
        told = await use(client, "customer_context", customer=found["customerId"])
        assert told == await use(client, "customer_context", customer="Ana"), "one alone has that name"
        (message,) = told["whatWasSaid"]
        assert (message["by"], message["text"]) == ("customer", "Where is my order?")
        assert told["whoHasThem"] == "Nobody yet: the first to write takes the conversation."
        assert (await use(client, "find_customer", query="zacharias"))["found"] == []
        several = await use(client, "customer_context", fails=True, customer="(11) 98762")
        assert "Several customers fit" in several
        assert "Bea Lima, +5511987620002: " in several


async def test_it_learns_whether_it_may_write(place: Installation) -> None:
    async with model(place, *READS) as client:
        ana = await use(client, "may_i_write", customer=ANA)
        assert (ana["freeText"], "windowClosesAt" in ana) == ("yes", True)
        bea = await use(client, "may_i_write", customer="Bea Lima")
        assert (bea["freeText"], bea["whoHasThem"]) == ("no", "Nobody: they have no conversation yet.")
        assert "approved template" in bea["answer"]


async def test_it_learns_where_a_message_is(place: Installation) -> None:
    await place.settled()
    async with model(place, *READS) as client:
        told = await use(client, "where_is_message", message=place.wamid)  # type: ignore[attr-defined]
        assert (told["status"], told["customer"]) == ("processed", "Ana Souza")
        assert told["why"].startswith("It is processed: genesys accepted it")
        assert any(" queued: for genesys" in each for each in told["wayOfIt"])
        missing = await use(client, "where_is_message", fails=True, message="wamid.of-nobody")
        assert "find_customer" in missing


async def test_it_mends_a_dead_letter_and_is_told_that_it_fails_again(place: Installation) -> None:
    async with model(place, *WRITES) as client:
        told = await use(client, "open_dead_letters", reason="invalid_payload")
        (letter,) = told["shown"]
        assert (told["openInAll"], letter["reason"]) == (1, "invalid_payload")
        assert letter["whatToDo"]
        again = await use(client, "replay_dead_letter", fails=True, dead_letter=letter["deadLetterId"])
        assert "Edit it, then replay it" in again


async def test_it_writes_as_a_service_that_takes_the_word_and_leaves_it_to_others(place: Installation) -> None:
    async with model(place, *WRITES) as one, model(place, *WRITES) as other:
        sent = await use(one, "send_message", customer=ANA, text="It arrives today.", once="order-7")
        assert sent == await use(one, "send_message", customer=ANA, text="It arrives today.", once="order-7"), "sent once"
        assert (sent["by"], sent["status"]) == ("us", "queued")
        assert (await use(one, "may_i_write", customer=ANA))["freeText"] == "perhaps"
        refused = await use(other, "send_message", fails=True, customer=ANA, text="I too")
        assert "Do not try again; say who has it" in refused
        assert "A service, by its API key" in (await use(other, "customer_context", customer=ANA))["whoHasThem"]
        closed = await use(one, "send_message", fails=True, customer=BEA, text="Hi")
        assert "only an approved template can" in closed


async def test_a_key_that_is_wrong_is_said_to_be(place: Installation) -> None:
    async with Client(new_server(connecting(URL, "wsk.wrong", transport=to(place)))) as client:
        assert {each.name for each in (await client.list_tools()).tools} == READING
        assert "Ask whoever set this up" in await use(client, "find_customer", fails=True, query="ana")


async def test_over_http_each_request_bears_its_key(place: Installation) -> None:
    key = await key_with(place, TenantId(TENANT), *READS)
    app = new_server(connecting(URL, None, transport=to(place))).streamable_http_app(stateless_http=True, json_response=True)
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "find_customer", "arguments": {"query": "ana"}},
    }
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25"}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost:8000", headers=headers) as http,
    ):
        found = await http.post("/mcp", json=message, headers={"authorization": f"Bearer {key}"})
        assert found.json()["result"]["structuredContent"]["found"][0]["name"] == "Ana Souza"
        listed = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert {each["name"] for each in listed.json()["result"]["tools"]} == READING
        nobody = (await http.post("/mcp", json=message)).json()["result"]
        assert (nobody["isError"], "Authorization: Bearer" in json.dumps(nobody)) == (True, True)


async def test_the_command_speaks_on_standard_input(tmp_path: Any) -> None:
    """`waystate mcp` and `waystate-mcp` are one; nobody answers at this address, which a model is told."""
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "waystate", "mcp"],
        env={"WAYSTATE_URL": "http://127.0.0.1:1", "WAYSTATE_KEY": "wsk.test"},
    )
    async with Client(command) as client:
        assert {each.name for each in (await client.list_tools()).tools} == READING
        assert "no answer of http://127.0.0.1:1" in await use(client, "find_customer", fails=True, query="ana")
