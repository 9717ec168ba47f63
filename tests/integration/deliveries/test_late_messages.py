"""A message that came late says what was true when it was written: it takes no phone from whoever wrote from it since."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.world import Business, World
from waystate.contacts.model import Identity, IdentityKind
from waystate.deliveries.model import Target
from waystate.messages.model import InboundMessage
from waystate.state.conversations import get_or_open_many

P, Q = "491700000001", "491700000002"
Wrote = tuple[str, int, str | None]
"""Who, how many seconds after the start, and from which phone, if it was shown."""


@pytest.fixture
async def tenant(world: World) -> Business:
    business = await world.add("acme", number="1001")
    world.clock.forward(seconds=300)
    return business


def message(world: World, tenant: Business, who: str, at: int, phone: str | None) -> InboundMessage:
    sent_at = world.clock.now - timedelta(seconds=300) + timedelta(seconds=at)
    return tenant.message(wa_id=phone, user_id=f"DE.{who}", sent_at=sent_at)


async def came(world: World, tenant: Business, *wrote: Wrote) -> None:
    """One by one, in this order."""
    for who, at, phone in wrote:
        await world.receive(tenant, message(world, tenant, who, at, phone))


async def conversation_of(world: World, tenant: Business, who: str) -> str:
    sql = (
        "SELECT c.id FROM conversations c JOIN contact_identities i ON i.contact_id = c.contact_id"
        " WHERE i.kind = 'bsuid' AND i.valid_to IS NULL AND i.external_id = $1"
    )
    return str(await world.value(tenant, sql, f"DE.{who}"))


async def answer(world: World, tenant: Business, who: str) -> None:
    await world.answer(tenant, tenant.reply(conversation_id=await conversation_of(world, tenant, who)))


async def sent(world: World, tenant: Business) -> list[tuple[Any, Any]]:
    claimed = [each for each in await world.deliver(tenant) if each.target == Target.WHATSAPP]
    assert not any(each.is_astray for each in claimed)
    return [(each.request.get("to"), each.request.get("recipient")) for each in claimed]


@pytest.mark.parametrize(
    "since",
    [
        [("B", 10, P)],
        [("B", 10, P), ("B", 20, None)],
        [("B", 10, P), ("B", 20, Q)],
        [("B", 2, P), ("B", 10, P)],
    ],
    ids=["wrote from it", "and then without a phone", "and then from another", "and before"],
)
@pytest.mark.parametrize("late", [[("C", 5, P)], [("C", 5, P), ("C", 7, P)]], ids=["one", "two"])
async def test_whose_message_is_older_than_the_owners_is_answered_by_user_id(
    world: World, tenant: Business, since: list[Wrote], late: list[Wrote]
) -> None:
    await came(world, tenant, *since, *late)
    await answer(world, tenant, "C")
    assert await sent(world, tenant) == [(None, "DE.C")]


async def test_in_one_batch_it_is_as_one_by_one(world: World, tenant: Business) -> None:
    await world.receive(tenant, *(message(world, tenant, who, at, P) for who, at in (("B", 2), ("B", 10), ("C", 5), ("C", 7))))
    await answer(world, tenant, "C")
    assert await sent(world, tenant) == [(None, "DE.C")]


async def test_a_phone_that_was_lost_is_not_had_back_by_an_older_message(world: World, tenant: Business) -> None:
    await came(world, tenant, ("B", 10, P))
    await answer(world, tenant, "B")
    await world.relay(tenant)
    await came(world, tenant, ("C", 20, P), ("B", 5, P))
    assert await sent(world, tenant) == [(None, "DE.B")], "what waited for B is not said to C"


async def test_a_look_up_by_the_phone_finds_who_wrote_from_it_last(world: World, tenant: Business) -> None:
    await came(world, tenant, ("B", 10, P), ("C", 5, P))
    wanted = [(Identity(IdentityKind.WA_ID, P), "1001")]
    (found,) = await get_or_open_many(tenant.tenant, tenant.settings, wanted, "1001", world.db, world.clock)
    assert str(found.conversation.id) == await conversation_of(world, tenant, "B")


async def test_on_another_number_of_the_tenant_it_is_the_same(world: World, tenant: Business) -> None:
    await came(world, tenant, ("B", 10, P))
    await world.receive(tenant, replace(message(world, tenant, "C", 5, P), phone_number_id="2002"))
    row = await world.row(tenant, "SELECT wa_id, user_id FROM conversations WHERE phone_number_id = '2002'")
    assert (row["wa_id"], row["user_id"]) == (None, "DE.C")


async def test_late_messages_on_two_numbers_take_no_phone_either(world: World, tenant: Business) -> None:
    await came(world, tenant, ("B", 10, P))
    await world.receive(tenant, replace(message(world, tenant, "C", 5, P), phone_number_id="2002"))
    await came(world, tenant, ("C", 4, P))
    sql = "SELECT count(*) FROM conversations WHERE user_id = 'DE.C' AND wa_id IS NULL"
    assert await world.value(tenant, sql) == 2
    assert await world.value(tenant, "SELECT count(*) FROM conversations WHERE user_id = 'DE.B' AND wa_id = $1", P) == 1


async def test_who_writes_later_takes_the_phone_as_before(world: World, tenant: Business) -> None:
    await came(world, tenant, ("B", 10, P), ("C", 15, P))
    await answer(world, tenant, "C")
    assert await sent(world, tenant) == [(P, None)]
