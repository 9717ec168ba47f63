"""The index by which conversations are found follows what happens, and its first fill goes on where it died."""

from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from tests.integration.contacts.test_merges import P1, P2, U1, hear
from tests.integration.messages.test_amend import edit, revoke
from tests.world import LANES, Business, World, commits_of, run_in
from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.conversations.model import ConversationStatus, Sight
from waystate.customers.indexing import IndexSink
from waystate.customers.merges.merge import CustomerMerges
from waystate.customers.words import query_of
from waystate.events.sinks import relay
from waystate.ids import new_id
from waystate.inbox import store
from waystate.inbox.indexing import InboxSink, InboxWorker
from waystate.inbox.model import InboxFilter, InboxSort
from waystate.pipeline.run import run_inbound
from waystate.principal import OPERATOR
from waystate.work.leases import RELAY, LeaseKeeper


@pytest.fixture
async def tenant(world: World) -> Business:
    return await world.add("acme", number="1001")


async def follow(world: World, tenant: Business) -> None:
    """As the loops do."""
    for sink in (InboxSink(), IndexSink()):
        while (await relay(world.db, tenant.tenant, sink, epoch=1, batch=100)).is_full:
            pass


async def find(
    world: World, tenant: Business, question: str | None = None, sort: InboxSort = InboxSort.LAST_ACTIVITY, **wanted: Any
) -> list[UUID]:
    few = wanted.pop("few", store.FEW)
    asked = InboxFilter(words=None if question is None else query_of(question), **wanted)
    async with world.db.tenant(tenant.tenant) as conn:
        places = await store.list_places(conn, tenant.tenant, asked, sort, after=None, now=world.clock(), batch=10, few=few)
    return [each.conversation_id for each in places]


async def counts(world: World, tenant: Business, conversation: UUID) -> tuple[int, int]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await conversation_store.count_messages(conn, tenant.tenant, conversation)


async def loop(world: World, **given: int) -> None:
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(hours=30), kinds=(RELAY,))
    await leases.renew()
    try:
        await InboxWorker(world.db, leases, world.clock, lanes=LANES, batch=100, **given).step(set(), sweep=True)
    finally:
        await leases.release()


async def test_what_is_said_is_found_by_words_of_one_message_and_by_its_customer(world: World, tenant: Business) -> None:
    one = (await hear(world, tenant, P1, contact_name="Ada Lovelace", text="Meine Bücher fehlen")).mapping_id
    two = (await hear(world, tenant, P2, contact_name="Grace", text="注文番号を教えてください")).mapping_id
    await hear(world, tenant, P1, text="Wo sind sie?")
    assert await find(world, tenant, "bucher") == []
    await follow(world, tenant)
    assert await find(world, tenant, "BUCHER fehl") == await find(world, tenant, "lovelace") == [one]
    assert await find(world, tenant, "番号") == await find(world, tenant, P2) == [two]
    assert await find(world, tenant, "bucher sind") == [], "they stand in two messages"
    assert await find(world, tenant) == [one, two]
    assert await counts(world, tenant, one) == (2, 0)


async def test_what_was_edited_is_found_as_it_is_and_what_was_revoked_not_at_all(world: World, tenant: Business) -> None:
    message = await hear(world, tenant, P1, text="first words")
    await follow(world, tenant)
    await run_in(
        world.db,
        world.directory,
        world.clock,
        tenant.tenant,
        run_inbound,
        [edit(tenant, "wamid.e", "second", 1, of=message.wamid)],
    )
    await follow(world, tenant)
    assert (await find(world, tenant, "first"), await find(world, tenant, "second")) == ([], [message.mapping_id])
    await run_in(
        world.db, world.directory, world.clock, tenant.tenant, run_inbound, [revoke(tenant, "wamid.r", 2, of=message.wamid)]
    )
    await follow(world, tenant)
    assert await find(world, tenant, "second") == []


async def test_each_filter_finds_its_own_in_every_order(world: World, tenant: Business) -> None:
    one = (await hear(world, tenant, P1)).mapping_id
    two = (await hear(world, tenant, P2)).mapping_id
    person, queue = new_id(), new_id()
    await world.execute(tenant, "INSERT INTO queues VALUES ('acme', $1, 'q', NULL, NULL, now(), now())", queue)
    await world.execute(
        tenant, "UPDATE conversations SET queue_id = $1, assigned_user_id = $2 WHERE id = $3", queue, person, one
    )
    await world.execute(tenant, "INSERT INTO conversation_tags VALUES ('acme', 'vip', $1)", two)
    await hear(world, tenant, P1)
    await follow(world, tenant)
    assert await find(world, tenant, sort=InboxSort.WAITING) == [one, two], "who waits longest comes first"
    assert await find(world, tenant, sort=InboxSort.CREATED) == [two, one]
    for order in (InboxSort.LAST_ACTIVITY, InboxSort.WAITING):
        assert (
            await find(world, tenant, sort=order, assignee=person)
            == await find(world, tenant, sort=order, queue=queue)
            == [one]
        )
        assert await find(world, tenant, sort=order, is_unassigned=True) == [two]
        assert await find(world, tenant, sort=order, tags=("vip",)) == [two]
        assert await find(world, tenant, sort=order, sight=Sight(person)) == [one]
        assert await find(world, tenant, sort=order, sight=Sight(new_id(), (queue,))) == [], "somebody has it"
        assert set(await find(world, tenant, sort=order, phone_number_id="1001", is_window_open=True)) == {one, two}
        assert await find(world, tenant, sort=order, is_window_open=False) == []
        assert await find(world, tenant, sort=order, controller="flow") == []
        assert await find(world, tenant, sort=order, status=ConversationStatus.CLOSED) == []
    assert await find(world, tenant, since=world.clock()) == [one]
    world.clock.forward(days=4)
    assert await find(world, tenant, status=ConversationStatus.ACTIVE) == [], "they are overdue"
    assert await find(world, tenant) == [one, two]


