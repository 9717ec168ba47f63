"""Bodies of several numbers: each number's items are in its own lane from the start, behind what came before them."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from tests.bodies import change, envelope
from tests.world import LANES, Business, World
from waystate.channels.whatsapp.parse import find_numbers
from waystate.ids import id_at, new_id
from waystate.ledger import store
from waystate.ledger.model import COPIES, LedgerRow, Received, split
from waystate.web.metrics import Metrics
from waystate.webhooks.intake import Intake, deal_out
from waystate.webhooks.work import WebhookPipeline
from waystate.work.lanes import lane_of
from waystate.work.leases import LEDGER, share_out_anew
from waystate.work.loops import Hint


@pytest.fixture
def pipeline(world: World) -> WebhookPipeline:
    return WebhookPipeline(world.db, world.directory, world.runner(), Metrics(), lanes=LANES)


@pytest.fixture
def intake(world: World) -> Intake:
    return Intake(world.db, Hint())


@pytest.fixture
async def first(world: World) -> Business:
    return await world.add("acme", number="1001")


@pytest.fixture
async def second(world: World) -> Business:
    number = next(n for n in map(str, range(2001, 2100)) if lane_of(n, LANES) % 2 != lane_of("1001", LANES) % 2)
    return await world.add("globex", number=number)


def rows_of(world: World, body: bytes, *, lanes: int = LANES) -> list[Received]:
    """As the callback makes them."""
    received = Received(
        id=new_id(),
        source="whatsapp",
        origin="app-1",
        lane=lane_of("app-1", lanes),
        received_at=world.clock.now,
        body=body,
    )
    return split(received, find_numbers(body), lanes)


async def take(world: World, lanes: Sequence[int] = range(LANES)) -> list[LedgerRow]:
    async with world.db.work() as conn:
        return await store.take_many(conn, lanes, world.clock.now, 1000)


async def wamids(world: World, business: Business) -> list[str]:
    return [row["wamid"] for row in await world.rows(business, "SELECT wamid FROM messages ORDER BY id")]


def plain(first: Business, second: Business) -> bytes:
    return envelope(change(first, first.message("wamid.a")), change(second, second.message("wamid.b")))


def one_entry(first: Business, second: Business) -> bytes:
    entries = [change(first, first.message("wamid.a")), change(second, second.message("wamid.b"))]
    return envelope({"id": first.waba, "changes": [each for entry in entries for each in entry["changes"]]})


def statuses_before_messages(first: Business, second: Business) -> bytes:
    reported = change(first, first.report("wamid.other", "sent")), change(second, second.report("wamid.another", "read"))
    return envelope(*reported, change(first, first.message("wamid.a")), change(second, second.message("wamid.b")))


def escaped_key(first: Business, second: Business) -> bytes:
    head, tail = plain(first, second).rsplit(b'"phone_number_id"', 1)
    return head + rb'"phone\u005fnumber_id"' + tail


def escaped_numbers(first: Business, second: Business) -> bytes:
    body = plain(first, second)
    for each in (first, second):
        body = body.replace(f'_id": "{each.number}"'.encode(), rf'_id": "\u003{each.number[0]}{each.number[1:]}"'.encode())
    return body


def bare_numbers(first: Business, second: Business) -> bytes:
    body = plain(first, second)
    for each in (first, second):
        body = body.replace(f'_id": "{each.number}"'.encode(), f'_id": {each.number}'.encode())
    return body


def number_in_a_text(first: Business, second: Business) -> bytes:
    """The text is what the first number's customer sends: as JSON it is escaped."""
    message = first.message("wamid.a", text=json.dumps({"phone_number_id": "31"}))
    return envelope(change(first, message), change(second, second.message("wamid.b")))


def numbers_elsewhere(first: Business, second: Business) -> bytes:
    """In the order of a message, before the metadata that say whose it is."""
    body = json.loads(plain(first, second))
    for entry in body["entry"]:
        value = entry["changes"][0]["value"]
        value["messages"][0]["order"] = {"phone_number_id": "31"}
        entry["changes"][0]["value"] = {"messages": value["messages"], "metadata": value["metadata"]}
    return json.dumps(body).encode()


