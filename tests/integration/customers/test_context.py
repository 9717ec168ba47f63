"""A customer's context: what is asked of the database for it, and that it is what the calls beside it answer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi import Response

from tests.integration.groups.test_groups import ANN, group_contact, run, spoken
from tests.integration.messages.test_amend import edit, original, react
from tests.integration.planned.test_order import sends_of
from tests.world import CUSTOMER, Business, World
from waystate.conversations.sight import Sights
from waystate.customers.context import Contexts
from waystate.customers.routes import CustomerRoutes
from waystate.db.pool import Connection
from waystate.ids import TenantId
from waystate.principal import Principal
from waystate.web.pages import Cursors


class CountedDatabase:
    """The database, and each statement that is asked of it."""

    def __init__(self, world: World) -> None:
        self._db = world.db
        self.asked: list[str] = []

    @asynccontextmanager
    async def tenant(self, tenant: TenantId) -> AsyncIterator[Connection]:
        async with self._db.tenant(tenant) as conn:
            with conn.query_logger(lambda record: self.asked.append(record.query)):
                yield conn


@pytest.fixture
async def tenant(world: World) -> Business:
    return await world.add("acme", number="1001")


async def read(world: World, tenant: Business, customer: UUID) -> tuple[dict[str, Any], int]:
    """The context, and how many statements it took; checked against the calls that answer each part."""
    counted = CountedDatabase(world)
    routes = CustomerRoutes(
        cast(Any, counted), cast(Any, None), sends_of(world), Sights(world.directory), Cursors(b"key"), world.clock
    )
    caller = Principal(tenant.tenant, "key")
    context = await routes.get_customer_context(customer, caller)
    statements = len(counted.asked)
    messages = (await routes.list_customer_messages(customer, caller, limit=20)).items
    conversations = (await routes.list_customer_conversations(customer, caller)).items
    profile = await routes.get_customer(context.customer.id, caller, Response())
    assert (context.customer, context.messages) == (profile, messages)
    assert context.conversation in (conversations or [None])
    return context.model_dump(), statements


async def contact_of(world: World, tenant: Business, wa_id: str) -> UUID:
    found: UUID = await world.value(tenant, "SELECT contact_id FROM conversations WHERE wa_id = $1 LIMIT 1", wa_id)
    return found


async def test_context_takes_three_statements(world: World, tenant: Business) -> None:
    for number in range(25):
        await world.receive(tenant, tenant.message(f"wamid.{number}", text=str(number)))
        world.clock.forward(minutes=1)
    told, statements = await read(world, tenant, await contact_of(world, tenant, CUSTOMER))
    assert statements == 3
    assert [each["text"] for each in told["messages"]] == [str(number) for number in range(24, 4, -1)]
    assert told["conversation"]["window"]["open"]


async def test_context_of_many_conversations_holds_the_open_one_and_the_last_of_all(world: World, tenant: Business) -> None:
    for number in range(23):
        await world.receive(tenant, tenant.message(f"wamid.{number}", text=str(number)))
        world.clock.forward(days=4)
    # What comes late belongs where it was said, which is not the end.
    await world.receive(tenant, tenant.message("wamid.late", text="late", sent_at=world.clock.now - timedelta(days=30)))
    told, statements = await read(world, tenant, await contact_of(world, tenant, CUSTOMER))
    assert statements == 3
    assert [each["text"] for each in told["messages"]][:3] == ["22", "21", "20"]
    assert "late" in [each["text"] for each in told["messages"]]


async def test_context_on_a_number_holds_the_conversation_there(world: World, tenant: Business) -> None:
    for number in ("1001", "1002"):
        await world.receive(tenant, tenant.message(phone_number_id=number))
        world.clock.forward(minutes=1)
    customer = await contact_of(world, tenant, CUSTOMER)
    contexts = Contexts(world.db, sends_of(world), Sights(world.directory), world.clock)
    caller = Principal(tenant.tenant, "key")
    on = {number: (await contexts.read(caller, customer, number=number)).conversation for number in (None, "1001", "1002")}
    assert {number: each and each.number for number, each in on.items()} == {None: "1002", "1001": "1001", "1002": "1002"}


async def test_context_tells_what_was_edited_and_said_of_it(world: World, tenant: Business) -> None:
    for each in (original(tenant), edit(tenant, "wamid.e", "second", 5), react(tenant, "wamid.h", "👍", 7)):
        await run(world, tenant, each)
    told, statements = await read(world, tenant, await world.value(tenant, "SELECT contact_id FROM conversations"))
    assert statements == 3
    (message,) = [each for each in told["messages"] if each["wamid"] == "wamid.1"]
    assert (message["text"], message["versions"], [each["emoji"] for each in message["reactions"]]) == ("second", 2, ["👍"])


async def test_context_of_a_group_tells_who_is_in_it(world: World, tenant: Business) -> None:
    await run(world, tenant, spoken(tenant, "wamid.1"))
    group = await group_contact(world, tenant)
    told, statements = await read(world, tenant, group)
    assert statements <= 6
    assert [each["waId"] for each in told["conversation"]["customer"]["group"]["participants"]] == [ANN]
    assert told["messages"][0]["senderCustomerId"] is not None
