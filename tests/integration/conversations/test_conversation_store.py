"""Conversations against PostgreSQL: the one open row, its clocks, and every way in which it is looked up."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.world import CUSTOMER, START, Business, World
from waystate.contacts import store as contact_store
from waystate.contacts.model import Identity, IdentityKind, person_of
from waystate.conversations import store
from waystate.conversations.model import Activity, Conversation, ConversationStatus, OpenedConversation
from waystate.conversations.store import Ended, Key, WantedConversation
from waystate.ids import new_id

TTL = timedelta(hours=72)
PHONE = Identity(IdentityKind.WA_ID, CUSTOMER)


async def a_contact(world: World, tenant: Business, wa_id: str = CUSTOMER) -> UUID:
    async with world.db.tenant(tenant.tenant) as conn:
        people = [person_of(wa_id, None, "Ada")]
        (contact,) = (await contact_store.upsert_many(conn, tenant.tenant, people, world.clock.now)).contacts
    return contact


def activity(world: World, contact: UUID, number: str = "1001", **said: object) -> Activity:
    given = {"contact_id": contact, "phone_number_id": number, "wa_id": CUSTOMER, "at": world.clock.now}
    return Activity(**(given | said))  # type: ignore[arg-type]


async def open_many(world: World, tenant: Business, *rows: Activity) -> tuple[dict[Key, OpenedConversation], list[Ended]]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.open_many(conn, tenant.tenant, rows, ttl=TTL, now=world.clock.now)


def id_of(conversation: Conversation | None) -> UUID | None:
    return None if conversation is None else conversation.id


async def open_one(world: World, tenant: Business, row: Activity) -> OpenedConversation:
    (opened,) = (await open_many(world, tenant, row))[0].values()
    return opened


async def lock(world: World, tenant: Business, *ids: UUID) -> list[Conversation]:
    async with world.db.tenant(tenant.tenant) as conn:
        return list((await store.lock_many(conn, tenant.tenant, ids)).values())


async def find(world: World, tenant: Business, *ids: str) -> list[UUID | None]:
    async with world.db.tenant(tenant.tenant) as conn:
        return [id_of(each) for each in await store.find_many(conn, tenant.tenant, ids)]


async def correlate(world: World, tenant: Business, conversation: UUID, genesys: str, communication: str | None = None) -> int:
    async with world.db.tenant(tenant.tenant) as conn:
        return len(await store.correlate_many(conn, tenant.tenant, {conversation: (genesys, communication)}))


async def test_the_first_activity_opens_and_the_next_joins(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    first = await open_one(world, tenant, activity(world, contact, preview="Hello", message_id="wamid.1"))
    world.clock.forward(hours=1)
    second = await open_one(world, tenant, activity(world, contact))
    assert (first.is_new, second.is_new) == (True, False)
    assert first.id == second.id
    row = await world.row(tenant, "SELECT * FROM conversations")
    assert (row["last_message"], row["last_message_id"], row["version"]) == ("Hello", "wamid.1", 2)
    assert (row["last_activity_at"], row["expires_at"]) == (world.clock.now, world.clock.now + TTL)


async def test_each_number_has_its_own_conversation_with_a_contact(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    opened, _ = await open_many(world, tenant, activity(world, contact), activity(world, contact, number="1002"))
    assert len({each.id for each in opened.values()}) == 2
    assert all(each.is_new for each in opened.values())


async def test_late_activity_moves_no_clock_back(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    await open_one(world, tenant, activity(world, contact, customer_message_at=START))
    world.clock.now -= timedelta(hours=5)
    await open_one(world, tenant, activity(world, contact, customer_message_at=world.clock.now))
    row = await world.row(tenant, "SELECT last_activity_at, expires_at, last_customer_message_at FROM conversations")
    assert list(row.values()) == [START, START + TTL, START]


async def test_an_overdue_conversation_takes_no_new_traffic(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    old = await open_one(world, tenant, activity(world, contact))
    world.clock.now += TTL
    opened, ended = await open_many(world, tenant, activity(world, contact))
    (new,) = opened.values()
    assert (new.is_new, new.id != old.id) == (True, True)
    assert ended == [Ended(old.id, contact, "1001")]
    rows = await world.rows(tenant, "SELECT id, status, closed_at, close_reason FROM conversations ORDER BY id")
    assert rows[0] == {"id": old.id, "status": "expired", "closed_at": world.clock.now, "close_reason": "expired"}
    assert (rows[1]["id"], rows[1]["status"]) == (new.id, "active")


async def test_of_fifty_that_open_at_once_one_is_told_that_it_is_new(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    opened = await asyncio.gather(*(open_one(world, tenant, activity(world, contact)) for _ in range(50)))
    assert len({each.id for each in opened}) == 1
    assert sum(each.is_new for each in opened) == 1


async def test_a_closed_conversation_is_never_reopened(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    old = await open_one(world, tenant, activity(world, contact))
    await world.close(tenant)
    new = await open_one(world, tenant, activity(world, contact))
    assert new.is_new
    assert new.id != old.id


async def test_the_database_itself_refuses_a_second_open_row(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    await open_one(world, tenant, activity(world, contact))
    with pytest.raises(asyncpg.UniqueViolationError, match="conversations_one_open"):
        await world.execute(
            tenant,
            "INSERT INTO conversations (tenant_id, id, contact_id, phone_number_id, status, expires_at, last_activity_at)"
            " SELECT tenant_id, $1, contact_id, phone_number_id, 'waiting', expires_at, last_activity_at FROM conversations",
            new_id(),
        )


async def test_an_agents_message_is_activity_but_not_the_customers(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    opened = await open_one(world, tenant, activity(world, contact, customer_message_at=START))
    world.clock.forward(hours=2)
    async with world.db.tenant(tenant.tenant) as conn:
        await store.lock_many(conn, tenant.tenant, [opened.id])
        touched = activity(world, contact, message_at=world.clock.now, message_id="genesys.1", preview="Good morning")
        await store.touch_many(conn, tenant.tenant, {opened.id: touched}, ttl=TTL, now=world.clock.now)
    (each,) = await lock(world, tenant, opened.id)
    assert (each.last_customer_message_at, each.last_activity_at) == (START, world.clock.now)
    assert (each.expires_at, each.version) == (world.clock.now + TTL, 2)
    assert await world.value(tenant, "SELECT last_message FROM conversations") == "Good morning"


async def test_locks_are_given_in_one_order_whatever_the_order_asked(world: World, tenant: Business) -> None:
    contacts = [await a_contact(world, tenant, f"4917{n}") for n in range(10)]
    opened, _ = await open_many(world, tenant, *(activity(world, each) for each in contacts))
    ids = [each.id for each in opened.values()]
    locked = await lock(world, tenant, *reversed(ids), new_id())
    assert [each.contact_id for each in locked] == sorted(contacts)


async def test_an_open_conversation_is_found_by_identity_with_or_without_a_number(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    first = await open_one(world, tenant, activity(world, contact))
    world.clock.forward(minutes=1)
    latest = await open_one(world, tenant, activity(world, contact, number="1002"))
    wanted = [
        WantedConversation(PHONE),
        WantedConversation(PHONE, "1001"),
        WantedConversation(PHONE, "1003"),
        WantedConversation(Identity(IdentityKind.WA_ID, "nobody")),
        WantedConversation(PHONE._replace(kind=IdentityKind.BSUID)),
    ]

    async def found(now: datetime) -> list[UUID | None]:
        async with world.db.tenant(tenant.tenant) as conn:
            return [id_of(each) for each in await store.find_open_many(conn, tenant.tenant, wanted, now)]

    assert await found(world.clock.now) == [latest.id, first.id, None, None, None]
    assert await found(world.clock.now + TTL) == [None] * 5, "overdue counts as expired at once"
    await world.close(tenant)
    assert await found(world.clock.now) == [None] * 5


async def test_both_platforms_ids_are_answered_to(world: World, tenant: Business) -> None:
    opened = await open_one(world, tenant, activity(world, await a_contact(world, tenant)))
    await correlate(world, tenant, opened.id, "genesys-1")
    asked = ["genesys-1", str(opened.id), "genesys-2", str(new_id()), "", "genesys-1"]
    assert await find(world, tenant, *asked) == [opened.id, opened.id, None, None, None, opened.id]


async def test_a_genesys_id_that_came_back_means_the_open_row_and_else_the_latest(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    first = await open_one(world, tenant, activity(world, contact))
    await correlate(world, tenant, first.id, "genesys-1")
    await world.close(tenant)
    second = await open_one(world, tenant, activity(world, contact))
    assert await find(world, tenant, "genesys-1") == [first.id]
    await correlate(world, tenant, second.id, "genesys-1")
    assert await find(world, tenant, "genesys-1") == [second.id]
    await world.close(tenant)
    assert await find(world, tenant, "genesys-1", str(first.id)) == [second.id, first.id]
    await world.execute(tenant, "UPDATE conversations SET status = 'waiting', closed_at = NULL WHERE id = $1", first.id)
    assert await find(world, tenant, "genesys-1") == [first.id], "the open row, even an older one"


async def test_the_open_conversation_of_a_contact_is_preferred_to_its_latest(world: World, tenant: Business) -> None:
    contact = await a_contact(world, tenant)
    await open_one(world, tenant, activity(world, contact))
    await world.close(tenant)
    latest = await open_one(world, tenant, activity(world, contact))

    async def found() -> list[UUID | None]:
        async with world.db.tenant(tenant.tenant) as conn:
            keys = [("1001", contact), ("1002", contact), ("1001", new_id())]
            return [id_of(each) for each in await store.find_latest_many(conn, tenant.tenant, keys)]

    assert await found() == [latest.id, None, None]
    await world.close(tenant)
    assert await found() == [latest.id, None, None]


async def test_a_correlation_that_says_nothing_new_changes_nothing(world: World, tenant: Business) -> None:
    opened = await open_one(world, tenant, activity(world, await a_contact(world, tenant)))
    assert await correlate(world, tenant, opened.id, "genesys-1", "call-1") == 1
    assert await correlate(world, tenant, opened.id, "genesys-1") == 0
    assert await correlate(world, tenant, opened.id, "genesys-1", "call-1") == 0
    assert await correlate(world, tenant, opened.id, "genesys-1", "call-2") == 1
    (each,) = await lock(world, tenant, opened.id)
    assert (each.genesys_conversation_id, each.communication_id, each.version) == ("genesys-1", "call-2", 3)


async def test_tidying_expires_what_is_overdue_in_batches_and_leaves_the_rest(world: World, tenant: Business) -> None:
    contacts = [await a_contact(world, tenant, f"4917{n}") for n in range(5)]
    await open_many(world, tenant, *(activity(world, each) for each in contacts))
    world.clock.forward(minutes=30)
    fresh = await open_one(world, tenant, activity(world, await a_contact(world, tenant, "4930")))
    now = START + TTL

    async def expire(batch: int) -> int:
        async with world.db.tenant(tenant.tenant) as conn:
            return len(await store.expire_due(conn, tenant.tenant, now, batch))

    assert [await expire(3), await expire(3), await expire(3)] == [3, 2, 0]
    (each,) = await lock(world, tenant, fresh.id)
    assert each.status is ConversationStatus.ACTIVE
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.count_open(conn, tenant.tenant) == 1


async def test_tidying_does_not_wait_for_a_conversation_somebody_works_on(world: World, tenant: Business) -> None:
    opened = await open_one(world, tenant, activity(world, await a_contact(world, tenant)))
    async with world.db.tenant(tenant.tenant) as busy, world.db.tenant(tenant.tenant) as conn:
        await store.lock_many(busy, tenant.tenant, [opened.id])
        assert await store.expire_due(conn, tenant.tenant, START + TTL, 10) == []
