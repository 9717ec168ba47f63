"""The index by which customers are found follows what happens, whoever told of it, and goes on where its loop died."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.contacts.test_merges import P1, U1, hear
from tests.world import LANES, Business, World, commits_of, wait_for_lock
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, NewContact
from waystate.customers import store
from waystate.customers.bodies import render_customer
from waystate.customers.edit import CustomerEdits, edited
from waystate.customers.indexing import CustomerIndexWorker, IndexSink
from waystate.customers.model import CustomerFilter, Sort
from waystate.customers.words import query_of
from waystate.events.sinks import relay
from waystate.ids import new_id
from waystate.work.leases import RELAY, LeaseKeeper


@pytest.fixture
async def tenant(world: World) -> Business:
    return await world.add("acme", number="1001")


async def follow(world: World, tenant: Business) -> None:
    """As the loop does: events, then those of whom no event tells."""
    while (await relay(world.db, tenant.tenant, IndexSink(), epoch=1, batch=100)).is_full:
        pass
    async with world.db.tenant(tenant.tenant) as conn:
        await store.index_many(conn, tenant.tenant, await store.take_wanted(conn, tenant.tenant, 100))


async def find(world: World, tenant: Business, question: str | None = None, *tags: str) -> list[UUID]:
    wanted = CustomerFilter(words=None if question is None else query_of(question), tags=tags)
    async with world.db.tenant(tenant.tenant) as conn:
        places, _ = await store.list_places(
            conn, tenant.tenant, wanted, Sort.LAST_ACTIVITY, after=None, now=world.clock(), batch=10
        )
    return [each.contact_id for each in places]


async def count(world: World, tenant: Business, contact: UUID) -> int:
    async with world.db.tenant(tenant.tenant) as conn:
        (profile,) = await store.find_many(conn, tenant.tenant, [contact])
    return profile.message_count


async def test_who_writes_is_found_by_name_and_phone_once_the_loop_has_come_by(world: World, tenant: Business) -> None:
    ada = (await hear(world, tenant, P1, contact_name="Ada Lovelace")).contact_id
    assert await find(world, tenant, "lovelace") == []
    await follow(world, tenant)
    assert await find(world, tenant, "LOVE") == await find(world, tenant, f"+{P1[:2]} {P1[2:]}") == [ada]
    await hear(world, tenant, P1)
    await follow(world, tenant)
    assert await count(world, tenant, ada) == 2


async def test_of_two_who_are_one_only_the_one_who_stays_is_found_with_all_tags_and_messages(
    world: World, tenant: Business
) -> None:
    by_phone = (await hear(world, tenant, P1, contact_name="Ada")).contact_id
    by_user = (await hear(world, tenant, None, U1)).contact_id
    async with world.db.tenant(tenant.tenant) as conn:
        for contact, tag in ((by_phone, "a"), (by_user, "b")):
            await store.tag_many(conn, tenant.tenant, [contact], [tag], world.clock())
    await follow(world, tenant)
    assert set(await find(world, tenant)) == {by_phone, by_user}
    kept = (await hear(world, tenant, P1, U1)).contact_id
    await follow(world, tenant)
    assert await find(world, tenant) == await find(world, tenant, None, "a", "b") == [kept]
    assert await count(world, tenant, kept) == 3


async def test_whom_no_event_tells_of_is_wanted_and_found(world: World, tenant: Business) -> None:
    new = NewContact(
        id=new_id(), identities=(Identity(IdentityKind.WA_ID, P1),), created_at=world.clock(), name="Imported", tags=("old",)
    )
    async with world.db.tenant(tenant.tenant) as conn:
        await contact_store.add_many(conn, tenant.tenant, [new])
        await contact_store.want_index(conn, tenant.tenant, [new.id, new.id])
    async with world.db.work() as conn:
        assert tenant.tenant in await store.list_due(conn)
    await follow(world, tenant)
    assert await find(world, tenant, "imported", "old") == [new.id]
    async with world.db.work() as conn:
        assert tenant.tenant not in await store.list_due(conn)


async def test_the_loop_begins_with_everybody_as_they_are_whoever_was_indexed_before(world: World, tenant: Business) -> None:
    ada = (await hear(world, tenant, P1, contact_name="Ada")).contact_id
    async with world.db.tenant(tenant.tenant) as conn:
        await store.index_many(conn, tenant.tenant, [ada])
    await hear(world, tenant, P1, contact_name="Ada Lovelace")
    bob = (await hear(world, tenant, "491700000009", contact_name="Bob")).contact_id
    leases = LeaseKeeper(world.db, world.clock, lanes=LANES, ttl=timedelta(hours=30), kinds=(RELAY,))
    await leases.renew()
    try:
        worker = CustomerIndexWorker(world.db, leases, world.clock, lanes=LANES, batch=100)
        await worker.step(set(), sweep=True)
    finally:
        await leases.release()
    assert (await find(world, tenant, "lovelace"), await find(world, tenant, "bob")) == ([ada], [bob])
    assert (await count(world, tenant, ada), await count(world, tenant, bob)) == (2, 1)


async def test_a_name_by_hand_stays_through_messages_and_a_merge(world: World, tenant: Business) -> None:
    ada = (await hear(world, tenant, P1, contact_name="Ada")).contact_id
    async with world.db.tenant(tenant.tenant) as conn:
        (profile,) = await store.find_many(conn, tenant.tenant, [ada])
        await store.edit_one(conn, tenant.tenant, edited(profile, {"name": "Countess"}), world.clock())
    await hear(world, tenant, P1, contact_name="Ada L.")
    await hear(world, tenant, None, U1, contact_name="Somebody")
    kept = (await hear(world, tenant, P1, U1, contact_name="Ada Lovelace")).contact_id
    async with world.db.tenant(tenant.tenant) as conn:
        (profile,) = await store.find_many(conn, tenant.tenant, [kept])
    assert profile.name == "Countess"


async def test_a_name_by_hand_stays_also_where_it_is_whatsapps(world: World, tenant: Business) -> None:
    ada = (await hear(world, tenant, P1, contact_name="Ada")).contact_id
    edits = CustomerEdits(commits_of(world), world.clock)
    await edits.edit(tenant.tenant, ada, {"name": "Ada"})
    await hear(world, tenant, P1, contact_name="Grace")
    async with world.db.tenant(tenant.tenant) as conn:
        (profile,) = await store.find_many(conn, tenant.tenant, [ada])
    assert profile.name == "Ada"
    await edits.edit(tenant.tenant, ada, {"email": "ada@example.com"})
    await hear(world, tenant, P1, contact_name="Grace")
    await edits.edit(tenant.tenant, ada, {"name": None})
    await hear(world, tenant, P1, contact_name="Grace")
    async with world.db.tenant(tenant.tenant) as conn:
        (profile,) = await store.find_many(conn, tenant.tenant, [ada])
    assert profile.name == "Grace"


async def test_who_only_writes_in_a_group_is_found_and_so_is_the_group(world: World, tenant: Business) -> None:
    said = {"metadata": {"group_id": "group-1"}}
    await world.receive(tenant, tenant.message("wamid.1", wa_id=P1, contact_name="Ann Example", **said))
    await follow(world, tenant)
    (ann,) = await find(world, tenant, "ann")
    (group,) = set(await find(world, tenant)) - {ann}
    async with world.db.tenant(tenant.tenant) as conn:
        person, home = await store.find_many(conn, tenant.tenant, [ann, group])
    assert (render_customer(person).kind, render_customer(home).kind) == ("person", "group")
    assert (person.message_count, home.message_count) == (0, 1)


async def test_who_lost_a_phone_to_another_is_not_found_by_it(world: World, tenant: Business) -> None:
    former = (await hear(world, tenant, P1, U1, contact_name="Ada")).contact_id
    await follow(world, tenant)
    assert await find(world, tenant, P1) == [former]
    world.clock.forward(days=1)
    now = (await hear(world, tenant, P1, "US.another", contact_name="Grace")).contact_id
    assert now != former
    await follow(world, tenant)
    assert await find(world, tenant, P1) == [now]


async def test_what_is_done_to_who_was_merged_is_done_to_who_stayed(world: World, tenant: Business) -> None:
    by_phone = (await hear(world, tenant, P1)).contact_id
    by_user = (await hear(world, tenant, None, U1)).contact_id
    kept = (await hear(world, tenant, P1, U1)).contact_id
    (gone,) = {by_phone, by_user} - {kept}
    edits = CustomerEdits(commits_of(world), world.clock)
    assert await edits.tag(tenant.tenant, [gone, kept], add=["vip"]) == (1, [])
    stranger = new_id()
    assert await edits.tag(tenant.tenant, [gone, stranger], remove=["vip"], add=["new"]) == (1, [stranger])
    profile = await edits.edit(tenant.tenant, gone, {"email": "ada@example.com"})
    assert (profile.id, profile.tags, profile.email) == (kept, ("new",), "ada@example.com")


async def test_the_loop_waits_for_a_merge_that_does_not_wait_for_it(world: World, tenant: Business) -> None:
    ada = (await hear(world, tenant, P1)).contact_id
    async with world.db.tenant(tenant.tenant) as conn:
        await store.index_many(conn, tenant.tenant, [ada])
    async with world.db.tenant(tenant.tenant) as merging:
        await contact_store.lock_many(merging, tenant.tenant, [ada])
        following = asyncio.create_task(follow(world, tenant))
        await wait_for_lock(merging)
        await store.index_many(merging, tenant.tenant, [ada])
    await following
    assert await find(world, tenant, P1) == [ada]
