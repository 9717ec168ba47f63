"""Messages that wait: kept, listed, due in order when their time comes or their customer writes, and never lost to a race."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.world import CUSTOMER, Business, World, wait_for_lock
from waystate.conversations import store as conversation_store
from waystate.ids import new_id
from waystate.messages.model import Direction, Status
from waystate.planned import store
from waystate.planned.model import PlannedFilter, PlannedMessage, PlannedState, PlanOutcome
from waystate.state.track import Tracking

DAY = timedelta(days=1)
ENOUGH = 100


async def meet(world: World, tenant: Business, wa_id: str = CUSTOMER) -> UUID:
    """A contact who wrote three days ago."""
    await world.receive(tenant, tenant.message(wa_id=wa_id, sent_at=world.clock.now - 3 * DAY))
    return UUID(str(await world.value(tenant, "SELECT contact_id FROM contact_identities WHERE external_id = $1", wa_id)))


def planned(world: World, tenant: Business, contact: UUID, **said: Any) -> PlannedMessage:
    """One that is held until the customer writes, unless it says when."""
    given: dict[str, Any] = {
        "id": new_id(),
        "contact_id": contact,
        "phone_number_id": tenant.number,
        "expires_at": world.clock.now + 7 * DAY,
        "request": {"type": "text", "content": {"body": "Hello"}, "text": "Hello"},
        "actor_kind": "key",
        "actor_id": new_id(),
        "created_at": world.clock.now,
    }
    said = said | ({"due_at": said["send_at"]} if "send_at" in said else {})
    return PlannedMessage(**(given | said))


async def insert(world: World, tenant: Business, *rows: PlannedMessage) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await store.insert_many(conn, tenant.tenant, rows)


async def find(world: World, tenant: Business, row: PlannedMessage) -> PlannedMessage:
    async with world.db.tenant(tenant.tenant) as conn:
        (found,) = await store.find_many(conn, tenant.tenant, [row.id])
    return found


async def due(world: World, tenant: Business) -> list[UUID]:
    async with world.db.tenant(tenant.tenant) as conn:
        return [each.id for each in await store.lock_due(conn, tenant.tenant, world.clock.now, ENOUGH)]


async def listed(world: World, tenant: Business, **said: Any) -> list[UUID]:
    page = {key: said.pop(key) for key in ("after", "page") if key in said}
    async with world.db.tenant(tenant.tenant) as conn:
        return [each.id for each in await store.list_page(conn, tenant.tenant, PlannedFilter(**said), **page)]


async def test_what_is_planned_is_found_as_it_was_said(world: World, tenant: Business) -> None:
    contact = await meet(world, tenant)
    row = planned(world, tenant, contact, send_at=world.clock.now + DAY, message_id=new_id())
    await insert(world, tenant, row)
    assert await find(world, tenant, row) == row


async def test_pages_are_newest_first_and_by_state_contact_and_number(world: World, tenant: Business) -> None:
    ann, bob = await meet(world, tenant), await meet(world, tenant, "4917")
    rows = [planned(world, tenant, contact) for contact in (ann, bob, ann)]
    elsewhere = planned(world, tenant, ann, phone_number_id="1002")
    await insert(world, tenant, *rows, elsewhere)
    async with world.db.tenant(tenant.tenant) as conn:
        await store.withdraw(conn, tenant.tenant, rows[0].id, world.clock.now)
    a, b, c, d = *(each.id for each in rows), elsewhere.id
    assert await listed(world, tenant) == [d, c, b, a]
    assert await listed(world, tenant, page=2) == [d, c]
    assert await listed(world, tenant, page=2, after=c) == [b, a]
    assert await listed(world, tenant, contact_id=ann) == [d, c, a]
    assert await listed(world, tenant, contact_id=ann, state=PlannedState.WAITING, phone_number_id=tenant.number) == [c]
    assert await listed(world, tenant, state=PlannedState.WITHDRAWN) == [a]
    assert await listed(world, tenant, state=PlannedState.WAITING, after=d) == [c, b]
    assert await listed(world, tenant, phone_number_id="1002") == [d]


async def test_what_is_due_comes_in_its_order_and_nothing_before_its_time(world: World, tenant: Business) -> None:
    contact = await meet(world, tenant)
    later, first, second, sooner, held = (
        planned(world, tenant, contact, **said)
        for said in (
            {"send_at": world.clock.now + 2 * DAY},
            {"send_at": world.clock.now + DAY},
            {"send_at": world.clock.now + DAY},
            {"send_at": world.clock.now + timedelta(hours=1)},
            {},
        )
    )
    await insert(world, tenant, second, later, sooner, held, first)
    assert await due(world, tenant) == []
    world.clock.now += DAY
    assert await due(world, tenant) == [sooner.id, first.id, second.id]


async def test_a_customers_message_that_opens_the_window_makes_due_what_is_held_for_them(
    world: World, tenant: Business
) -> None:
    ann, bob = await meet(world, tenant), await meet(world, tenant, "4917")
    rows = [planned(world, tenant, ann) for _ in range(3)]
    timed = planned(world, tenant, ann, send_at=world.clock.now + DAY)
    others = [planned(world, tenant, bob), planned(world, tenant, ann, phone_number_id="1002")]
    await insert(world, tenant, *reversed(rows), timed, *others)
    await world.receive(tenant, tenant.message(sent_at=world.clock.now - DAY))
    assert await due(world, tenant) == [], "a late message opens no window"
    await world.receive(tenant, tenant.message())
    assert await due(world, tenant) == [each.id for each in rows]


async def test_what_a_customer_wrote_elsewhere_makes_it_due_too(world: World, tenant: Business) -> None:
    row = planned(world, tenant, await meet(world, tenant))
    await insert(world, tenant, row)
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    tracking = Tracking(
        conversation_id=conversation, direction=Direction.INBOUND, status=Status.RECEIVED, wamid="wamid.elsewhere"
    )
    await world.track(tenant, tracking)
    assert await due(world, tenant) == [row.id]


async def test_a_hold_placed_while_the_customers_message_commits_is_due(world: World, tenant: Business) -> None:
    """Whoever holds a message has the conversation locked: the customer's message waits, and finds it."""
    contact = await meet(world, tenant)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    row = planned(world, tenant, contact)
    async with world.db.tenant(tenant.tenant) as conn:
        locked = await conversation_store.lock_many(conn, tenant.tenant, [conversation])
        assert not locked[conversation].takes_free_text(world.clock.now)
        message = asyncio.create_task(world.receive(tenant, tenant.message()))
        await wait_for_lock(conn)
        await store.insert_many(conn, tenant.tenant, [row])
    await message
    assert await due(world, tenant) == [row.id]


