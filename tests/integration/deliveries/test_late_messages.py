"""A message that came late says what was true when it was written: it takes no phone from whoever wrote from it since."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.world import Business, World, wait_for_lock
from waystate.contacts.model import Identity, IdentityKind
from waystate.deliveries.model import Target
from waystate.events import outbox
from waystate.messages import receive
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


def alone(world: World, tenant: Business, at: int) -> InboundMessage:
    return replace(message(world, tenant, "", at, P), wamid="wamid.alone", user_id=None)


async def whose(world: World, tenant: Business) -> str:
    """By the user id of whom the message that shows a phone alone is."""
    sql = (
        "SELECT i.external_id FROM messages m JOIN conversations c ON c.id = m.conversation_id"
        " JOIN contact_identities i USING (contact_id) WHERE i.kind = 'bsuid' AND m.wamid = 'wamid.alone'"
    )
    return str(await world.value(tenant, sql))


@pytest.mark.parametrize(("at", "owner"), [(5, "DE.A"), (10, "DE.B"), (12, "DE.B"), (25, "DE.A"), (0, "DE.A")])
async def test_a_phone_alone_is_its_owners_when_it_was_written(world: World, tenant: Business, at: int, owner: str) -> None:
    await came(world, tenant, ("A", 1, P), ("B", 10, P), ("A", 20, P), ("C", 30, P))
    await world.receive(tenant, alone(world, tenant, at))
    assert await whose(world, tenant) == owner


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("is_batch", [False, True])
async def test_in_time_or_late_or_in_one_batch_a_phone_alone_is_the_same_persons(
    world: World, tenant: Business, place: int, is_batch: bool
) -> None:
    said = [message(world, tenant, "A", 1, P), message(world, tenant, "B", 10, P)]
    said.insert(place, alone(world, tenant, 5))
    for batch in [said] if is_batch else [[each] for each in said]:
        await world.receive(tenant, *batch)
    assert await whose(world, tenant) == "DE.A"


async def test_a_late_phone_alone_turns_no_answer_to_that_phone(world: World, tenant: Business) -> None:
    await came(world, tenant, ("A", 1, P), ("B", 10, P))
    await world.close(tenant)
    await world.receive(tenant, alone(world, tenant, 5))
    talk = await world.value(tenant, "SELECT id FROM conversations WHERE closed_at IS NULL")
    await world.answer(tenant, tenant.reply(conversation_id=str(talk)))
    assert await sent(world, tenant) == [(None, "DE.A")]
    await came(world, tenant, ("B", 40, None))
    assert await world.value(tenant, "SELECT count(*) FROM contact_identities WHERE kind = 'wa_id' AND valid_to IS NULL") == 1


async def test_an_unknown_user_id_that_comes_late_is_whose_phone_it_was(world: World, tenant: Business) -> None:
    """In time it would have been the phone's owner, who had shown no user id; it is still."""
    await world.receive(tenant, alone(world, tenant, 1))
    await came(world, tenant, ("B", 2, Q), ("B", 10, P), ("A", 5, P))
    assert await whose(world, tenant) == "DE.A"
    await answer(world, tenant, "A")
    assert await sent(world, tenant) == [(None, "DE.A")]


async def written_at(world: World, tenant: Business, number: str) -> tuple[Any, ...]:
    sql = "SELECT wa_id, user_id FROM conversations WHERE phone_number_id = $1 ORDER BY id DESC LIMIT 1"
    row = await world.row(tenant, sql, number)
    return row["wa_id"], row["user_id"]


@pytest.mark.parametrize("beside", ["alone", "in a batch with a new customer"])
async def test_beside_the_owner_who_writes_now_it_is_as_after_it(world: World, tenant: Business, beside: str) -> None:
    """B's conversation is closed; what B writes now opens another, not committed yet when the late message is worked."""
    await came(world, tenant, ("B", 0, P))
    await world.close(tenant)
    now = [message(world, tenant, "B", 10, P)]
    if beside != "alone":
        now.append(message(world, tenant, "D", 10, Q))
    late = replace(message(world, tenant, "C", 5, P), phone_number_id="2002")
    async with world.db.tenant(tenant.tenant) as owners:
        events = await receive.track(owners, tenant.tenant, tenant.settings, now, world.clock.now)
        waiting = asyncio.create_task(world.receive(tenant, late))
        await wait_for_lock(owners)
        await outbox.append_many(owners, tenant.tenant, events)
    await waiting
    assert await written_at(world, tenant, "2002") == (None, "DE.C")
    assert (P, "DE.B") in [
        tuple(row.values())
        for row in await world.rows(tenant, "SELECT wa_id, user_id FROM conversations WHERE closed_at IS NULL")
    ]
    owner = "SELECT c.user_id FROM conversations c JOIN contact_identities i USING (contact_id) WHERE i.external_id = $1"
    assert await world.value(tenant, f"{owner} AND i.valid_to IS NULL AND c.closed_at IS NULL", P) == "DE.B"


async def test_the_owner_who_writes_beside_it_has_the_phone_back(world: World, tenant: Business) -> None:
    """The other order: the late message has taken the phone, not committed yet, when its owner writes again."""
    await came(world, tenant, ("B", 0, P))
    await world.close(tenant)
    late = replace(message(world, tenant, "C", 5, P), phone_number_id="2002")
    async with world.db.tenant(tenant.tenant) as taker:
        events = await receive.track(taker, tenant.tenant, tenant.settings, [late], world.clock.now)
        waiting = asyncio.create_task(world.receive(tenant, message(world, tenant, "B", 10, P)))
        await wait_for_lock(taker)
        await outbox.append_many(taker, tenant.tenant, events)
    await waiting
    assert await written_at(world, tenant, "2002") == (None, "DE.C")
    assert await written_at(world, tenant, "1001") == (P, "DE.B")


async def test_a_customer_who_writes_to_two_numbers_at_once_waits_for_nobody(world: World, tenant: Business) -> None:
    await came(world, tenant, ("B", 0, P))
    async with world.db.tenant(tenant.tenant) as first:
        await receive.track(first, tenant.tenant, tenant.settings, [message(world, tenant, "B", 10, P)], world.clock.now)
        other = replace(message(world, tenant, "B", 10, P), phone_number_id="2002")
        async with asyncio.timeout(5), world.db.tenant(tenant.tenant) as second:
            await receive.track(second, tenant.tenant, tenant.settings, [other], world.clock.now)
    assert await written_at(world, tenant, "2002") == (P, "DE.B")
