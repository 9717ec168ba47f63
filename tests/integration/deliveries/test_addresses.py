"""Where answers go: to what the customer last wrote from, and never to a phone that is another customer's by now."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from tests.world import Business, World, accepted
from waystate.contacts.model import Identity, IdentityKind
from waystate.deliveries.model import Claimed, Target
from waystate.errors import Reason
from waystate.events.model import Event, InboundEnriched, OutboundProcessed, OutboundRefused
from waystate.messages.model import InboundMessage
from waystate.messages.receive import numbers_of
from waystate.state import conversations

P, Q = "491700000011", "491700000012"
ANN, BOB = "DE.1", "DE.9"


def from_ann(tenant: Business, wa_id: str | None = P, **said: object) -> InboundMessage:
    return tenant.message(wa_id=wa_id, **({"user_id": ANN, "contact_name": "Ann"} | said))


def from_bob(tenant: Business, wa_id: str | None = P) -> InboundMessage:
    return tenant.message(wa_id=wa_id, user_id=BOB, contact_name="Bob")


async def receive(world: World, tenant: Business, *messages: InboundMessage) -> list[InboundEnriched]:
    """One after the other, a second apart."""
    events: list[Event] = []
    for message in messages:
        world.clock.forward(seconds=1)
        events += await world.receive(tenant, message)
    return [each for each in events if isinstance(each, InboundEnriched)]


async def answer(world: World, tenant: Business, conversation: UUID) -> OutboundProcessed:
    (result,) = await world.answer(tenant, tenant.reply(conversation_id=str(conversation)))
    assert isinstance(result, OutboundProcessed), result
    return result


async def to_whatsapp(world: World, tenant: Business) -> list[Claimed]:
    return [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]


def addressed(claimed: Claimed) -> dict[str, object]:
    return {name: claimed.request[name] for name in ("to", "recipient") if name in claimed.request}


async def test_the_answer_goes_to_the_phone_last_written_from(world: World, tenant: Business) -> None:
    first, second = await receive(world, tenant, from_ann(tenant, P), from_ann(tenant, Q))
    assert second.mapping_id == first.mapping_id
    assert (await answer(world, tenant, first.mapping_id)).wa_id == Q
    assert [addressed(each) for each in await to_whatsapp(world, tenant)] == [{"to": Q}]


async def test_a_phone_is_answered_exactly_as_the_platform_gave_it(world: World, tenant: Business) -> None:
    (event,) = await receive(world, tenant, tenant.message(wa_id="5511955500101"))
    await answer(world, tenant, event.mapping_id)
    assert [addressed(each) for each in await to_whatsapp(world, tenant)] == [{"to": "5511955500101"}]


async def test_who_last_wrote_without_a_phone_is_answered_by_user_id(world: World, tenant: Business) -> None:
    """An older phone may be somebody else's by now."""
    first, _ = await receive(world, tenant, from_ann(tenant, P), from_ann(tenant, None))
    event = await answer(world, tenant, first.mapping_id)
    assert (event.wa_id, event.user_id) == (None, ANN)
    assert [addressed(each) for each in await to_whatsapp(world, tenant)] == [{"recipient": ANN}]


async def test_an_older_message_that_comes_late_turns_no_address_back(world: World, tenant: Business) -> None:
    late = from_ann(tenant, P)
    world.clock.forward(minutes=5)
    (event,) = await receive(world, tenant, from_ann(tenant, Q))
    world.clock.forward(seconds=1)
    await world.receive(tenant, late)
    assert (await answer(world, tenant, event.mapping_id)).wa_id == Q


async def test_of_two_messages_of_one_second_the_one_worked_later_gives_the_address(world: World, tenant: Business) -> None:
    one, two = from_ann(tenant, P), from_ann(tenant, Q)
    (event, _, _) = [each for message in (one, two) for each in await world.receive(tenant, message)]
    assert (await answer(world, tenant, event.mapping_id)).wa_id == Q
    await world.receive(tenant, one)
    assert (await answer(world, tenant, event.mapping_id)).wa_id == Q, "a redelivery counts for nothing"


