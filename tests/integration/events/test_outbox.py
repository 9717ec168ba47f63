"""The outbox and its public positions, under writers that commit in whatever order they like."""

import asyncio
from collections.abc import Collection, Sequence
from uuid import UUID

import pytest

from tests.world import START, Business, World, wait_for_lock
from waystate.db.pool import Connection
from waystate.events import outbox
from waystate.events.model import ConversationCorrelated, ConversationOpened, Event
from waystate.events.outbox import Stamped
from waystate.events.sinks import relay
from waystate.ids import TenantId, new_id


class Reader:
    """A sink that remembers what it was given."""

    def __init__(self, name: str = "reader", types: Collection[str] | None = None, follows: Sequence[Event] = ()) -> None:
        self.name = name
        self.types = types
        self.seen: list[Stamped] = []
        self._follows = follows

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> Sequence[Event]:
        self.seen += stamped
        follows, self._follows = self._follows, ()
        return follows


def opened(conversation: UUID | None = None) -> ConversationOpened:
    return ConversationOpened(mapping_id=conversation or new_id(), contact_id=new_id(), phone_number_id="1001", at=START)


def correlated() -> ConversationCorrelated:
    return ConversationCorrelated(
        mapping_id=new_id(),
        contact_id=new_id(),
        phone_number_id="1001",
        at=START,
        genesys_conversation_id="g",
        communication_id=None,
    )


async def append(world: World, tenant: Business, *events: Event) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await outbox.append_many(conn, tenant.tenant, events)


async def read(
    world: World, tenant: Business, sink: Reader | None = None, *, epoch: int = 1, batch: int = 1000
) -> list[Stamped]:
    return (await relay(world.db, tenant.tenant, sink or Reader(), epoch=epoch, batch=batch)).stamped


async def test_events_come_out_as_they_went_in_and_in_order(world: World, tenant: Business) -> None:
    events = [opened() for _ in range(5)]
    await append(world, tenant, *events)
    stamped = await read(world, tenant)
    assert [each.event for each in stamped] == events
    assert [each.position for each in stamped] == [1, 2, 3, 4, 5]
    assert await read(world, tenant) == []


async def test_a_sink_goes_on_where_its_last_batch_ended(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(5)))
    windows = [await relay(world.db, tenant.tenant, Reader(), epoch=1, batch=2) for _ in range(4)]
    assert [[each.position for each in window.stamped] for window in windows] == [[1, 2], [3, 4], [5], []]
    assert [window.is_full for window in windows] == [True, True, False, False]


async def test_each_sink_has_a_cursor_of_its_own(world: World, tenant: Business) -> None:
    await append(world, tenant, opened(), opened())
    assert len(await read(world, tenant, Reader("one"))) == 2
    assert len(await read(world, tenant, Reader("two"), batch=1)) == 1
    assert (len(await read(world, tenant, Reader("one"))), len(await read(world, tenant, Reader("two")))) == (0, 1)


async def test_each_tenant_counts_for_itself(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    await append(world, tenant, opened())
    await append(world, other, opened(), opened())
    assert [each.position for each in await read(world, tenant)] == [1]
    assert [each.position for each in await read(world, other)] == [1, 2]


async def test_a_sink_is_given_its_types_only_and_passes_over_the_others_for_good(world: World, tenant: Business) -> None:
    await append(world, tenant, opened(), correlated(), opened())
    sink = Reader(types={"conversation.correlated"})
    assert [each.position for each in await read(world, tenant, sink)] == [2]
    assert await world.value(tenant, "SELECT position FROM sink_cursors WHERE sink = 'reader'") == 3
    await append(world, tenant, opened())
    assert await read(world, tenant, sink) == []
    assert await world.value(tenant, "SELECT position FROM sink_cursors WHERE sink = 'reader'") == 4


async def test_what_a_sink_has_to_say_is_appended_behind_what_it_read(world: World, tenant: Business) -> None:
    await append(world, tenant, opened())
    follow = correlated()
    await read(world, tenant, Reader(follows=[follow]))
    assert [(each.event, each.position) for each in await read(world, tenant)] == [(follow, 2)]


async def test_a_reader_catches_up_from_any_position(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(5)))
    stamped = await read(world, tenant)
    async with world.db.tenant(tenant.tenant) as conn:
        assert await outbox.list_after(conn, tenant.tenant, 2, 2) == stamped[2:4]
        assert await outbox.list_after(conn, tenant.tenant, 5, 10) == []


