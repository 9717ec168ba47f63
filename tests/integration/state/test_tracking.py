"""Recording what somebody else carries: a message is found again by either platform's id, and learns the other."""

from typing import Any

import pytest

from tests.world import Business, World, accepted, lost
from waystate.deliveries.model import Target
from waystate.deliveries.settle import give_up_unknown
from waystate.errors import Conflict, Refused
from waystate.messages.model import Direction, Status
from waystate.state.changes import Changed, StatusChange
from waystate.state.track import Tracked, Tracking

GENESYS, WAMID = {"genesys_message_id": "g.1"}, {"wamid": "wamid.1"}


@pytest.fixture
async def tenant(world: World) -> Business:
    business = await world.add("acme", number="1001", sender="external")
    await world.receive(business, business.message(wa_id="491700000001"))
    return business


async def conversation(world: World, tenant: Business) -> str:
    return str(await world.value(tenant, "SELECT id FROM conversations ORDER BY id LIMIT 1"))


async def track(world: World, tenant: Business, *said: dict[str, Any]) -> list[Tracked | Refused]:
    given = {"conversation_id": await conversation(world, tenant), "direction": Direction.OUTBOUND, "status": Status.SENT}
    trackings = [Tracking(**(given | each)) for each in said]
    return await world.track(tenant, *trackings)


async def created(world: World, tenant: Business, **said: Any) -> Tracked:
    (tracked,) = await track(world, tenant, said)
    assert isinstance(tracked, Tracked)
    assert tracked.created
    return tracked


async def outbound(world: World, tenant: Business) -> list[tuple[str | None, str | None, str]]:
    rows = await world.rows(
        tenant, "SELECT wamid, genesys_message_id, status FROM messages WHERE direction = 'outbound' ORDER BY id"
    )
    return [(row["wamid"], row["genesys_message_id"], row["status"]) for row in rows]


@pytest.mark.parametrize(("first", "second"), [(GENESYS, WAMID), (WAMID, GENESYS)])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_message_told_by_one_id_is_the_same_when_the_other_is_told(
    world: World, tenant: Business, first: dict[str, str], second: dict[str, str], at_once: bool
) -> None:
    told = [dict(first), first | second, dict(second), first | second]
    answers = await track(world, tenant, *told) if at_once else [(await track(world, tenant, each))[0] for each in told]
    assert all(isinstance(each, Tracked) for each in answers)
    assert len({each.message_id for each in answers if isinstance(each, Tracked)}) == 1
    assert [each.created for each in answers if isinstance(each, Tracked)] == [True, False, False, False]
    assert await outbound(world, tenant) == [("wamid.1", "g.1", "sent")]
    await world.report(tenant, tenant.report("wamid.1", "delivered"))
    change = StatusChange(message_id="g.1", status="read", at=world.clock.now)
    (changed,) = await world.change(tenant, change)
    assert isinstance(changed, Changed)
    assert await outbound(world, tenant) == [("wamid.1", "g.1", "read")]


async def test_a_status_that_came_before_the_wamid_was_told_finds_the_message(world: World, tenant: Business) -> None:
    tracked = await created(world, tenant, **GENESYS)
    await world.report(tenant, tenant.report("wamid.1", "delivered"))
    await track(world, tenant, GENESYS | WAMID)
    rows = await world.rows(tenant, "SELECT message_id FROM message_keys WHERE external_id IN ('g.1', 'wamid.1')")
    assert [row["message_id"] for row in rows] == [tracked.message_id] * 2


async def test_an_agents_message_from_the_queue_learns_the_wamid_its_carrier_tells(world: World, tenant: Business) -> None:
    await world.answer(tenant, tenant.reply("g.1", conversation_id=await conversation(world, tenant)))
    assert await outbound(world, tenant) == [(None, "g.1", "queued")]
    (told,) = await track(world, tenant, GENESYS | WAMID)
    assert isinstance(told, Tracked)
    assert not told.created
    assert await outbound(world, tenant) == [("wamid.1", "g.1", "sent")]