def third_is_a_stranger(first: Business, second: Business) -> bytes:
    body = json.loads(plain(first, second))
    stranger = change(first, first.message("wamid.nobody"), app_number="99999")
    return json.dumps(body | {"entry": [stranger, *body["entry"]]}).encode()


KINDS = (
    plain, one_entry, statuses_before_messages, escaped_key, escaped_numbers, bare_numbers, number_in_a_text, numbers_elsewhere,
    third_is_a_stranger,
)  # fmt: skip


@pytest.mark.parametrize("body_of", KINDS, ids=lambda each: each.__name__)
async def test_a_later_body_does_not_overtake_a_number_that_another_body_names_second(
    world: World, first: Business, second: Business, intake: Intake, pipeline: WebhookPipeline, body_of: Any
) -> None:
    await intake.append(rows_of(world, body_of(first, second)))
    await intake.append(rows_of(world, envelope(change(second, second.message("wamid.later")))))
    await pipeline.work(await take(world, [lane_of(second.number, LANES)]))
    assert await wamids(world, second) == ["wamid.b", "wamid.later"]
    while rows := await take(world):
        await pipeline.work(rows)
    assert await wamids(world, second) == ["wamid.b", "wamid.later"]
    assert await wamids(world, first) == ["wamid.a"]
    for each in (first, second):
        assert await world.value(each, "SELECT count(*) FROM dead_letters") == 0


async def test_what_names_no_number_is_worked_once(
    world: World, first: Business, second: Business, intake: Intake, pipeline: WebhookPipeline
) -> None:
    body = json.loads(plain(first, second))
    template = {"id": first.waba, "changes": [{"field": "message_template_status_update", "value": {}}, {"field": "messages"}]}
    await intake.append(rows_of(world, json.dumps(body | {"entry": [*body["entry"], template]}).encode()))
    await pipeline.work(await take(world))
    async with world.db.work() as conn:
        outcomes = [row["outcome"] for row in await store.list_rows(conn)]
    assert sum(len(each.get("ignored", [])) for each in outcomes) == 1
    assert await world.value(first, "SELECT count(*) FROM dead_letters") == 1


async def test_an_unreadable_body_is_rejected_once(
    world: World, first: Business, second: Business, intake: Intake, pipeline: WebhookPipeline
) -> None:
    await intake.append(rows_of(world, plain(first, second)[:-1]))
    await pipeline.work(await take(world))
    async with world.db.work() as conn:
        assert sorted(row["state"] for row in await store.list_rows(conn)) == ["done", "rejected"]


async def test_a_body_that_comes_again_has_no_effect_in_either_lane(
    world: World, first: Business, second: Business, intake: Intake, pipeline: WebhookPipeline
) -> None:
    for _ in range(3):
        await intake.append(rows_of(world, plain(first, second)))
    await intake.append(rows_of(world, envelope(change(second, second.message("wamid.later")))))
    await intake.append(rows_of(world, plain(first, second)))
    await pipeline.work(await take(world))
    assert await take(world) == []
    assert (await wamids(world, first), await wamids(world, second)) == (["wamid.a"], ["wamid.b", "wamid.later"])


async def test_what_an_older_version_took_in_is_split_when_it_is_worked(
    world: World, first: Business, second: Business, pipeline: WebhookPipeline
) -> None:
    """In one row, and what an older version split is worked as it was."""
    (row, child) = rows_of(world, plain(first, second))
    older = Received(id=row.id, source=row.source, origin=row.origin, lane=row.lane, received_at=row.received_at, body=row.body)
    async with world.db.ingest() as conn:
        await store.append_many(conn, [older])
    await pipeline.work(await take(world))
    (handed_over,) = await take(world)
    assert (handed_over.id, handed_over.lane, handed_over.parent) == (child.id, child.lane, row.id)
    async with world.db.work() as conn:
        await conn.execute("UPDATE webhook_ledger SET number = NULL, arrived = NULL")
    await pipeline.work(await take(world))
    assert (await wamids(world, first), await wamids(world, second)) == (["wamid.a"], ["wamid.b"])
    assert await take(world) == []