async def test_an_event_whose_writer_gave_up_leaves_no_gap(world: World, tenant: Business) -> None:
    await append(world, tenant, opened())
    with pytest.raises(InterruptedError):
        async with world.db.tenant(tenant.tenant) as conn:
            await outbox.append_many(conn, tenant.tenant, [opened()])
            raise InterruptedError
    await append(world, tenant, opened())
    assert [each.position for each in await read(world, tenant)] == [1, 2]


async def test_a_later_event_waits_for_an_earlier_one_so_that_no_cursor_skips_it(world: World, tenant: Business) -> None:
    late, early = opened(), opened()
    async with world.db.tenant(tenant.tenant) as slow:
        await outbox.append_many(slow, tenant.tenant, [late])
        second = asyncio.create_task(append(world, tenant, early))
        async with world.db.login() as conn:
            await wait_for_lock(conn)
        assert await read(world, tenant) == [], "neither is public before the first one's commit"
    await second
    assert [(each.event, each.position) for each in await read(world, tenant)] == [(late, 1), (early, 2)]


async def test_a_stale_epoch_reads_nothing_and_a_newer_one_goes_on(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(3)))
    assert len(await read(world, tenant, epoch=7, batch=1)) == 1
    assert await read(world, tenant, epoch=6) == []
    assert [each.position for each in await read(world, tenant, epoch=7, batch=1)] == [2]
    assert [each.position for each in await read(world, tenant, epoch=8)] == [3]
    assert await read(world, tenant, epoch=7) == []


async def test_a_cursor_moves_forward_only_and_not_for_a_stale_epoch(world: World, tenant: Business) -> None:
    await append(world, tenant, *(opened() for _ in range(3)))

    async def move(position: int, epoch: int) -> bool:
        async with world.db.tenant(tenant.tenant) as conn:
            return await outbox.move_cursor(conn, tenant.tenant, "far", position, epoch=epoch)

    async with world.db.tenant(tenant.tenant) as conn:
        window = await outbox.read_after(conn, tenant.tenant, "far", epoch=2, batch=2)
    assert (len(window.stamped), window.position) == (2, 2)
    assert (await move(2, 1), await move(2, 2), await move(1, 2), await move(2, 2)) == (False, True, False, False)


async def test_a_sink_that_fails_is_given_the_same_again(world: World, tenant: Business) -> None:
    class Broken(Reader):
        async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> Sequence[Event]:
            raise InterruptedError

    await append(world, tenant, opened())
    for _ in range(2):
        with pytest.raises(InterruptedError):
            await read(world, tenant, Broken())
    assert [each.position for each in await read(world, tenant)] == [1]


async def test_positions_have_no_gap_and_readers_miss_none_under_concurrent_writers(world: World, tenant: Business) -> None:
    done = asyncio.Event()

    async def write(customer: str, writer: int) -> None:
        for number in range(5):
            await world.receive(tenant, tenant.message(f"{customer}.{writer}.{number}", wa_id=customer))

    async def keep_reading() -> list[Stamped]:
        seen: list[Stamped] = []
        while not done.is_set():
            seen += await read(world, tenant, batch=7)
        return seen

    readers = [asyncio.create_task(keep_reading()) for _ in range(2)]
    await asyncio.gather(*(write(f"4917{customer}", writer) for customer in range(4) for writer in range(4)))
    done.set()
    stamped = [each for seen in await asyncio.gather(*readers) for each in seen] + await read(world, tenant)
    # 80 messages, and a window each of the four customers opens.
    assert sorted(each.position for each in stamped) == list(range(1, 85))
    rows = await world.rows(
        tenant, "SELECT e.conversation_id, m.id FROM events e JOIN messages m ON m.id = e.message_id ORDER BY position"
    )
    for conversation in {row["conversation_id"] for row in rows}:
        ids = [row["id"] for row in rows if row["conversation_id"] == conversation]
        assert len(ids) == len(set(ids)) == 20