async def test_a_later_status_told_again_counts_and_an_earlier_one_is_a_repeat(world: World, tenant: Business) -> None:
    await created(world, tenant, **WAMID)
    for status, expected in [(Status.DELIVERED, "delivered"), (Status.SENT, "delivered"), (Status.READ, "read")]:
        (told,) = await track(world, tenant, WAMID | {"status": status})
        assert isinstance(told, Tracked)
        assert not told.created
        assert await outbound(world, tenant) == [("wamid.1", None, expected)]
    assert await world.value(tenant, "SELECT count(*) FROM message_events WHERE NOT applied") == 0


async def test_the_answer_says_what_the_message_is(world: World, tenant: Business) -> None:
    said = [(Status.QUEUED, Status.QUEUED), (Status.DELIVERED, Status.DELIVERED), (Status.SENT, Status.DELIVERED)]
    for told, becomes in [*said, (Status.READ, Status.READ), (Status.FAILED, Status.READ)]:
        (answer,) = await track(world, tenant, WAMID | {"status": told})
        assert isinstance(answer, Tracked)
        assert answer.status is becomes
    at_once = await track(world, tenant, *[{"wamid": "wamid.2", "status": told} for told, _ in said * 2])
    assert [each.status for each in at_once if isinstance(each, Tracked)] == [becomes for _, becomes in said] * 2


@pytest.mark.parametrize("told", [GENESYS | WAMID, GENESYS | {"status": Status.READ}, GENESYS | {"status": Status.FAILED}])
async def test_what_waystate_is_about_to_send_takes_neither_a_wamid_nor_a_later_status(
    world: World, told: dict[str, Any]
) -> None:
    tenant = await world.add("carrier", number="1002")
    await world.correspond(tenant)
    await world.execute(tenant, "UPDATE messages SET genesys_message_id = 'g.1' WHERE direction = 'outbound'")
    await world.execute(tenant, "UPDATE message_keys SET external_id = 'g.1' WHERE source = 'genesys'")
    before = await world.rows(tenant, "SELECT * FROM message_keys ORDER BY source, external_id")
    (refused,) = await track(world, tenant, told)
    assert isinstance(refused, Conflict)
    assert refused.code == "delivery_under_way"
    assert await outbound(world, tenant) == [(None, "g.1", "queued")]
    assert await world.rows(tenant, "SELECT * FROM message_keys ORDER BY source, external_id") == before
    (same,) = await track(world, tenant, GENESYS | {"status": Status.QUEUED})
    assert isinstance(same, Tracked)
    assert (same.created, same.status) == (False, Status.QUEUED)


async def test_one_message_of_genesys_may_leave_as_several(world: World, tenant: Business) -> None:
    first = await created(world, tenant, **(GENESYS | WAMID))
    second = await created(world, tenant, **GENESYS, wamid="wamid.2")
    again = await track(world, tenant, GENESYS | {"wamid": "wamid.2"}, GENESYS | WAMID)
    assert [each.message_id for each in again if isinstance(each, Tracked)] == [second.message_id, first.message_id]
    assert await outbound(world, tenant) == [("wamid.1", "g.1", "sent"), ("wamid.2", "g.1", "sent")]


async def test_an_id_whose_message_was_deleted_since_names_no_other(world: World, tenant: Business) -> None:
    gone = await created(world, tenant, **GENESYS)
    await world.execute(tenant, "DELETE FROM messages WHERE id = $1", gone.message_id)
    (again,) = await track(world, tenant, GENESYS)
    assert isinstance(again, Tracked)
    assert (again.message_id, again.created) == (gone.message_id, False)
    new = await created(world, tenant, **(GENESYS | WAMID))
    assert await outbound(world, tenant) == [("wamid.1", "g.1", "sent")]
    key = await world.value(tenant, "SELECT message_id FROM message_keys WHERE source = 'whatsapp' AND external_id = 'wamid.1'")
    assert key == new.message_id