async def test_a_body_too_large_to_be_copied_is_split_when_it_is_worked(
    world: World, first: Business, second: Business, intake: Intake, pipeline: WebhookPipeline
) -> None:
    rows = rows_of(world, plain(first, second) + b" " * (COPIES // 2))
    assert [(row.lane, row.number) for row in rows] == [(lane_of(first.number, LANES), None)]
    await intake.append(rows)
    while taken := await take(world):
        await pipeline.work(taken)
    assert (await wamids(world, first), await wamids(world, second)) == (["wamid.a"], ["wamid.b"])


async def test_the_order_is_that_of_arrival_and_not_that_of_clocks(
    world: World, first: Business, intake: Intake, pipeline: WebhookPipeline
) -> None:
    """Two machines take bodies in, and the clock of the first is ahead."""
    for n, hours in enumerate((1, 0, 2)):
        (row,) = rows_of(world, envelope(change(first, first.message(f"wamid.{n}"))))
        ahead = id_at(world.clock.now.replace(hour=world.clock.now.hour + hours), n)
        await intake.append([Received(**{name: getattr(row, name) for name in row.__slots__} | {"id": ahead})])
    await pipeline.work(await take(world))
    assert await wamids(world, first) == ["wamid.0", "wamid.1", "wamid.2"]


async def test_bodies_that_come_at_once_keep_the_order_in_which_they_came(
    world: World, first: Business, second: Business, intake: Intake, pipeline: WebhookPipeline
) -> None:
    """None is waited for: some rows share one batch of their lanes, others come while it is written."""
    bodies = [plain(first, second).replace(b'"wamid.', f'"wamid.{n:02}.'.encode()) for n in range(40)]
    bodies[1::3] = [envelope(change(second, second.message(f"wamid.{n:02}.b"))) for n in range(len(bodies)) if n % 3 == 1]
    tasks = []
    for body in bodies:
        tasks.append(asyncio.create_task(intake.append(rows_of(world, body))))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    while rows := await take(world):
        await pipeline.work(rows)
    for each in (first, second):
        came = await wamids(world, each)
        assert came == sorted(came)
    assert len(came) == len(bodies)


async def test_a_body_is_not_taken_in_unless_all_of_its_rows_are(
    world: World, first: Business, second: Business, intake: Intake
) -> None:
    async with world.db.owner() as conn:
        await conn.execute(f"ALTER TABLE webhook_ledger ADD CHECK (number <> '{second.number}')")
    with pytest.raises(asyncpg.CheckViolationError):
        await intake.append(rows_of(world, plain(first, second)))


async def test_numbers_of_one_lane_keep_their_order_when_the_number_of_lanes_changes(
    world: World, first: Business, intake: Intake
) -> None:
    fewer = 3
    number = next(
        n
        for n in map(str, range(3001, 3999))
        if lane_of(n, LANES) == lane_of(first.number, LANES) and lane_of(n, fewer) != lane_of(first.number, fewer)
    )
    neighbour = await world.add("initech", number=number)
    await intake.append(rows_of(world, escaped_numbers(first, neighbour)))
    await share_out_anew(world.db, LEDGER, fewer, deal_out)
    await intake.append(rows_of(world, envelope(change(neighbour, neighbour.message("wamid.later"))), lanes=fewer))
    pipeline = WebhookPipeline(world.db, world.directory, world.runner(), Metrics(), lanes=fewer)
    await pipeline.work(await take(world, [lane_of(number, fewer)]))
    assert (await wamids(world, first), await wamids(world, neighbour)) == ([], ["wamid.b", "wamid.later"])
    await pipeline.work(await take(world))
    assert (await wamids(world, first), await wamids(world, neighbour)) == (["wamid.a"], ["wamid.b", "wamid.later"])
