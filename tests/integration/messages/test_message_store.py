"""Messages, keys and history against PostgreSQL."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.world import START, Business, World
from waystate.ids import new_id
from waystate.messages import store
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.status import MessageState, merge
from waystate.messages.store import MessageRow


@pytest.fixture
async def conversation(world: World, tenant: Business) -> UUID:
    await world.receive(tenant, tenant.message("wamid.first"))
    found: UUID = await world.value(tenant, "SELECT id FROM conversations")
    return found


def outgoing(conversation: UUID, **said: object) -> MessageRow:
    given = {
        "id": new_id(),
        "conversation_id": conversation,
        "direction": Direction.OUTBOUND,
        "status": Status.QUEUED,
        "type": "text",
        "sent_at": START,
        "origin": "test",
    }
    return MessageRow(**(given | said))  # type: ignore[arg-type]


async def claim(world: World, tenant: Business, source: str, **keys: UUID) -> set[str]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.claim_many(conn, tenant.tenant, source, keys)


async def insert(world: World, tenant: Business, *rows: MessageRow) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await store.insert_many(conn, tenant.tenant, rows)


async def advance(world: World, tenant: Business, message: UUID, *reports: StatusReport) -> MessageState:
    async with world.db.tenant(tenant.tenant) as conn:
        locked = (await store.lock_many(conn, tenant.tenant, [message]))[message]
        await store.advance_many(conn, tenant.tenant, {message: merge(locked.state, reports)})
    async with world.db.tenant(tenant.tenant) as conn:
        return (await store.lock_many(conn, tenant.tenant, [message]))[message].state


async def take(world: World, tenant: Business, *wamids: str) -> list[StatusReport]:
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.take_early(conn, tenant.tenant, wamids)


async def sweep(world: World, tenant: Business, *, batch: int = 100) -> list[str]:
    """The wamids of what was handed out."""
    async with world.db.tenant(tenant.tenant) as conn:
        return [each.wamid for each in await store.take_watched(conn, tenant.tenant, batch)]


async def park(world: World, tenant: Business, *wamids: str) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await store.park_early(conn, tenant.tenant, [tenant.report(wamid, "sent") for wamid in wamids], START)


async def count_watched(world: World, tenant: Business) -> int:
    return int(await world.value(tenant, "SELECT count(*) FROM early_statuses WHERE watch IS NOT NULL"))


async def test_a_key_can_be_claimed_once(world: World, tenant: Business) -> None:
    first, second = new_id(), new_id()
    assert await claim(world, tenant, "whatsapp", a=first, b=second) == {"a", "b"}
    assert await claim(world, tenant, "whatsapp", b=new_id(), c=new_id()) == {"c"}
    assert await claim(world, tenant, "genesys", a=second) == {"a"}, "each platform has its own ids"
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.find_ids(conn, tenant.tenant, ["a", "b", "z"]) == {"a": first, "b": second}


async def test_the_loser_of_a_race_for_a_key_waits_for_the_winner(world: World, tenant: Business) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        assert await store.claim_many(conn, tenant.tenant, "whatsapp", {"a": new_id()}) == {"a"}
        loser = asyncio.create_task(claim(world, tenant, "whatsapp", a=new_id()))
        await asyncio.sleep(0.1)
        assert not loser.done()
    assert await loser == set()


async def test_after_the_winner_rolled_back_the_loser_has_the_key(world: World, tenant: Business) -> None:
    loser: asyncio.Task[set[str]] | None = None
    with pytest.raises(ZeroDivisionError):
        async with world.db.tenant(tenant.tenant) as conn:
            await store.claim_many(conn, tenant.tenant, "whatsapp", {"a": new_id()})
            loser = asyncio.create_task(claim(world, tenant, "whatsapp", a=new_id()))
            await asyncio.sleep(0.05)
            raise ZeroDivisionError
    assert loser is not None
    assert await loser == {"a"}


async def test_a_message_comes_back_whole(world: World, tenant: Business, conversation: UUID) -> None:
    row = outgoing(
        conversation,
        genesys_message_id="genesys.1",
        text="Grüße",
        content={"text": "Grüße", "list": [1, None]},
        media={"url": "https://example.org/a.png"},
        sender="agent",
        metadata={"a": {"b": 1}},
        status=Status.FAILED,
        failed_at=START,
        error={"code": 1},
    )
    await insert(world, tenant, row)
    async with world.db.tenant(tenant.tenant) as conn:
        found = await store.find_message(conn, tenant.tenant, row.id)
        assert await store.find_message(conn, tenant.tenant, new_id()) is None
        assert await store.find_conversations(conn, tenant.tenant, [row.id, new_id()]) == {row.id: conversation}
    assert found is not None
    same = ("id", "conversation_id", "genesys_message_id", "text", "content", "media", "sender", "origin", "sent_at")
    assert {name: found[name] for name in same} == {name: getattr(row, name) for name in same}
    assert (found["status"], found["first_status"], found["failed_at"]) == ("failed", "failed", START)
    assert (found["error"], found["metadata"], found["phone_number_id"]) == ({"code": 1}, {"a": {"b": 1}}, "1001")


async def test_history_holds_every_report_once_in_its_order(world: World, tenant: Business, conversation: UUID) -> None:
    row = outgoing(conversation)
    await insert(world, tenant, row)
    reports = [tenant.report("wamid.1", word) for word in ("delivered", "sent", "warped", "delivered")]
    state = await advance(world, tenant, row.id, *reports)
    assert state == MessageState(direction=Direction.OUTBOUND, status=Status.DELIVERED, delivered_at=START)
    await advance(world, tenant, row.id, *reports)
    async with world.db.tenant(tenant.tenant) as conn:
        history = await store.get_history(conn, tenant.tenant, row.id)
    assert [(each["status"], each["applied"]) for each in history] == [("delivered", True), ("sent", False), ("warped", False)]
    assert history[1]["why_not"] == "already delivered"


async def test_reports_of_two_devices_are_two_lines_of_history(world: World, tenant: Business, conversation: UUID) -> None:
    row = outgoing(conversation)
    await insert(world, tenant, row)
    await advance(world, tenant, row.id, *(tenant.report("wamid.1", "read", recipient=each) for each in ("a", "b")))
    assert await world.value(tenant, "SELECT count(*) FROM message_events") == 2


async def test_a_wamid_is_attached_once_with_its_key(world: World, tenant: Business, conversation: UUID) -> None:
    row = outgoing(conversation)
    await insert(world, tenant, row)
    for wamid in ("wamid.out", "wamid.other"):
        async with world.db.tenant(tenant.tenant) as conn:
            await store.attach_wamids(conn, tenant.tenant, {row.id: wamid})
    async with world.db.tenant(tenant.tenant) as conn:
        assert (await store.lock_many(conn, tenant.tenant, [row.id]))[row.id].wamid == "wamid.out"
        assert (await store.find_ids(conn, tenant.tenant, ["wamid.out"])) == {"wamid.out": row.id}


async def test_an_early_status_waits_for_its_message_and_is_handed_out_once(world: World, tenant: Business) -> None:
    early = [tenant.report("wamid.x", word, recipient="r", error={"code": 1}) for word in ("sent", "delivered")]
    async with world.db.tenant(tenant.tenant) as conn:
        await store.park_early(conn, tenant.tenant, [*early, tenant.report("wamid.y", "sent")], START)
        await store.park_early(conn, tenant.tenant, early, START)
    assert await take(world, tenant, "wamid.x", "wamid.y") == []
    await claim(world, tenant, "whatsapp", **{"wamid.x": (message := new_id())})
    assert await take(world, tenant, "wamid.y") == []
    taken = await take(world, tenant, "wamid.x")
    assert [(each.status, each.message_id, each.error, each.recipient) for each in taken] == [
        ("sent", message, {"code": 1}, "r"),
        ("delivered", message, {"code": 1}, "r"),
    ]
    assert await take(world, tenant, "wamid.x", "wamid.y") == []
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 1


async def test_a_status_that_waits_in_vain_is_looked_at_twice_and_no_more(world: World, tenant: Business) -> None:
    await park(world, tenant, "wamid.x", "wamid.y")
    for left in (2, 0, 0):
        assert await sweep(world, tenant) == []
        assert await count_watched(world, tenant) == left
    await park(world, tenant, "wamid.x", "wamid.z")
    assert await count_watched(world, tenant) == 1, "the one that is new"


async def test_a_wamid_that_is_claimed_later_lets_through_what_waits(world: World, tenant: Business) -> None:
    await park(world, tenant, "wamid.x", "wamid.y")
    for _ in range(3):
        await sweep(world, tenant)
    await claim(world, tenant, "genesys", **{"wamid.y": new_id()})
    assert await count_watched(world, tenant) == 0, "that is no wamid"
    await claim(world, tenant, "whatsapp", **{"wamid.x": new_id()})
    assert await sweep(world, tenant) == ["wamid.x"]
    assert await sweep(world, tenant) == []
    assert await world.value(tenant, "SELECT count(*) FROM early_statuses") == 1


async def test_a_status_that_crosses_the_claim_of_its_wamid_is_watched_until_that_is_over(
    world: World, tenant: Business
) -> None:
    """However long it takes: neither sees the other."""
    async with world.db.tenant(tenant.tenant) as conn:
        await store.claim_many(conn, tenant.tenant, "whatsapp", {"wamid.x": new_id()})
        await park(world, tenant, "wamid.x", "wamid.y")
        for _ in range(4):
            assert await sweep(world, tenant) == []
            assert await count_watched(world, tenant) == 2
    assert await sweep(world, tenant) == ["wamid.x"]
    assert await count_watched(world, tenant) == 0


async def test_a_claim_that_sees_a_status_while_it_is_swept_is_not_missed(world: World, tenant: Business) -> None:
    await park(world, tenant, "wamid.x")
    await sweep(world, tenant)
    async with world.db.tenant(tenant.tenant) as conn:
        await store.claim_many(conn, tenant.tenant, "whatsapp", {"wamid.x": new_id()})
        sweeping = asyncio.create_task(sweep(world, tenant))
        await asyncio.sleep(0.2)
        assert not sweeping.done(), "it waits for the row"
    assert [*await sweeping, *await sweep(world, tenant)] == ["wamid.x"]


async def test_a_sweep_looks_at_a_batch_and_at_the_newest_first(world: World, tenant: Business) -> None:
    await park(world, tenant, *(f"wamid.{n}" for n in range(5)))
    await sweep(world, tenant, batch=5)
    await park(world, tenant, "wamid.new")
    await claim(world, tenant, "whatsapp", **{"wamid.new": new_id()})
    assert await sweep(world, tenant, batch=1) == ["wamid.new"]
    for left in (4, 2, 1, 0):
        await sweep(world, tenant, batch=2) if left else await sweep(world, tenant)
        assert await count_watched(world, tenant) <= left


async def test_early_statuses_age_out(world: World, tenant: Business) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await store.park_early(conn, tenant.tenant, [tenant.report("wamid.x", "sent")], START)
        await store.park_early(conn, tenant.tenant, [tenant.report("wamid.y", "sent")], START + timedelta(days=1))
        assert await store.drop_aged_early(conn, tenant.tenant, START + timedelta(hours=1), 10) == 1


async def test_two_tenants_may_have_the_same_wamid(world: World, tenant: Business) -> None:
    other = await world.add("globex", number="2001")
    assert await claim(world, tenant, "whatsapp", same=new_id()) == {"same"}
    assert await claim(world, other, "whatsapp", same=new_id()) == {"same"}
