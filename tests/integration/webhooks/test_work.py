"""Bodies of many tenants and numbers: each item in its tenant, once, and a bad one alone."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.bodies import agent_says, change, envelope
from tests.world import LANES, Business, World, accepted
from waystate.channels.whatsapp.parse import find_numbers
from waystate.deliveries.model import Target
from waystate.ids import TenantId, new_id
from waystate.ledger import store
from waystate.ledger.model import ANY_ROUTE, LedgerRow, Received
from waystate.web.metrics import Metrics
from waystate.webhooks.outcomes import LISTED, SPACE
from waystate.webhooks.work import WebhookPipeline
from waystate.work.lanes import lane_of


@pytest.fixture
def pipeline(world: World) -> WebhookPipeline:
    metrics = Metrics()
    return WebhookPipeline(world.db, world.directory, world.runner(metrics=metrics), metrics, lanes=LANES)


async def append(world: World, body: bytes, *, origin: str = "app-1", source: str = "whatsapp") -> UUID:
    lane = lane_of((find_numbers(body) or [origin])[0], LANES)
    row = Received(id=new_id(), source=source, origin=origin, lane=lane, received_at=world.clock.now, body=body)
    async with world.db.ingest() as conn:
        await store.append_many(conn, [row])
    return row.id


async def take(world: World, batch: int = 1000) -> list[LedgerRow]:
    async with world.db.work() as conn:
        return await store.take_many(conn, range(LANES), world.clock.now, batch)


async def work_all(world: World, pipeline: WebhookPipeline) -> set[TenantId]:
    """Until nothing is pending: handed-over items included."""
    tenants: set[TenantId] = set()
    while rows := await take(world):
        tenants |= await pipeline.work(rows)
    return tenants


async def ledger(world: World, row_id: UUID) -> dict[str, Any]:
    async with world.db.work() as conn:
        (found,) = [row for row in await store.list_rows(conn, batch=1000) if row["id"] == row_id]
    return found


async def wamids(world: World, business: Business) -> list[str]:
    rows = await world.rows(business, "SELECT wamid FROM messages WHERE direction = 'inbound' ORDER BY id")
    return [row["wamid"] for row in rows]


async def two_in_different_lanes(world: World) -> tuple[Business, Business]:
    first = await world.add("acme", number="1001")
    number = next(n for n in map(str, range(2001, 2100)) if lane_of(n, LANES) != lane_of("1001", LANES))
    return first, await world.add("globex", number=number)


async def test_a_body_with_many_numbers_and_tenants_reaches_each_in_its_order(world: World, pipeline: WebhookPipeline) -> None:
    businesses = [await world.add(f"tenant-{n}", number=f"10{n:02}") for n in range(10)]
    entries = [change(each, each.message(f"wamid.{each.number}.{round_}")) for round_ in range(5) for each in businesses]
    row_id = await append(world, envelope(*entries))
    assert await work_all(world, pipeline) == {each.tenant for each in businesses}
    for each in businesses:
        assert await wamids(world, each) == [f"wamid.{each.number}.{round_}" for round_ in range(5)]
    row = await ledger(world, row_id)
    assert (row["state"], row["outcome"]["items"]) == ("done", 50)


async def test_items_of_other_lanes_are_handed_over_as_rows_of_their_own(world: World, pipeline: WebhookPipeline) -> None:
    first, second = await two_in_different_lanes(world)
    lanes = {lane_of(each.number, LANES) for each in (first, second)}
    third = await world.add("initech", number=next(n for n in map(str, range(3001, 3100)) if lane_of(n, LANES) not in lanes))
    entries = [change(each, each.message(f"wamid.{each.number}")) for each in (first, second, third)]
    parent = await append(world, envelope(*entries))
    await pipeline.work(await take(world))
    children = {row.lane: row for row in await take(world)}
    assert {row.parent for row in children.values()} == {parent}
    assert children.keys() == {lane_of(each.number, LANES) for each in (second, third)}
    tracked = []
    for each in (second, third):
        tracked.append([await wamids(world, business) for business in (first, second, third)])
        await pipeline.work([children[lane_of(each.number, LANES)]])
    tracked.append([await wamids(world, business) for business in (first, second, third)])
    own = [[f"wamid.{each.number}"] for each in (first, second, third)]
    assert tracked == [[own[0], [], []], [own[0], own[1], []], own]
    assert await take(world) == []


async def test_a_handed_over_row_stands_in_its_lane_where_its_parent_would(world: World, pipeline: WebhookPipeline) -> None:
    """Rows are taken by id, so an id that does not tell its time would wait behind everything that comes later."""
    first, second = await two_in_different_lanes(world)
    before = await append(world, envelope(change(second, second.message("wamid.before"))))
    await asyncio.sleep(0.002)  # ids tell the millisecond
    await append(world, envelope(change(first, first.message("wamid.x")), change(second, second.message("wamid.handed-over"))))
    await asyncio.sleep(0.002)
    await append(world, envelope(change(second, second.message("wamid.after"))))
    await pipeline.work([row for row in await take(world) if row.lane == lane_of(first.number, LANES)])
    async with world.db.work() as conn:
        await conn.execute("UPDATE webhook_ledger SET taken = NULL WHERE state = 'pending'")
    rows = await take(world)
    assert rows[0].id == before
    await pipeline.work(rows)
    assert await wamids(world, second) == ["wamid.before", "wamid.handed-over", "wamid.after"]


async def test_a_crash_before_the_rows_are_settled_is_harmless(world: World, pipeline: WebhookPipeline) -> None:
    first, second = await two_in_different_lanes(world)
    await append(world, envelope(change(first, first.message("wamid.1")), change(second, second.message("wamid.2"))))
    rows = await take(world)
    await pipeline.work(rows)
    await pipeline.work(rows)
    children = await take(world)
    assert len(children) == 1
    await pipeline.work(children)
    await pipeline.work(rows)
    await pipeline.work(children)
    assert (await wamids(world, first), await wamids(world, second)) == (["wamid.1"], ["wamid.2"])
    for each in (first, second):
        assert await world.value(each, "SELECT count(*) FROM events WHERE type = 'inbound.enriched'") == 1


async def test_one_bad_item_of_a_thousand_is_a_dead_letter_alone(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    messages: list[Any] = [tenant.message(f"wamid.{n:03}") for n in range(1000)]
    long = f"wamid.{random.Random(1).randbytes(4000).hex()}"  # more than an index holds
    messages[617] = tenant.message(long)
    row_id = await append(world, envelope(change(tenant, *messages)))
    await work_all(world, pipeline)
    assert await wamids(world, tenant) == [f"wamid.{n:03}" for n in range(1000) if n != 617]
    letter = await world.row(tenant, "SELECT origin, pipeline, original_payload->>'wamid' AS wamid FROM dead_letters")
    assert letter["origin"].endswith(":0.0.m617")
    assert (letter["pipeline"], letter["wamid"]) == ("inbound", long)
    row = await ledger(world, row_id)
    assert row["state"] == "done"
    assert [each["item"] for each in row["outcome"]["dead_letters"]] == ["0.0.m617"]


async def test_what_no_customer_wrote_is_named_in_the_outcome_and_a_message_of_no_usable_group_is_a_dead_letter(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    said = {"from": "491700000009", "id": "wamid.1", "type": "system", "system": {"type": "customer_identity_changed"}}
    group = {"from": "491700000009", "id": "wamid.2", "type": "text", "text": {"body": "Hi"}, "group_id": ["Z3JvdXA"]}
    row_id = await append(world, envelope(change(tenant, said, group)))
    await work_all(world, pipeline)
    outcome = (await ledger(world, row_id))["outcome"]
    assert [(each["item"], each["what"]) for each in outcome["ignored"]] == [("0.0.m0", "system")]
    assert "WhatsApp says it of a customer" in outcome["ignored"][0]["why"]
    letter = await world.row(
        tenant, "SELECT reason, original_payload->'metadata'->'group_id'->>0 AS group_id FROM dead_letters"
    )
    assert list(letter.values()) == ["group_message", "Z3JvdXA"]
    assert await world.value(tenant, "SELECT count(*) FROM contacts") == 0


async def test_an_unusable_item_is_a_dead_letter_and_a_replayed_body_writes_it_once(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    await append(world, envelope(change(tenant, {"id": "wamid.nobody"}, tenant.message("wamid.1"))))
    rows = await take(world)
    await pipeline.work(rows)
    await pipeline.work(rows)
    letter = await world.row(tenant, "SELECT reason, original_payload, retry_count FROM dead_letters")
    assert list(letter.values()) == ["invalid_payload", {"id": "wamid.nobody"}, 0]
    assert await wamids(world, tenant) == ["wamid.1"]


async def test_items_of_an_unknown_number_are_rejected_and_the_others_go_on(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    stranger = replace(tenant, number="9999", waba="waba-9999")
    row_id = await append(world, envelope(change(tenant, tenant.message("wamid.1"))))
    lost = await append(world, envelope(change(stranger, tenant.message("wamid.2"))))
    await work_all(world, pipeline)
    assert await wamids(world, tenant) == ["wamid.1"]
    assert (await ledger(world, row_id))["state"] == "done"
    row = await ledger(world, lost)
    assert (row["state"], row["outcome"]["reason"]) == ("rejected", "unknown_tenant")
    assert "number 9999" in row["outcome"]["message"]


async def test_a_rejected_row_is_worked_after_its_number_was_configured(world: World, pipeline: WebhookPipeline) -> None:
    acme = await world.add("acme", number="1001")
    stranger = replace(acme, number="9999")
    row_id = await append(world, envelope(change(stranger, acme.message("wamid.late"))))
    await work_all(world, pipeline)
    late = await world.add("late", number="9999")
    async with world.db.work() as conn:
        await store.replay_many(conn, [row_id])
    await work_all(world, pipeline)
    assert await wamids(world, late) == ["wamid.late"]
    assert await wamids(world, acme) == []
    assert (await ledger(world, row_id))["state"] == "done"


async def test_a_body_of_very_many_strangers_keeps_a_bounded_outcome_and_is_worked_when_any_of_them_is_known(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    lane = lane_of(tenant.number, LANES)
    numbers = [n for n in map(str, range(900_000, 960_000)) if lane_of(n, LANES) == lane][: 3 * LISTED]
    strangers = [replace(tenant, number=number, waba=f"waba-{number}") for number in numbers]
    changes = [change(each, each.message(f"wamid.{each.number}")) for each in (tenant, *strangers)]
    row_id = await append(world, envelope(*changes))
    await work_all(world, pipeline)
    row = await ledger(world, row_id)
    assert (row["state"], row["outcome"]["items"]) == ("rejected", 1 + 3 * LISTED)
    assert len(row["outcome"]["rejected"]) == LISTED
    assert row["outcome"]["unlisted"] == {"rejected": 2 * LISTED}
    assert len(row["outcome"]["unrouted"]) == LISTED + 1
    last = await world.add("late", number=numbers[-1])
    await work_all(world, pipeline)
    assert await wamids(world, last) == [f"wamid.{last.number}"], "it is none of those that are named"
    assert await wamids(world, tenant) == [f"wamid.{tenant.number}"]


async def test_ignored_items_and_dead_letters_of_a_body_are_listed_up_to_a_bound(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    nobody = [{"id": f"wamid.{n}"} for n in range(LISTED + 20)]
    templates = [{"field": "message_template_status_update", "value": {}} for _ in range(LISTED + 30)]
    entry = change(tenant, *nobody)
    entry["changes"] += templates
    row_id = await append(world, envelope(entry))
    await work_all(world, pipeline)
    outcome = (await ledger(world, row_id))["outcome"]
    assert [len(outcome[name]) for name in ("ignored", "dead_letters")] == [LISTED] * 2
    assert outcome["unlisted"] == {"ignored": 30, "dead_letters": 20}
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters") == LISTED + 20


LONG = 4_000_000
"""Characters of one text, where a hundred of them in one outcome would be more than a jsonb value can hold."""


@pytest.mark.parametrize("what", ["a number", "a business account", "a field", "an item that is unusable"])
async def test_an_outcome_is_bounded_however_long_the_texts_of_its_body_are(
    world: World, tenant: Business, pipeline: WebhookPipeline, what: str
) -> None:
    text = "9" * LONG
    statuses = [{"id": f"wamid.{n}", "status": "sent", "timestamp": "1"} for n in range(LISTED)]
    entry: dict[str, Any] = {"id": "waba", "changes": [{"field": "messages", "value": {"statuses": statuses}}]}
    match what:
        case "a number":
            entry["changes"][0]["value"]["metadata"] = {"phone_number_id": text}
        case "a business account":
            entry["id"] = text
        case "a field":
            entry["changes"][0]["field"] = text
        case _:
            entry = change(tenant, *({"id": text, "from": {}} for _ in range(1)))
    row_id = await append(world, envelope(entry))
    await work_all(world, pipeline)
    async with world.db.work() as conn:
        rows = await store.list_rows(conn)
    assert {row["state"] for row in rows} <= {"done", "rejected"}
    assert max(len(json.dumps(row["outcome"])) for row in rows) < 2 * SPACE
    if what == "a business account":
        assert (await ledger(world, row_id))["outcome"]["reason"] == "unknown_tenant"


async def test_a_number_too_long_to_be_kept_whole_is_worked_when_a_route_appears(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    long = "9" * (2 * SPACE)
    entry = change(tenant, tenant.message("wamid.1"), app_number=long)
    row_id = await append(world, envelope(entry))
    await work_all(world, pipeline)
    async with world.db.work() as conn:
        outcomes = [row["outcome"] for row in await store.list_rows(conn) if row["state"] == "rejected"]
    assert [each["unrouted"] for each in outcomes] == [[ANY_ROUTE]]
    assert (await ledger(world, row_id))["state"] in ("done", "rejected")


@pytest.mark.parametrize("with_number", [True, False])
async def test_an_app_cannot_speak_for_a_number_that_is_not_its_own(
    world: World, tenant: Business, pipeline: WebhookPipeline, with_number: bool
) -> None:
    """The signature proves the app of the path; what it says of other apps' numbers and accounts has no effect."""
    await world.add("mallory", number="6666", app_id="app-6666")
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    entry = change(tenant, tenant.message("wamid.forged"), tenant.report("wamid.out", "read", message_id=claimed.message_id))
    if not with_number:
        del entry["changes"][0]["value"]["metadata"]
    row_id = await append(world, envelope(entry), origin="app-6666")
    await work_all(world, pipeline)
    assert "wamid.forged" not in await wamids(world, tenant)
    assert await world.value(tenant, "SELECT status FROM messages WHERE wamid = 'wamid.out'") == "sent"
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters") == 0
    row = await ledger(world, row_id)
    assert (row["state"], row["outcome"]["reason"]) == ("rejected", "unknown_tenant")
    assert "app-6666" in row["outcome"]["message"]


