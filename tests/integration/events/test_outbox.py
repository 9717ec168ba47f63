"""The outbox and its public positions, under writers that commit in whatever order they like."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from tests.world import START, Business, World
from waystate.db.pool import Connection
from waystate.events import outbox
from waystate.events.model import ConversationOpened
from waystate.events.outbox import Stamped
from waystate.events.relay import relay
from waystate.ids import TenantId, new_id


def opened(conversation: UUID | None = None) -> ConversationOpened:
    return ConversationOpened(mapping_id=conversation or new_id(), contact_id=new_id(), phone_number_id="1001", at=START)


async def append(world: World, tenant: Business, *events: ConversationOpened) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await outbox.append_many(conn, tenant.tenant, events)


async def stamp(world: World, tenant: Business, *, epoch: int = 1, batch: int = 1000) -> list[Stamped]:
    return await relay(world.db, tenant.tenant, [], epoch=epoch, batch=batch)


async def test_events_come_out_as_they_went_in_and_in_order(world: World, tenant: Business) -> None:
    events = [opened() for _ in range(5)]
    await append(world, tenant, *events)
    stamped = await stamp(world, tenant)
    assert [each.event for each in stamped] == events
    assert [each.position for each in stamped] == [1, 2, 3, 4, 5]
    assert await stamp(world, tenant) == []


async def test_positions_go_on_where_the_last_batch_ended(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(5)))
    batches = [await stamp(world, tenant, batch=2) for _ in range(4)]
    assert [[each.position for each in batch] for batch in batches] == [[1, 2], [3, 4], [5], []]


async def test_each_tenant_counts_for_itself(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    await append(world, tenant, opened())
    await append(world, other, opened(), opened())
    assert [each.position for each in await stamp(world, tenant)] == [1]
    assert [each.position for each in await stamp(world, other)] == [1, 2]


async def test_a_reader_catches_up_from_its_position(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(5)))
    stamped = await stamp(world, tenant)
    await append(world, tenant, opened())
    async with world.db.tenant(tenant.tenant) as conn:
        assert await outbox.list_after(conn, tenant.tenant, 2, 2) == stamped[2:4]
        assert await outbox.list_after(conn, tenant.tenant, 5, 10) == [], "what has no position is not public yet"


async def test_an_event_whose_writer_gave_up_leaves_no_gap(world: World, tenant: Business) -> None:
    await append(world, tenant, opened())
    try:
        async with world.db.tenant(tenant.tenant) as conn:
            await outbox.append_many(conn, tenant.tenant, [opened()])
            raise InterruptedError
    except InterruptedError:
        pass
    await append(world, tenant, opened())
    assert [each.position for each in await stamp(world, tenant)] == [1, 2]


async def test_an_event_that_commits_late_is_not_skipped(world: World, tenant: Business) -> None:
    late, early = opened(), opened()
    async with world.db.tenant(tenant.tenant) as slow:
        await outbox.append_many(slow, tenant.tenant, [late])
        await append(world, tenant, early)
        assert [each.event for each in await stamp(world, tenant)] == [early]
    assert [(each.event, each.position) for each in await stamp(world, tenant)] == [(late, 2)]


async def test_a_stale_epoch_stamps_nothing_and_a_newer_one_goes_on(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(3)))
    assert len(await stamp(world, tenant, epoch=7, batch=1)) == 1
    assert await stamp(world, tenant, epoch=6) == []
    assert [each.position for each in await stamp(world, tenant, epoch=7, batch=1)] == [2]
    assert [each.position for each in await stamp(world, tenant, epoch=8)] == [3]
    assert await stamp(world, tenant, epoch=7) == []


async def test_a_sink_that_fails_takes_the_positions_back(world: World, tenant: Business) -> None:
    async def broken(conn: Connection, _: TenantId, stamped: Sequence[Stamped]) -> None:
        raise InterruptedError

    await append(world, tenant, opened())
    for _ in range(2):
        try:
            await relay(world.db, tenant.tenant, [broken], epoch=1, batch=10)
        except InterruptedError:
            continue
    assert [each.position for each in await stamp(world, tenant)] == [1]


async def test_positions_have_no_gap_and_keep_each_conversations_order_under_concurrent_writers(
    world: World, tenant: Business
) -> None:
    """`seq` is drawn under the conversation's row lock, so within it no lower one can commit after a higher one was stamped."""
    done = asyncio.Event()

    async def write(customer: str, writer: int) -> None:
        for number in range(5):
            await world.receive(tenant, tenant.message(f"{customer}.{writer}.{number}", wa_id=customer))

    async def keep_stamping() -> list[Stamped]:
        seen: list[Stamped] = []
        while not done.is_set():
            seen += await stamp(world, tenant, batch=7)
        return seen

    stampers = [asyncio.create_task(keep_stamping()) for _ in range(2)]
    await asyncio.gather(*(write(f"4917{customer}", writer) for customer in range(4) for writer in range(4)))
    done.set()
    stamped = [each for seen in await asyncio.gather(*stampers) for each in seen] + await stamp(world, tenant)
    assert sorted(each.position for each in stamped) == list(range(1, 81))
    rows = await world.rows(tenant, "SELECT conversation_id, seq FROM events ORDER BY position")
    for conversation in {row["conversation_id"] for row in rows}:
        sequence = [row["seq"] for row in rows if row["conversation_id"] == conversation]
        assert sequence == sorted(sequence)
        assert len(sequence) == 20
