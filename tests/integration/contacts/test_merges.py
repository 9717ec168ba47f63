"""Who turns out to be whom, against PostgreSQL: contacts are merged, ids change, and what was theirs comes along."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.integration.contacts.test_contact_store import owners
from tests.world import Business, World, run_in
from waystate.contacts import store
from waystate.contacts.model import Identity, IdentityKind
from waystate.events.model import ContactMerged, ContactUpdated, ConversationMerged, InboundEnriched, OutboundProcessed
from waystate.messages.model import InboundMessage
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_inbound
from waystate.state.invalidations import Invalidations
from waystate.work.batch import with_retries

P1, P2, U1, U2 = "491700000001", "491700000002", "DE.1", "DE.2"


def phone(number: str) -> Identity:
    return Identity(IdentityKind.WA_ID, number)


def user(bsuid: str) -> Identity:
    return Identity(IdentityKind.BSUID, bsuid)


async def run(world: World, tenant: Business, *messages: InboundMessage) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, messages)


async def hear(world: World, tenant: Business, wa_id: str | None, user_id: str | None = None, **said: Any) -> InboundEnriched:
    """The event of a message a second later."""
    world.clock.forward(seconds=1)
    judged = await run(world, tenant, tenant.message(wa_id=wa_id, user_id=user_id, **said))
    (event,) = [each for each in judged.events if isinstance(each, InboundEnriched)]
    return event


def changed(tenant: Business, phone: str | None = P1, bsuid: str | None = None, /, **system: str) -> InboundMessage:
    """Told of who had these ids until now."""
    content = {"type": "user_changed_number", "body": "changed"} | system
    return tenant.message("wamid.system", type="system", wa_id=phone, user_id=bsuid, content=content)


async def contact_of(world: World, tenant: Business, wamid: str) -> UUID:
    """As the trace tells it."""
    sql = "SELECT c.contact_id FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.wamid = $1"
    found: UUID = await world.value(tenant, sql, wamid)
    return found


async def test_two_contacts_that_a_message_proves_to_be_one_are_merged(world: World, tenant: Business) -> None:
    by_phone = await hear(world, tenant, P1, contact_name="Ada")
    by_user = await hear(world, tenant, None, U1)
    world.clock.forward(seconds=1)
    judged = await run(world, tenant, tenant.message("wamid.both", wa_id=P1, user_id=U1))
    merged, ended, event = judged.events
    assert isinstance(merged, ContactMerged)
    assert isinstance(ended, ConversationMerged)
    assert (merged.merged_contact_id, merged.contact_id) == (by_phone.contact_id, by_user.contact_id)
    assert (ended.mapping_id, ended.into_mapping_id) == (by_phone.mapping_id, by_user.mapping_id)
    assert isinstance(event, InboundEnriched)
    assert (event.contact_id, event.mapping_id, event.is_new_conversation) == (by_user.contact_id, by_user.mapping_id, False)
    rows = await world.rows(tenant, "SELECT id, contact_id, status, close_reason FROM conversations ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [
        (by_phone.mapping_id, by_user.contact_id, "closed", "merged"),
        (by_user.mapping_id, by_user.contact_id, "active", None),
    ]
    messages = "SELECT count(*) FROM messages WHERE conversation_id = $1"
    assert [await world.value(tenant, messages, each) for each in (by_phone.mapping_id, by_user.mapping_id)] == [1, 2]
    assert await owners(world, tenant) == {phone(P1): by_user.contact_id, user(U1): by_user.contact_id}
    assert await world.rows(tenant, "SELECT name, phone_number FROM contacts") == [{"name": "Ada", "phone_number": f"+{P1}"}]


async def test_the_contact_that_wrote_last_stays_whatever_its_ids(world: World, tenant: Business) -> None:
    by_user = await hear(world, tenant, None, U1)
    by_phone = await hear(world, tenant, P1)
    both = await hear(world, tenant, P1, U1)
    assert (both.contact_id, both.mapping_id) == (by_phone.contact_id, by_phone.mapping_id)
    assert await hear(world, tenant, None, U1) != by_user
    assert (await owners(world, tenant))[user(U1)] == by_phone.contact_id


async def test_the_record_keeps_what_undoing_takes(world: World, tenant: Business) -> None:
    by_phone = await hear(world, tenant, P1, contact_name="Ada")
    by_user = await hear(world, tenant, None, U1)
    await hear(world, tenant, P1, U1)
    record = await world.row(tenant, "SELECT * FROM contact_merges")
    assert (record["merged_id"], record["into_id"], record["contact_id"]) == (
        by_phone.contact_id,
        by_user.contact_id,
        by_user.contact_id,
    )
    undo = record["undo"]
    assert (undo["contact"]["name"], undo["contact"]["phone_number"]) == ("Ada", f"+{P1}")
    assert [(each["kind"], each["external_id"], each["valid_to"]) for each in undo["contact"]["identities"]] == [
        ("wa_id", P1, None)
    ]
    assert undo["conversations"] == [str(by_phone.mapping_id)]
    assert undo["closed"] == {str(by_phone.mapping_id): "active"}


async def test_what_genesys_says_to_a_merged_contact_reaches_the_person(world: World, tenant: Business) -> None:
    by_phone = await hear(world, tenant, P1)
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = 'old' WHERE id = $1", by_phone.mapping_id)
    by_user = await hear(world, tenant, None, U1)
    await world.execute(tenant, "UPDATE conversations SET genesys_conversation_id = 'new' WHERE id = $1", by_user.mapping_id)
    await hear(world, tenant, P1, U1)
    replies = [
        tenant.reply(conversation_id="old"),
        tenant.reply(conversation_id="unheard", recipient_id=str(by_phone.contact_id)),
        tenant.reply(conversation_id="new"),
    ]
    for reply in replies[:1] + replies[2:] + replies[1:2]:
        (result,) = await world.answer(tenant, reply)
        assert isinstance(result, OutboundProcessed)
        assert (result.mapping_id, result.contact_id, result.wa_id) == (by_user.mapping_id, by_user.contact_id, P1)
        if reply.conversation_id != "unheard":
            sql = "SELECT genesys_conversation_id FROM conversations WHERE status = 'active'"
            assert await world.value(tenant, sql) == "new", "what is said in the old one does not take it over"


async def test_of_merges_one_after_the_other_every_id_leads_to_the_last(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1)
    second = await hear(world, tenant, P2)
    both = await hear(world, tenant, P1, other_wa_ids=(P2,))
    third = await hear(world, tenant, None, U1)
    last = await hear(world, tenant, P1, U1)
    gone = {first.contact_id, second.contact_id, both.contact_id, third.contact_id} - {last.contact_id}
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.find_survivors(conn, tenant.tenant, gone) == dict.fromkeys(gone, last.contact_id)
    assert set(await owners(world, tenant)) == {phone(P1), phone(P2), user(U1)}


async def test_conversations_on_two_numbers_both_stay_open(world: World, tenant: Business) -> None:
    here = await hear(world, tenant, P1)
    there = await hear(world, tenant, None, U1, phone_number_id="1009")
    judged = await run(world, tenant, tenant.message(wa_id=P1, user_id=U1))
    assert not [each for each in judged.events if isinstance(each, ConversationMerged)]
    rows = await world.rows(tenant, "SELECT id FROM conversations WHERE status = 'active' ORDER BY id")
    assert [row["id"] for row in rows] == [here.mapping_id, there.mapping_id]


async def test_what_a_process_remembers_of_a_merged_contact_is_dropped(world: World, tenant: Business) -> None:
    by_phone, by_user = await hear(world, tenant, P1), await hear(world, tenant, None, U1)
    judged = await run(world, tenant, tenant.message(wa_id=P1, user_id=U1))
    forgotten: set[UUID] = set()
    invalidations = Invalidations.__new__(Invalidations)
    invalidations.forget = lambda _, contacts: forgotten.update(contacts)  # type: ignore[method-assign]
    invalidations.changed(tenant.tenant, judged.events)
    assert forgotten == {by_phone.contact_id, by_user.contact_id}


async def test_messages_that_race_a_merge_all_reach_the_one_contact(world: World, tenant: Business) -> None:
    await hear(world, tenant, P1)
    await hear(world, tenant, None, U1)
    messages = [tenant.message(wa_id=P1), tenant.message(wa_id=None, user_id=U1), tenant.message(wa_id=P1, user_id=U1)] * 7
    messages = [tenant.message(f"wamid.{n}", wa_id=each.wa_id, user_id=each.user_id) for n, each in enumerate(messages)]
    await asyncio.gather(*(with_retries(lambda each=each: run(world, tenant, each)) for each in messages))
    assert await world.value(tenant, "SELECT count(*) FROM messages") == len(messages) + 2
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 1
    assert await world.value(tenant, "SELECT count(*) FROM conversations WHERE status = 'active'") == 1
    assert await world.value(tenant, "SELECT count(DISTINCT contact_id) FROM conversations") == 1


async def test_a_change_of_number_gives_the_contact_its_new_ids(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    judged = await run(world, tenant, changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1))
    (event,) = judged.events
    assert isinstance(event, ContactUpdated)
    assert (event.contact_id, event.wa_id, event.user_id) == (first.contact_id, P2, U2)
    assert await owners(world, tenant) == {phone(P2): first.contact_id, user(U2): first.contact_id}
    assert await world.value(tenant, "SELECT phone_number FROM contacts") == f"+{P2}"
    (answer,) = await world.answer(tenant, tenant.reply(conversation_id=str(first.mapping_id)))
    assert isinstance(answer, OutboundProcessed)
    assert answer.wa_id == P2
    assert await contact_of(world, tenant, "wamid.system") == first.contact_id
    after = await hear(world, tenant, P2, U2)
    assert (after.contact_id, after.mapping_id) == (first.contact_id, first.mapping_id)


async def test_a_change_finds_the_contact_by_the_other_spelling_of_its_phone(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, "5511987654321")
    await run(world, tenant, changed(tenant, "551187654321", wa_id=P2))
    assert await owners(world, tenant) == {phone(P2): first.contact_id}


async def test_a_change_of_the_user_id_leaves_the_phone(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    await run(world, tenant, changed(tenant, None, type="user_changed_user_id", user_id=U2, previous_user_id=U1))
    assert await owners(world, tenant) == {phone(P1): first.contact_id, user(U2): first.contact_id}
    assert (await hear(world, tenant, P1, U2)).contact_id == first.contact_id


async def test_who_wrote_by_the_new_ids_before_the_change_was_told_is_merged(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    ahead = await hear(world, tenant, P2, U2)
    assert ahead.contact_id != first.contact_id
    await run(world, tenant, changed(tenant, P1, wa_id=P2, user_id=U2, previous_user_id=U1))
    assert await owners(world, tenant) == {phone(P2): ahead.contact_id, user(U2): ahead.contact_id}
    assert await contact_of(world, tenant, first.wamid) == ahead.contact_id


async def test_a_change_to_the_phone_of_somebody_with_another_user_id_merges_nobody(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    other = await hear(world, tenant, P2, "DE.7")
    await run(world, tenant, changed(tenant, P1, wa_id=P2, user_id=U2, previous_user_id=U1))
    assert await owners(world, tenant) == {
        phone(P2): first.contact_id,
        user(U2): first.contact_id,
        user("DE.7"): other.contact_id,
    }


async def test_a_batch_with_a_change_gives_what_one_by_one_gives(world: World, tenant: Business) -> None:
    change = changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1)
    messages = [tenant.message("wamid.1", wa_id=P1, user_id=U1), change, tenant.message("wamid.2", wa_id=P2, user_id=U2)]
    await run(world, tenant, *messages)
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 1
    assert set(await owners(world, tenant)) == {phone(P2), user(U2)}
    assert await world.value(tenant, "SELECT count(*) FROM conversations") == 1


async def test_what_was_written_before_a_change_and_comes_after_it_is_the_same_persons(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    world.clock.forward(minutes=1)
    await run(world, tenant, changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1))
    for ids in ((P1, U1), (P1, None), (None, U1)):
        late = await hear(world, tenant, *ids, sent_at=world.clock.now - timedelta(seconds=30))
        assert (late.contact_id, late.mapping_id) == (first.contact_id, first.mapping_id)
        (answer,) = await world.answer(tenant, tenant.reply(conversation_id=str(first.mapping_id)))
        assert isinstance(answer, OutboundProcessed)
        assert (answer.wa_id or answer.user_id) in (P2, U2), "never to what is another's by now, or nobody's"
    later = await hear(world, tenant, P1)
    assert later.contact_id != first.contact_id, "whoever has the old phone now is somebody else"


async def test_a_change_told_again_after_the_phone_went_to_somebody_else_does_nothing(world: World, tenant: Business) -> None:
    await hear(world, tenant, P1)
    change = changed(tenant, P1, wa_id=P2)
    await run(world, tenant, change)
    bob = await hear(world, tenant, P1, "DE.7")
    before = await owners(world, tenant)
    await run(world, tenant, change)
    assert await owners(world, tenant) == before
    assert before[phone(P1)] == bob.contact_id


async def test_a_user_id_that_no_other_replaced_stays_the_customers(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    world.clock.forward(minutes=1)
    await run(world, tenant, changed(tenant, P1, wa_id=P2))
    assert (await hear(world, tenant, None, U1)).contact_id == first.contact_id
    assert await owners(world, tenant) == dict.fromkeys((phone(P2), user(U1)), first.contact_id)
    other = await hear(world, tenant, P2, U2)
    assert other.contact_id != first.contact_id, "the phone is another's: the customer kept the user id"
    assert await owners(world, tenant) == {user(U1): first.contact_id} | dict.fromkeys((phone(P2), user(U2)), other.contact_id)


async def test_the_user_id_that_a_new_phone_shows_replaces_the_one_before(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    world.clock.forward(minutes=1)
    await run(world, tenant, changed(tenant, P1, wa_id=P2))
    assert (await hear(world, tenant, P2, U2)).contact_id == first.contact_id
    assert await owners(world, tenant) == dict.fromkeys((phone(P2), user(U2)), first.contact_id)


async def test_a_change_told_late_ends_no_user_id_that_was_seen_since(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    world.clock.forward(minutes=1)
    told = changed(tenant, P1, wa_id=P2)
    world.clock.forward(minutes=1)
    await hear(world, tenant, P2, U1)
    await run(world, tenant, told)
    assert await owners(world, tenant) == dict.fromkeys((phone(P2), user(U1)), first.contact_id)


async def test_a_change_to_the_same_phone_ends_nothing(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    await run(world, tenant, changed(tenant, P1, U1, wa_id=P1))
    assert await owners(world, tenant) == dict.fromkeys((phone(P1), user(U1)), first.contact_id)


@pytest.mark.parametrize("bsuid", [U1, None])
@pytest.mark.parametrize("how", ["change", "card"])
async def test_an_attested_phone_of_somebody_with_a_user_id_changes_hands(
    world: World, tenant: Business, bsuid: str | None, how: str
) -> None:
    carol, ann = await hear(world, tenant, P2, "DE.7"), await hear(world, tenant, P1, bsuid)
    world.clock.forward(minutes=1)
    if how == "change":
        await run(world, tenant, changed(tenant, P1, wa_id=P2))
    else:
        card = {"contacts": [{"phones": [{"wa_id": P2}]}]}
        await hear(world, tenant, P1, bsuid, type="contacts", content=card, metadata={"origin": "contact_request"})
    known = await owners(world, tenant)
    assert (known[phone(P2)], known[user("DE.7")]) == (ann.contact_id, carol.contact_id)
    (answer,) = await world.answer(tenant, tenant.reply(conversation_id=str(carol.mapping_id)))
    assert isinstance(answer, OutboundProcessed)
    assert (answer.wa_id, answer.user_id) == (None, "DE.7")
    assert (await hear(world, tenant, None, "DE.7")).contact_id == carol.contact_id


@pytest.mark.parametrize("minutes", [0, 1, -1])
@pytest.mark.parametrize("wa_id", [None, P1])
async def test_a_user_id_that_ended_leads_to_who_had_it(
    world: World, tenant: Business, minutes: int, wa_id: str | None
) -> None:
    first = await hear(world, tenant, P1, U1)
    world.clock.forward(minutes=2)
    at = world.clock.now
    await run(world, tenant, changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1))
    world.clock.forward(minutes=2)
    later = await hear(world, tenant, wa_id, U1, sent_at=at + timedelta(minutes=minutes))
    assert (later.contact_id, later.mapping_id) == (first.contact_id, first.mapping_id)
    known = await owners(world, tenant)
    assert user(U1) not in known, "another one has replaced it"
    assert {known[phone(P2)], known[user(U2)]} == {first.contact_id}


async def test_an_ended_user_id_is_looked_up_by_what_its_contact_has_now(world: World, tenant: Business) -> None:
    await hear(world, tenant, P1, U1)
    await run(world, tenant, changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1))
    async with world.db.tenant(tenant.tenant) as conn:
        found = await store.spell_as_known(conn, tenant.tenant, {user(U1), user(U2), user("DE.9"), phone(P1)})
    assert found == {user(U1): user(U2)}


@pytest.mark.parametrize("bsuid", ["DE.9", None])
async def test_whoever_writes_from_the_old_phone_in_the_second_of_the_change_is_another(
    world: World, tenant: Business, bsuid: str | None
) -> None:
    first = await hear(world, tenant, P1, U1)
    at = world.clock.now
    await run(world, tenant, changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1))
    bob = await hear(world, tenant, P1, bsuid, sent_at=at)
    assert bob.contact_id != first.contact_id
    assert (await owners(world, tenant))[phone(P1)] == bob.contact_id


async def test_changes_told_in_the_wrong_order_end_at_one_contact(world: World, tenant: Business) -> None:
    by_first = await hear(world, tenant, P1, U1)
    world.clock.forward(minutes=1)
    early = changed(tenant, P1, wa_id=P2, user_id=U2, previous_user_id=U1)
    await hear(world, tenant, P2, U2)
    world.clock.forward(minutes=1)
    system = {"type": "user_changed_number", "wa_id": "491700000003", "user_id": "DE.3", "previous_user_id": U2}
    await run(world, tenant, tenant.message("wamid.later", type="system", wa_id=P2, content=system))
    await run(world, tenant, early)
    known = await owners(world, tenant)
    assert set(known) == {phone("491700000003"), user("DE.3")}
    assert {*known.values()} == {await contact_of(world, tenant, by_first.wamid)}


async def test_a_change_of_a_stranger_makes_nobody(world: World, tenant: Business) -> None:
    judged = await run(world, tenant, changed(tenant, P1, wa_id=P2))
    assert (judged.events, await owners(world, tenant)) == ([], {})
    assert judged.verdicts[0].aside


async def test_a_phone_that_the_customer_shares_on_request_is_theirs(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, None, U1)
    assert await world.value(tenant, "SELECT phone_number FROM contacts") is None
    by_phone = await hear(world, tenant, P1)
    card = {"contacts": [{"phones": [{"wa_id": P1}]}]}
    asked = {"type": "contacts", "content": card, "metadata": {"origin": "contact_request"}}
    shared = await hear(world, tenant, None, U1, **asked)
    assert shared.contact_id in (first.contact_id, by_phone.contact_id)
    assert set((await owners(world, tenant)).values()) == {shared.contact_id}
    assert await world.value(tenant, "SELECT phone_number FROM contacts") == f"+{P1}"
    await hear(world, tenant, None, U1, type="contacts", content={"contacts": [{"phones": [{"wa_id": P2}]}]})
    assert phone(P2) not in await owners(world, tenant), "a card of somebody else's"


async def test_a_phone_learned_later_fills_the_number_shown_and_a_second_one_leaves_it(world: World, tenant: Business) -> None:
    await hear(world, tenant, None, U1)
    for number in (P1, P2):
        await hear(world, tenant, number, U1)
        assert await world.value(tenant, "SELECT phone_number FROM contacts") == f"+{P1}"


async def test_an_old_message_does_not_bring_an_old_name_back(world: World, tenant: Business) -> None:
    await hear(world, tenant, P1, contact_name="Old")
    await hear(world, tenant, P1, contact_name="New")
    await hear(world, tenant, P1, contact_name="Old", sent_at=world.clock.now - timedelta(hours=1))
    assert await world.value(tenant, "SELECT name FROM contacts") == "New"
    await hear(world, tenant, P1, contact_name="Newest")
    assert await world.value(tenant, "SELECT name FROM contacts") == "Newest"


async def test_what_waits_for_the_old_phone_is_sent_to_the_new_one(world: World, tenant: Business) -> None:
    first = await hear(world, tenant, P1, U1)
    await world.answer(tenant, tenant.reply(conversation_id=str(first.mapping_id)))
    await world.relay(tenant)
    await run(world, tenant, changed(tenant, P1, U1, wa_id=P2, user_id=U2, previous_user_id=U1))
    claimed = [each for each in await world.claim(tenant) if each.target == "whatsapp"]
    assert [(each.request["to"], each.is_astray) for each in claimed] == [(P2, False)]