async def test_what_many_say_is_found_by_walking_the_order(world: World, tenant: Business) -> None:
    one = (await hear(world, tenant, P1, text="hello")).mapping_id
    two = (await hear(world, tenant, P2, contact_name="Hellojulia", text="bye")).mapping_id
    person = new_id()
    await world.execute(tenant, "UPDATE conversations SET assigned_user_id = $1", person)
    await follow(world, tenant)
    for order in InboxSort:
        assert set(await find(world, tenant, "hello", sort=order, few=0)) == {one, two}
        assert await find(world, tenant, "bye", sort=order, sight=Sight(person), few=0) == [two]
        assert await find(world, tenant, "hello", sort=order, sight=Sight(new_id()), few=0) == []


async def test_of_merged_customers_one_is_found_with_what_both_said(world: World, tenant: Business) -> None:
    by_phone = await hear(world, tenant, P1, contact_name="Ada", text="orange")
    by_user = await hear(world, tenant, None, U1, text="apple")
    await follow(world, tenant)
    kept = await hear(world, tenant, P1, U1, text="pear")
    await follow(world, tenant)
    both = {by_phone.mapping_id, by_user.mapping_id}
    assert set(await find(world, tenant, "ada")) == both
    assert kept.mapping_id in both
    assert await find(world, tenant, status=ConversationStatus.ACTIVE) == [kept.mapping_id]
    assert await find(world, tenant, "pear") == [kept.mapping_id]
    assert sorted([await counts(world, tenant, each) for each in both]) == [(1, 0), (2, 0)]


async def test_of_a_merge_that_is_undone_each_is_found_where_it_went(world: World, tenant: Business) -> None:
    merges = CustomerMerges(commits_of(world), world.directory, world.clock)
    one = await hear(world, tenant, P1, text="orange")
    two = await hear(world, tenant, P2, text="apple")
    record, _ = await merges.merge(tenant.tenant, one.contact_id, two.contact_id, OPERATOR)
    await follow(world, tenant)
    world.clock.forward(minutes=20)
    await hear(world, tenant, P1, text="pear")
    await follow(world, tenant)
    assert await find(world, tenant, "pear") == [two.mapping_id]
    await merges.undo(tenant.tenant, record.id, OPERATOR)
    await follow(world, tenant)
    assert set(await find(world, tenant, status=ConversationStatus.ACTIVE)) == {one.mapping_id, two.mapping_id}
    for word, home in (("orange", one), ("apple", two), ("pear", one)):
        assert await find(world, tenant, word) == [home.mapping_id]
    assert [await counts(world, tenant, each.mapping_id) for each in (one, two)] == [(2, 0), (1, 0)]
    kept = await world.rows(tenant, "SELECT type FROM conversation_log WHERE conversation_id = $1 ORDER BY at", one.mapping_id)
    assert [each["type"] for each in kept][-2:] == ["conversation.merged", "conversation.reopened"]


async def test_the_first_fill_goes_on_where_it_died_and_counts_each_message_once(world: World, tenant: Business) -> None:
    one = (await hear(world, tenant, P1, text="orange")).mapping_id
    two = (await hear(world, tenant, P2, text="apple")).mapping_id
    async with world.db.owner() as conn:
        await conn.execute(f"ALTER TABLE conversation_index ADD CONSTRAINT dies CHECK (conversation_id <> '{two}')")
    await loop(world, page=1)
    assert await find(world, tenant, "orange") == [one]
    assert await find(world, tenant, "apple") == []
    async with world.db.owner() as conn:
        await conn.execute("ALTER TABLE conversation_index DROP CONSTRAINT dies")
    await hear(world, tenant, P1, text="pear")
    await loop(world, page=1)
    await hear(world, tenant, P2, text="plum")
    await loop(world)
    for word, home in (("orange", one), ("apple", two), ("pear", one), ("plum", two)):
        assert await find(world, tenant, word) == [home]
    assert await counts(world, tenant, one) == await counts(world, tenant, two) == (2, 0)


async def test_what_no_event_tells_of_is_wanted_and_found(world: World, tenant: Business) -> None:
    message = await hear(world, tenant, P1, text="orange")
    await loop(world)
    await world.execute(tenant, "DELETE FROM conversation_index")
    await world.execute(tenant, "DELETE FROM conversation_words")
    async with world.db.tenant(tenant.tenant) as conn:
        await contact_store.want_index(conn, tenant.tenant, [message.contact_id])
    await loop(world)
    assert await find(world, tenant, "orange") == [message.mapping_id]
    assert await counts(world, tenant, message.mapping_id) == (1, 0)
    async with world.db.work() as conn:
        assert tenant.tenant not in await store.list_due(conn)


async def test_who_sees_what_is_decided_alike_in_lists_and_for_single_ones(world: World, tenant: Business) -> None:
    me, other, mine, foreign = (new_id() for _ in range(4))
    for viewer in (None, me):
        sight = Sight(viewer, (mine,) if viewer else ())
        for assigned, queue, holder in product((None, me, other), (None, mine, foreign), (None, f"person:{me}", "genesys")):
            said = await world.value(
                tenant, "SELECT is_in_sight($1, $2, $3, $4, $5)", assigned, queue, holder, sight.viewer, list(sight.queues)
            )
            assert said is sight.shows(assigned, queue, holder), (viewer, assigned, queue, holder)