async def test_bob_on_anns_former_phone_is_somebody_else_and_ann_is_answered_by_user_id(world: World, tenant: Business) -> None:
    ann, bob = await receive(world, tenant, from_ann(tenant), from_bob(tenant))
    assert (bob.contact_id == ann.contact_id, bob.mapping_id == ann.mapping_id) == (False, False)
    assert (bob.former_contact_id, ann.former_contact_id) == (ann.contact_id, None)
    assert await world.value(tenant, "SELECT count(*) FROM events WHERE data ? 'former_contact_id'") == 0, "not published"
    await answer(world, tenant, ann.mapping_id)
    await answer(world, tenant, bob.mapping_id)
    sent = {each.conversation_id: addressed(each) for each in await to_whatsapp(world, tenant)}
    assert sent == {ann.mapping_id: {"recipient": ANN}, bob.mapping_id: {"to": P}}
    (by_phone,) = await receive(world, tenant, tenant.message(wa_id=P))
    assert by_phone.contact_id == bob.contact_id


async def test_ann_with_a_new_phone_is_answered_there_after_her_old_one_went_to_bob(world: World, tenant: Business) -> None:
    ann, _, _ = await receive(world, tenant, from_ann(tenant, P), from_ann(tenant, Q), from_bob(tenant, P))
    assert (await answer(world, tenant, ann.mapping_id)).wa_id == Q


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one batch"])
async def test_a_batch_leaves_the_addresses_that_one_by_one_leaves(world: World, tenant: Business, at_once: bool) -> None:
    messages = [
        replace(each, sent_at=world.clock.forward(seconds=1))
        for each in (from_ann(tenant, Q), from_ann(tenant, P), from_bob(tenant, P), from_bob(tenant, None))
    ]
    for batch in [messages] if at_once else [[each] for each in messages]:
        await world.receive(tenant, *batch)
    rows = await world.rows(
        tenant,
        "SELECT p.name, p.phone_number, c.wa_id, c.user_id FROM conversations c JOIN contacts p ON p.id = c.contact_id"
        " ORDER BY p.name",
    )
    assert [tuple(row.values()) for row in rows] == [("Ann", f"+{Q}", None, ANN), ("Bob", f"+{P}", None, BOB)]


async def test_an_answer_to_who_cannot_be_reached_any_more_is_refused(world: World, tenant: Business) -> None:
    _, ann, _ = await receive(
        world, tenant, from_bob(tenant, Q), tenant.message(wa_id=P, contact_name="Ann"), from_bob(tenant, P)
    )
    (result,) = await world.answer(tenant, tenant.reply(conversation_id=str(ann.mapping_id)))
    assert isinstance(result, OutboundRefused)
    assert result.code == Reason.RECIPIENT_MOVED
    assert await to_whatsapp(world, tenant) == []
    assert await world.value(tenant, "SELECT status FROM messages WHERE direction = 'outbound'") == "failed"


async def test_a_conversation_of_another_release_is_not_answered_at_a_phone_that_went_away(
    world: World, tenant: Business
) -> None:
    """It keeps the first phone, and knows of no user id."""
    ann, _ = await receive(world, tenant, from_ann(tenant), from_bob(tenant))
    await world.execute(tenant, "UPDATE conversations SET wa_id = $1, user_id = NULL WHERE id = $2", P, ann.mapping_id)
    event = await answer(world, tenant, ann.mapping_id)
    assert (event.wa_id, event.user_id) == (None, ANN)


async def test_look_ups_find_the_present_owner_and_show_the_former_no_more(world: World, tenant: Business) -> None:
    ann, bob = await receive(world, tenant, from_ann(tenant), from_bob(tenant))
    (found,) = await conversations.get_or_open_many(
        tenant.tenant, tenant.settings, [(Identity(IdentityKind.WA_ID, P), "")], tenant.number, world.db, world.clock
    )
    assert (found.conversation.id, found.is_new) == (bob.mapping_id, False)
    (former,) = await conversations.find_conversations(tenant.tenant, [str(ann.mapping_id)], world.db)
    assert former is not None
    assert (former.wa_id, former.user_id) == (None, ANN)


async def test_a_conversation_that_is_closed_shows_no_phone_that_went_away(world: World, tenant: Business) -> None:
    (ann,) = await receive(world, tenant, from_ann(tenant))
    await world.close(tenant)
    await receive(world, tenant, from_bob(tenant))
    (former,) = await conversations.find_conversations(tenant.tenant, [str(ann.mapping_id)], world.db)
    assert former is not None
    assert former.wa_id is None


