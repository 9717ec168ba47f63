"""The order of deliveries per customer, and who may settle an attempt, against PostgreSQL."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.world import HOLD, LANES, Business, World, accepted, later, lost, refused, wait_for_lock
from waystate.channels.model import AttemptResult
from waystate.deliveries import store
from waystate.deliveries.model import Claimed, Delivery, Finished, State, Target
from waystate.deliveries.retry import finish
from waystate.ids import new_id
from waystate.work.lanes import lane_of

TTL = timedelta(minutes=10)


def delivery(world: World, position: int, *, customer: str = "a", target: Target = Target.WHATSAPP, lane: int = 1) -> Delivery:
    return Delivery(
        event_id=new_id(),
        target=target,
        message_id=new_id(),
        conversation_id=new_id(),
        account="1001",
        lane=lane,
        order_key=f"w:{customer}",
        position=position,
        created_at=world.clock.now,
        request={"body": position},
    )


async def insert(world: World, tenant: Business, *rows: Delivery) -> None:
    async with world.db.tenant(tenant.tenant) as conn:
        await store.insert_many(conn, tenant.tenant, rows)


async def finish_many(world: World, tenant: Business, *results: tuple[Claimed, AttemptResult]) -> None:
    finished: list[Finished] = [
        finish(claimed, result, now=world.clock.now, hold=HOLD, unknown_ttl=TTL) for claimed, result in results
    ]
    async with world.db.tenant(tenant.tenant) as conn:
        await store.finish_many(conn, tenant.tenant, finished)


async def states(world: World, tenant: Business) -> list[str]:
    return [row["state"] for row in await world.rows(tenant, "SELECT state FROM deliveries ORDER BY position")]


def bodies(claimed: list[Claimed]) -> list[int]:
    return [each.request["body"] for each in claimed]


async def test_only_the_first_of_each_customer_leaves(world: World, tenant: Business) -> None:
    await insert(world, tenant, *(delivery(world, number, customer="ab"[number % 2]) for number in range(6)))
    first = await world.claim(tenant)
    assert bodies(first) == [0, 1]
    assert await world.claim(tenant) == [], "nothing overtakes what is under way"
    await finish_many(world, tenant, (first[1], accepted()))
    assert bodies(await world.claim(tenant)) == [3]
    await finish_many(world, tenant, (first[0], refused()))
    assert bodies(await world.claim(tenant)) == [2], "what is refused for good holds nobody up"


async def test_an_attempt_is_written_down_before_it_is_made(world: World, tenant: Business) -> None:
    await insert(world, tenant, row := delivery(world, 1))
    (claimed,) = await world.claim(tenant)
    assert (claimed.event_id, claimed.attempt, claimed.message_id) == (row.event_id, 1, row.message_id)
    assert await states(world, tenant) == ["sending"]
    attempt = await world.row(tenant, "SELECT * FROM delivery_attempts")
    assert (attempt["attempt"], attempt["holder"], attempt["epoch"], attempt["started_at"]) == (1, "tests", 1, world.clock.now)
    assert attempt["ended_at"] is None


async def test_what_waits_for_its_next_attempt_holds_its_customers_queue(world: World, tenant: Business) -> None:
    await insert(world, tenant, delivery(world, 1), delivery(world, 2), delivery(world, 3, customer="b"))
    first, other = await world.claim(tenant)
    await finish_many(world, tenant, (first, later(retry_after=20)), (other, accepted()))
    world.clock.forward(seconds=19.9)
    assert await world.claim(tenant) == []
    world.clock.forward(seconds=0.1)
    (again,) = await world.claim(tenant)
    assert (again.request["body"], again.attempt) == (1, 2)


async def test_an_unknown_send_holds_its_queue_for_a_while_and_is_never_sent_again(world: World, tenant: Business) -> None:
    await insert(world, tenant, delivery(world, 1), delivery(world, 2))
    (first,) = await world.claim(tenant)
    await finish_many(world, tenant, (first, lost()))
    world.clock.now += HOLD - timedelta(seconds=1)
    assert await world.claim(tenant) == []
    world.clock.forward(seconds=1)
    (second,) = await world.claim(tenant)
    assert second.request["body"] == 2
    await finish_many(world, tenant, (second, accepted()))
    world.clock.forward(days=1)
    assert await world.claim(tenant) == []
    assert await states(world, tenant) == ["unknown", "sent"]


async def test_a_paused_account_and_a_foreign_lane_are_left_alone(world: World, tenant: Business) -> None:
    await insert(world, tenant, delivery(world, 1))
    assert await world.claim(tenant, paused=["1001"]) == []
    assert await world.claim(tenant, lanes=[0, 2]) == []
    assert len(await world.claim(tenant, lanes=[1], paused=["1002"])) == 1


async def test_a_claim_has_a_limit_and_takes_the_oldest(world: World, tenant: Business) -> None:
    await insert(world, tenant, *(delivery(world, number, customer=str(number)) for number in range(5)))
    assert bodies(await world.claim(tenant, batch=2)) == [0, 1]
    assert bodies(await world.claim(tenant, batch=10)) == [2, 3, 4]


async def test_of_two_that_claim_at_once_the_second_gets_nothing(world: World, tenant: Business) -> None:
    await insert(world, tenant, delivery(world, 1))
    async with world.db.tenant(tenant.tenant) as conn:
        await conn.execute("UPDATE deliveries SET state = 'sending', attempts = 1")  # the first one, before its commit
        second = asyncio.create_task(world.claim(tenant))
        await wait_for_lock(conn)
    assert await second == []
    assert await world.value(tenant, "SELECT count(*) FROM delivery_attempts") == 0


async def test_of_ten_that_claim_at_once_each_delivery_goes_to_one(world: World, tenant: Business) -> None:
    await insert(world, tenant, *(delivery(world, number, customer=str(number % 20)) for number in range(60)))
    claimed = [each for got in await asyncio.gather(*(world.claim(tenant) for _ in range(10))) for each in got]
    assert sorted(bodies(claimed)) == list(range(20))
    assert await world.value(tenant, "SELECT count(*) FROM delivery_attempts") == 20


async def test_the_same_event_makes_one_delivery_a_target(world: World, tenant: Business) -> None:
    row = delivery(world, 1)
    await insert(world, tenant, row)
    await insert(world, tenant, row)
    assert await states(world, tenant) == ["pending"]


async def test_the_answer_to_a_stale_attempt_changes_nothing(world: World, tenant: Business) -> None:
    await insert(world, tenant, delivery(world, 1, target=Target.GENESYS))
    (first,) = await world.claim(tenant)
    await recover(world, tenant)
    (second,) = await world.claim(tenant)
    await finish_many(world, tenant, (first, refused()))
    assert await states(world, tenant) == ["sending"]
    await finish_many(world, tenant, (second, accepted("genesys-message")))
    await finish_many(world, tenant, (first, refused()), (second, refused()))
    row = await world.row(tenant, "SELECT state, external_id, error, finished_at FROM deliveries")
    assert row == {"state": "sent", "external_id": "genesys-message", "error": None, "finished_at": world.clock.now}


async def recover(world: World, tenant: Business, lanes: range = range(LANES)) -> list[UUID]:
    now = world.clock.now
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.recover_interrupted(
            conn, tenant.tenant, list(lanes), now=now, hold_until=now + HOLD, unknown_until=now + TTL
        )


async def test_after_a_take_over_whatsapp_is_unknown_and_genesys_is_sent_again(world: World, tenant: Business) -> None:
    rows = [
        delivery(world, 1),
        delivery(world, 2, customer="g", target=Target.GENESYS),
        delivery(world, 3, customer="r", target=Target.GENESYS_RECEIPT),
        delivery(world, 4, customer="other", lane=5),
    ]
    await insert(world, tenant, *rows)
    await world.claim(tenant)
    assert await recover(world, tenant, range(4)) == [rows[0].message_id]
    assert await states(world, tenant) == ["unknown", "pending", "pending", "sending"]
    outcomes = await world.rows(
        tenant, "SELECT target, outcome FROM delivery_attempts WHERE ended_at IS NOT NULL ORDER BY target"
    )
    assert [each["outcome"] for each in outcomes] == ["retry", "retry", "unknown"]
    assert [each.target for each in await world.claim(tenant)] == [Target.GENESYS, Target.GENESYS_RECEIPT]
    assert await recover(world, tenant, range(4)) == []


async def test_the_answer_that_comes_after_the_take_over_still_settles_the_unknown_send(world: World, tenant: Business) -> None:
    await insert(world, tenant, delivery(world, 1))
    (claimed,) = await world.claim(tenant)
    await recover(world, tenant)
    await finish_many(world, tenant, (claimed, accepted("wamid.out")))
    assert await states(world, tenant) == ["sent"]


async def test_an_unknown_send_is_settled_by_a_status_or_given_up(world: World, tenant: Business) -> None:
    rows = [delivery(world, number, customer=str(number)) for number in range(3)]
    await insert(world, tenant, *rows)
    await finish_many(world, tenant, *((claimed, lost()) for claimed in await world.claim(tenant)))
    async with world.db.tenant(tenant.tenant) as conn:
        settled = await store.settle_arrived(
            conn, tenant.tenant, {rows[0].message_id: "wamid.0", new_id(): "x"}, world.clock.now
        )
        assert settled == [rows[0].message_id]
        assert await store.give_up_unknown(conn, tenant.tenant, world.clock.now + TTL - timedelta(seconds=1)) == []
        given_up = await store.give_up_unknown(conn, tenant.tenant, world.clock.now + TTL)
    assert sorted(given_up) == sorted(each.message_id for each in rows[1:])
    assert await states(world, tenant) == ["sent", "failed", "failed"]
    assert await world.value(tenant, "SELECT external_id FROM deliveries WHERE state = 'sent'") == "wamid.0"


async def test_a_delivery_that_shares_a_position_goes_behind_the_older_one(world: World, tenant: Business) -> None:
    """So does a replay, which shares that of the newest event, and replays among themselves."""
    rows = [delivery(world, number) for number in (1, 2, 3, 4)]
    rows = [replace(row, position=min(row.position, 2)) for row in rows]
    await insert(world, tenant, rows[3], rows[1], rows[2], rows[0])
    order = []
    while claimed := await world.claim(tenant):
        order += bodies(claimed)
        await finish_many(world, tenant, *((each, accepted()) for each in claimed))
    assert order == [1, 2, 3, 4]


async def test_what_became_of_messages_is_found_whatever_their_deliveries_state(world: World, tenant: Business) -> None:
    rows = [delivery(world, number, customer=str(number)) for number in (1, 2)]
    await insert(world, tenant, *rows)
    (first, _) = await world.claim(tenant)
    await finish_many(world, tenant, (first, refused()))
    async with world.db.tenant(tenant.tenant) as conn:
        found = await store.find_of_messages(conn, tenant.tenant, [each.message_id for each in rows])
    assert sorted(each["state"] for each in found) == ["failed", "sending"]


async def test_a_messages_deliveries_are_listed_with_every_attempt(world: World, tenant: Business) -> None:
    row = delivery(world, 1)
    await insert(world, tenant, row, delivery(world, 2))
    (claimed,) = await world.claim(tenant)
    await finish_many(world, tenant, (claimed, later()))
    world.clock.forward(seconds=1)
    (claimed,) = await world.claim(tenant)
    await finish_many(world, tenant, (claimed, accepted("wamid.out")))
    async with world.db.tenant(tenant.tenant) as conn:
        (listed,) = await store.list_of_message(conn, tenant.tenant, row.message_id)
        assert await store.list_of_message(conn, tenant.tenant, new_id()) == []
    assert (listed["state"], listed["attempts"], listed["external_id"]) == (State.SENT, 2, "wamid.out")
    assert [(each["attempt"], each["outcome"], each["http_status"]) for each in listed["attempts_made"]] == [
        (1, "retry", 503),
        (2, "sent", 200),
    ]


async def test_lanes_of_relayed_deliveries_follow_the_number_and_the_client(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    rows = await world.rows(tenant, "SELECT target, lane, account FROM deliveries ORDER BY position")
    assert rows == [
        {"target": "genesys", "lane": lane_of("client-1001", LANES), "account": "integration-1001"},
        {"target": "whatsapp", "lane": lane_of("1001", LANES), "account": "1001"},
    ]


async def claim_of_the_oldest(world: World, tenant: Business, **said: Any) -> list[Claimed]:
    """While others are under way, between two looks through the whole backlog."""
    async with world.db.tenant(tenant.tenant) as conn:
        return await store.claim_heads(
            conn,
            tenant.tenant,
            epochs=dict.fromkeys(range(LANES), 1),
            paused_accounts=[],
            holder="tests",
            now=world.clock.now,
            batch=100,
            widen=False,
            **said,
        )


@pytest.mark.parametrize("said", [{}, {"rooms": {"1001": 40}}])
async def test_few_customers_who_fill_the_window_hide_nobody(world: World, tenant: Business, said: dict[str, Any]) -> None:
    await insert(world, tenant, *(delivery(world, number, customer="abc"[number % 3]) for number in range(1500)))
    await insert(world, tenant, *(delivery(world, 1500 + number, customer=f"other-{number}") for number in range(20)))
    claimed = await claim_of_the_oldest(world, tenant, **said)
    assert bodies(claimed) == [0, 1, 2, *range(1500, 1520)]
    assert len({each.order_key for each in claimed}) == 23


async def test_whoever_is_passed_fills_no_window_and_gets_nothing(world: World, tenant: Business) -> None:
    await insert(world, tenant, *(delivery(world, number, customer="ab"[number % 2]) for number in range(2500)))
    await insert(world, tenant, delivery(world, 2500, customer="other"))
    assert bodies(await claim_of_the_oldest(world, tenant, passed=["w:a", "w:b"])) == [2500]


async def test_no_second_look_is_taken_where_nothing_more_could_leave(world: World, tenant: Business) -> None:
    await insert(world, tenant, *(delivery(world, number, customer="a") for number in range(1500)))
    await insert(world, tenant, delivery(world, 1500, customer="other"))
    assert bodies(await claim_of_the_oldest(world, tenant, rooms={"1001": 1})) == [0]
