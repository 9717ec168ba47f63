"""A message from Genesys without a conversation here: to whom we know it opens one, and the window decides as ever."""

from typing import Any

import pytest

from tests.world import CUSTOMER, Business, World
from waystate.errors import Reason, Rejected
from waystate.events.model import ConversationOpened, MessagePlanned, OutboundProcessed, OutboundRefused

TEMPLATE = {
    "name": "hello",
    "language": "en_US",
    "components": [{"type": "body", "parameters": [{"type": "text", "text": "{text}"}]}],
}


async def known(world: World, tenant: Business) -> str:
    """A customer whose conversation, which Genesys knows, is over."""
    await world.receive(tenant, tenant.message())
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = 'before'")
    await world.close(tenant)
    return str(await world.value(tenant, "SELECT id FROM contacts"))


async def conversations(world: World, tenant: Business) -> list[tuple[Any, ...]]:
    rows = await world.rows(tenant, "SELECT status, genesys_conversation_id, wa_id FROM conversations ORDER BY id")
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("by_phone", [False, True])
async def test_it_opens_a_conversation_with_whom_we_know(world: World, tenant: Business, by_phone: bool) -> None:
    contact = await known(world, tenant)
    to = f"+{CUSTOMER}" if by_phone else contact
    (result,) = await world.answer(tenant, tenant.reply("g.1", conversation_id="new", recipient_id=to))
    assert isinstance(result, OutboundProcessed)
    assert (result.wa_id, result.conversation_id) == (CUSTOMER, "new")
    assert await conversations(world, tenant) == [("closed", "before", CUSTOMER), ("active", "new", CUSTOMER)]
    types = [row["type"] for row in await world.rows(tenant, "SELECT type FROM events ORDER BY position")]
    assert types.index(ConversationOpened.model_fields["type"].default) < types.index("outbound.processed")


async def test_two_of_them_open_one_and_a_repeat_opens_none(world: World, tenant: Business) -> None:
    contact = await known(world, tenant)
    first, second = (tenant.reply(name, conversation_id="new", recipient_id=contact) for name in ("g.1", "g.2"))
    results = await world.answer(tenant, first, second)
    assert [type(each) for each in results] == [OutboundProcessed] * 2
    await world.close(tenant)
    await world.execute(
        tenant, "UPDATE conversations SET genesys_conversation_id = 'other' WHERE genesys_conversation_id = 'new'"
    )
    assert await world.answer(tenant, first) == [None]
    assert [row[0] for row in await conversations(world, tenant)] == ["closed", "closed"]


async def test_to_a_contact_who_never_wrote_on_this_number_it_is_begun_here(world: World, tenant: Business) -> None:
    await known(world, tenant)
    await world.execute(tenant, "DELETE FROM messages")
    await world.execute(tenant, "DELETE FROM conversations")
    contact = str(await world.value(tenant, "SELECT id FROM contacts"))
    (result,) = await world.answer(tenant, tenant.reply(conversation_id="new", recipient_id=contact))
    assert isinstance(result, OutboundRefused)
    assert result.code == Reason.WINDOW_CLOSED
    assert await conversations(world, tenant) == [("active", "new", CUSTOMER)]


async def test_an_agent_in_the_conversation_that_is_over_is_told_so(world: World, tenant: Business) -> None:
    contact = await known(world, tenant)
    (result,) = await world.answer(tenant, tenant.reply(conversation_id="before", recipient_id=contact))
    assert isinstance(result, OutboundRefused)
    assert result.code == Reason.MAPPING_STATUS_CLOSED
    assert len(await conversations(world, tenant)) == 1


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, OutboundRefused),
        ({"window_policy": "hold"}, MessagePlanned),
        ({"window_policy": "template", "window_template": TEMPLATE}, OutboundProcessed),
    ],
    ids=["refuse", "hold", "template"],
)
async def test_outside_the_window_the_tenants_policy_decides(world: World, settings: dict[str, Any], kind: type) -> None:
    business = await world.add("late", number="8001", **settings)
    contact = await known(world, business)
    world.clock.forward(hours=25)
    (result,) = await world.answer(business, business.reply(conversation_id="new", recipient_id=contact))
    assert isinstance(result, kind)
    if isinstance(result, OutboundProcessed):
        assert result.message_type == "template"


@pytest.mark.parametrize("to", ["+491700000099", "0193446e-8e6f-7a2b-9c3d-000000000001"])
async def test_to_somebody_unknown_it_goes_nowhere(world: World, tenant: Business, to: str) -> None:
    await known(world, tenant)
    (result,) = await world.answer(tenant, tenant.reply(conversation_id="new", recipient_id=to))
    assert isinstance(result, Rejected)
    assert result.reason is Reason.MAPPING_NOT_FOUND
    assert len(await conversations(world, tenant)) == 1