async def test_whoever_would_hold_after_the_customers_message_finds_the_window_open(world: World, tenant: Business) -> None:
    await meet(world, tenant)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    async with world.db.tenant(tenant.tenant) as conn:
        await conversation_store.signal_window(conn, tenant.tenant, [(conversation, world.clock.now)], world.clock.now)

        async def look() -> bool:
            async with world.db.tenant(tenant.tenant) as other:
                locked = await conversation_store.lock_many(other, tenant.tenant, [conversation])
                return locked[conversation].takes_free_text(world.clock.now)

        looking = asyncio.create_task(look())
        await wait_for_lock(conn)
    assert await looking is True


async def test_the_net_makes_due_what_is_held_though_the_window_is_open(world: World, tenant: Business) -> None:
    ann, bob = await meet(world, tenant), await meet(world, tenant, "4917")
    await world.receive(tenant, tenant.message())
    await world.close(tenant)
    rows = [planned(world, tenant, each) for each in (ann, ann, bob)]
    await insert(world, tenant, *rows, planned(world, tenant, ann, phone_number_id="1002"))
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.make_due_by_windows(conn, tenant.tenant, world.clock.now, ENOUGH) == 2
    assert await due(world, tenant) == [each.id for each in rows[:2]]


async def test_two_releases_at_once_take_nothing_twice_and_keep_the_order(world: World, tenant: Business) -> None:
    contact = await meet(world, tenant)
    rows = [planned(world, tenant, contact, send_at=world.clock.now) for _ in range(4)]
    await insert(world, tenant, *rows)
    async with world.db.tenant(tenant.tenant) as conn:
        first = await store.lock_due(conn, tenant.tenant, world.clock.now, 2)
        assert await due(world, tenant) == [], "while one is at it, another leaves the customer's next ones alone"
        await store.finish_many(
            conn,
            tenant.tenant,
            [PlanOutcome(planned=each, state=PlannedState.RELEASED, message_id=new_id()) for each in first],
            world.clock.now,
        )
    assert await due(world, tenant) == [each.id for each in rows[2:]]