async def test_an_unreadable_body_is_rejected_with_its_reason(world: World, pipeline: WebhookPipeline) -> None:
    row_id = await append(world, b"\xff not JSON")
    await work_all(world, pipeline)
    row = await ledger(world, row_id)
    assert (row["state"], row["outcome"]["reason"]) == ("rejected", "invalid_payload")


async def test_a_body_that_processes_died_on_four_times_is_set_aside(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    row_id = await append(world, envelope(change(tenant, tenant.message("wamid.killer"))))
    for _ in range(4):
        await take(world)
    (row,) = await take(world)
    assert row.attempts == 5
    await pipeline.work([row])
    assert await wamids(world, tenant) == []
    found = await ledger(world, row_id)
    assert found["state"] == "rejected"
    assert "died 4 times" in found["outcome"]["message"]


async def test_messages_and_statuses_of_one_body_are_both_worked(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    items: list[Any] = [
        tenant.message("wamid.1"),
        tenant.report("wamid.out", "delivered"),
        tenant.report("wamid.other", "sent"),
    ]
    row_id = await append(world, envelope(change(tenant, *items)))
    await work_all(world, pipeline)
    assert "wamid.1" in await wamids(world, tenant)
    assert await world.value(tenant, "SELECT status FROM messages WHERE wamid = 'wamid.out'") == "delivered"
    assert await world.value(tenant, "SELECT external_id FROM early_statuses") == "wamid.other"
    assert (await ledger(world, row_id))["outcome"] == {"items": 3}


async def test_genesys_webhook_is_queued_or_becomes_a_dead_letter(
    world: World, tenant: Business, pipeline: WebhookPipeline
) -> None:
    await world.receive(tenant, tenant.message())
    contact = str(await world.value(tenant, "SELECT id FROM contacts"))
    bodies: Sequence[bytes] = [
        agent_says(tenant, "g.1", to=contact),
        agent_says(tenant, "g.2"),
        agent_says(tenant, "g.3", conversation="nobody", to="nobody"),
        json.dumps({"id": "g.4"}).encode(),
        json.dumps({"id": "g.5", "type": "Receipt"}).encode(),
    ]
    rows = [await append(world, body, origin=tenant.integration, source="genesys") for body in bodies]
    await pipeline.work((await take(world))[:1])
    await work_all(world, pipeline)
    sent = await world.rows(tenant, "SELECT genesys_message_id AS id FROM messages WHERE direction = 'outbound' ORDER BY id")
    assert {row["id"] for row in sent} == {"g.1", "g.2"}
    letters = await world.rows(tenant, "SELECT reason, pipeline FROM dead_letters ORDER BY reason")
    assert [tuple(row.values()) for row in letters] == [("invalid_payload", "outbound"), ("mapping_not_found", "outbound")]
    assert (await ledger(world, rows[4]))["outcome"]["ignored"][0]["what"] == "Receipt"


async def test_rows_older_than_the_ledger_keeps_are_left(world: World, tenant: Business) -> None:
    await append(world, envelope(change(tenant, tenant.message("wamid.1"))))
    world.clock.now += timedelta(days=10)
    assert await take(world) == []