async def test_where_genesys_knows_phones_its_conversation_decides_and_else_the_present_owner(world: World) -> None:
    shop = await world.add("shop", number="3001", genesys_identity="wa_id")
    (ann,) = await receive(world, shop, from_ann(shop))
    for claimed in await world.deliver(shop):
        await world.settle(shop, (claimed, accepted(conversation_id="genesys-ann")))
    (bob,) = await receive(world, shop, from_bob(shop))
    known, unknown = await world.answer(
        shop,
        shop.reply(conversation_id="genesys-ann", recipient_id=P),
        shop.reply(conversation_id="genesys-new", recipient_id=P),
    )
    assert isinstance(known, OutboundProcessed)
    assert isinstance(unknown, OutboundProcessed)
    assert (known.mapping_id, known.wa_id, known.user_id) == (ann.mapping_id, None, ANN)
    assert (unknown.mapping_id, unknown.wa_id) == (bob.mapping_id, P)


async def test_a_message_without_a_number_goes_to_the_number_of_its_user_ids_conversation(
    world: World, tenant: Business
) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        view = await world.view(tenant)
        await receive(world, tenant, from_ann(tenant), replace(from_bob(tenant, Q), phone_number_id="1002"))
        unnumbered = [replace(from_bob(tenant, P), phone_number_id=""), replace(from_ann(tenant, None), phone_number_id="")]
        numbers = await numbers_of(conn, tenant.tenant, view, unnumbered, world.clock.now + timedelta(seconds=1))
    assert numbers == ["1002", "1001"]


async def test_batches_that_race_over_phones_do_not_deadlock_and_every_answer_has_its_customer(
    world: World, tenant: Business
) -> None:
    """Twenty phones, two people on each, in batches of every order; what is open, what is new and what moves are mixed."""

    def crowd(batch: int) -> list[InboundMessage]:
        everybody = [
            tenant.message(f"wamid.{batch}.{n}", wa_id=f"49170{n % 20:07}", user_id=f"DE.{n}") for n in range(batch % 3, 40)
        ]
        return everybody[batch * 4 :] + everybody[: batch * 4]

    for round_ in range(6):
        await asyncio.gather(*(world.receive(tenant, *crowd(round_ * 10 + batch)) for batch in range(10)))
        world.clock.forward(seconds=1)
    talks = await world.rows(
        tenant,
        "SELECT c.id, c.contact_id, i.external_id FROM conversations c JOIN contact_identities i USING (contact_id)"
        " WHERE i.kind = 'bsuid'",
    )
    assert len(talks) == 40
    users = {row["external_id"]: row["contact_id"] for row in talks}
    owners = await world.rows(tenant, "SELECT external_id, contact_id FROM contact_identities WHERE valid_to IS NULL")
    phones = {row["external_id"]: row["contact_id"] for row in owners}
    for row in talks:
        event = await answer(world, tenant, row["id"])
        assert event.wa_id is None or phones[event.wa_id] == row["contact_id"]
        assert users[event.user_id or ""] == row["contact_id"]


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one batch"])
async def test_a_late_message_that_opens_a_conversation_is_not_answered_at_a_phone_another_wrote_from_since(
    world: World, tenant: Business, at_once: bool
) -> None:
    """Ann's message of the morning is replayed in the evening; Bob wrote from the phone at noon."""
    (ann,) = await receive(world, tenant, from_ann(tenant))
    await world.close(tenant)
    late = from_ann(tenant)
    world.clock.forward(hours=2)
    noon = from_bob(tenant)
    for batch in [[noon, late]] if at_once else [[noon], [late]]:
        await world.receive(tenant, *batch)
    rows = await world.rows(tenant, "SELECT id, contact_id FROM conversations WHERE closed_at IS NULL")
    talks = {row["contact_id"]: row["id"] for row in rows}
    assert (await answer(world, tenant, talks.pop(ann.contact_id))).wa_id is None
    assert (await answer(world, tenant, *talks.values())).user_id == BOB
    assert sorted(str(addressed(each)) for each in await to_whatsapp(world, tenant)) == [
        str({"recipient": ANN}),
        str({"to": P}),
    ]


async def test_the_log_tells_whose_a_phone_was_by_ids_alone(world: World, tenant: Business) -> None:
    with capture_logs() as lines:
        ann, bob = await receive(world, tenant, from_ann(tenant), from_bob(tenant))
    assert lines == [
        {
            "event": "A phone went to another contact.",
            "log_level": "info",
            "operation": "inbound",
            "contact_id": bob.contact_id,
            "former_contact_id": ann.contact_id,
        }
    ]