async def test_what_is_withdrawn_while_it_is_released_was_released(world: World, tenant: Business) -> None:
    row = planned(world, tenant, await meet(world, tenant), send_at=world.clock.now)
    await insert(world, tenant, row)

    async def withdraw() -> PlannedMessage | None:
        async with world.db.tenant(tenant.tenant) as conn:
            return await store.withdraw(conn, tenant.tenant, row.id, world.clock.now)

    message = new_id()
    async with world.db.tenant(tenant.tenant) as conn:
        (locked,) = await store.lock_due(conn, tenant.tenant, world.clock.now, ENOUGH)
        withdrawing = asyncio.create_task(withdraw())
        await wait_for_lock(conn)
        outcome = PlanOutcome(planned=locked, state=PlannedState.RELEASED, message_id=message)
        await store.finish_many(conn, tenant.tenant, [outcome], world.clock.now)
    assert await withdrawing is None
    found = await find(world, tenant, row)
    assert (found.state, found.message_id) == (PlannedState.RELEASED, message)


async def test_what_is_being_withdrawn_is_neither_released_nor_made_due(world: World, tenant: Business) -> None:
    contact = await meet(world, tenant)
    timed, held = planned(world, tenant, contact, send_at=world.clock.now), planned(world, tenant, contact)
    await insert(world, tenant, timed, held)
    async with world.db.tenant(tenant.tenant) as conn:
        for each in (timed, held):
            withdrawn = await store.withdraw(conn, tenant.tenant, each.id, world.clock.now)
            assert withdrawn is not None
        assert await due(world, tenant) == []
        await asyncio.wait_for(world.receive(tenant, tenant.message()), 5)
    assert await due(world, tenant) == []
    assert (await find(world, tenant, held)).state is PlannedState.WITHDRAWN


async def test_what_failed_says_why_and_what_waits_too_long_is_found(world: World, tenant: Business) -> None:
    row = planned(world, tenant, await meet(world, tenant))
    await insert(world, tenant, row)
    world.clock.now = row.expires_at
    error = {"code": "hold_expired", "title": "The customer did not write in time."}
    async with world.db.tenant(tenant.tenant) as conn:
        (locked,) = await store.lock_expired(conn, tenant.tenant, world.clock.now, ENOUGH)
        outcome = PlanOutcome(planned=locked, state=PlannedState.FAILED, error=error)
        await store.finish_many(conn, tenant.tenant, [outcome], world.clock.now)
        assert await store.lock_expired(conn, tenant.tenant, world.clock.now, ENOUGH) == []
    found = await find(world, tenant, row)
    assert found == replace(row, state=PlannedState.FAILED, error=error, finished_at=world.clock.now)


async def test_what_waits_for_a_contact_that_is_merged_waits_for_the_one_it_turned_out_to_be(
    world: World, tenant: Business
) -> None:
    user = "DE.1"
    await world.receive(tenant, tenant.message(wa_id=None, user_id=user, sent_at=world.clock.now - 4 * DAY))
    gone = await world.value(tenant, "SELECT contact_id FROM contact_identities WHERE external_id = $1", user)
    stays = await meet(world, tenant, "4917")
    held, timed = planned(world, tenant, gone), planned(world, tenant, gone, send_at=world.clock.now + DAY)
    await insert(world, tenant, held, timed)
    await world.receive(tenant, tenant.message(wa_id="4917", user_id=user))
    assert {(await find(world, tenant, each)).contact_id for each in (held, timed)} == {stays}
    assert await due(world, tenant) == [held.id]
    undo = await world.value(tenant, "SELECT undo FROM contact_merges")
    assert set(undo["planned"]) == {str(held.id), str(timed.id)}


async def test_what_waits_goes_with_its_contact(world: World, tenant: Business) -> None:
    contact = await meet(world, tenant)
    await insert(world, tenant, planned(world, tenant, contact))
    await world.execute(tenant, "DELETE FROM contacts WHERE id = $1", contact)
    assert await listed(world, tenant) == []


async def test_nobody_plans_for_another_tenants_contact(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    contact = await meet(world, other)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await insert(world, tenant, planned(world, tenant, contact))
    await insert(world, other, planned(world, other, contact, send_at=world.clock.now))
    assert (await listed(world, tenant), await due(world, tenant)) == ([], [])