async def test_ids_that_contradict_each_other_are_refused_and_leave_nothing_behind(world: World, tenant: Business) -> None:
    await created(world, tenant, **WAMID)
    await created(world, tenant, **GENESYS)
    await created(world, tenant, wamid="wamid.3", genesys_message_id="g.3")
    await world.receive(tenant, tenant.message(wa_id="491700000002"))
    other = str(await world.value(tenant, "SELECT id FROM conversations ORDER BY id DESC LIMIT 1"))
    before = await world.rows(tenant, "SELECT * FROM message_keys ORDER BY source, external_id")
    contradictions: list[dict[str, Any]] = [
        GENESYS | WAMID,
        {"wamid": "wamid.3", "genesys_message_id": "g.4"},
        {"wamid": "wamid.3", "genesys_message_id": "g.1"},
        WAMID | {"direction": Direction.INBOUND, "status": Status.RECEIVED},
        WAMID | {"conversation_id": other},
        WAMID | {"conversation_id": other, "genesys_message_id": "g.5"},
        GENESYS | {"conversation_id": other, "wamid": "wamid.6"},
    ]
    for refused in [
        *await track(world, tenant, *contradictions),
        *[(await track(world, tenant, each))[0] for each in contradictions],
    ]:
        assert isinstance(refused, Conflict)
        assert refused.code == "message_exists"
    assert await outbound(world, tenant) == [("wamid.1", None, "sent"), (None, "g.1", "sent"), ("wamid.3", "g.3", "sent")]
    assert await world.rows(tenant, "SELECT * FROM message_keys ORDER BY source, external_id") == before


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
@pytest.mark.parametrize("more", [{}, {"wamid": "wamid.2"}], ids=["by the Genesys id", "with a second wamid"])
async def test_one_request_lets_no_other_of_its_batch_through(
    world: World, tenant: Business, together: bool, more: dict[str, str]
) -> None:
    await created(world, tenant, **(GENESYS | WAMID))
    await world.receive(tenant, tenant.message(wa_id="491700000002"))
    other = str(await world.value(tenant, "SELECT id FROM conversations ORDER BY id DESC LIMIT 1"))
    right, wrong = dict(WAMID), GENESYS | more | {"conversation_id": other, "status": Status.FAILED}
    if together:
        _, refused = await track(world, tenant, right, wrong)
    else:
        await track(world, tenant, right)
        (refused,) = await track(world, tenant, wrong)
    assert isinstance(refused, Conflict)
    assert await outbound(world, tenant) == [("wamid.1", "g.1", "sent")]
    assert await world.value(tenant, "SELECT count(*) FROM message_keys WHERE external_id = 'wamid.2'") == 0


async def test_a_second_wamid_in_the_other_direction_contradicts(world: World, tenant: Business) -> None:
    await created(world, tenant, **(GENESYS | WAMID))
    inbound = {"wamid": "wamid.2", "direction": Direction.INBOUND, "status": Status.RECEIVED}
    (refused,) = await track(world, tenant, GENESYS | inbound)
    assert isinstance(refused, Conflict)
    assert await world.value(tenant, "SELECT count(*) FROM message_keys WHERE external_id = 'wamid.2'") == 0


async def test_what_is_told_of_an_unknown_send_holds(world: World) -> None:
    tenant = await world.add("carrier", number="1002")
    reply = await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, lost()))
    (told,) = await track(world, tenant, {"genesys_message_id": reply.genesys_message_id, "status": Status.DELIVERED})
    assert isinstance(told, Tracked)
    assert told.status is Status.DELIVERED
    world.clock.forward(hours=1)
    await give_up_unknown(tenant.tenant, world.db, world.clock)
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", claimed.message_id) == "delivered"
    assert await world.value(tenant, "SELECT state FROM deliveries WHERE target = 'whatsapp'") == "sent"


@pytest.mark.parametrize("reported", [None, "delivered"])
async def test_a_send_that_was_recorded_before_its_answer_came_is_one_message(world: World, reported: str | None) -> None:
    """Whoever hears of a send first records it by the wamid alone, while its answer is still on its way to us."""
    tenant = await world.add("carrier", number="1002")
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await created(world, tenant, wamid="wamid.out")
    if reported:
        await world.report(tenant, tenant.report("wamid.out", reported))
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    row = await world.row(tenant, "SELECT id, status FROM messages WHERE wamid = 'wamid.out'")
    assert row == {"id": claimed.message_id, "status": reported or "sent"}
    assert (
        await world.value(tenant, "SELECT message_id FROM message_keys WHERE external_id = 'wamid.out'") == claimed.message_id
    )
    await world.report(tenant, tenant.report("wamid.out", "read"))
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", claimed.message_id) == "read"
    assert await world.value(tenant, "SELECT count(*) FROM messages WHERE direction = 'outbound'") == 1
