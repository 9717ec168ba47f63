"""Many at once: copies of one webhook have one effect, and many messages of one customer keep their order through every hop."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.installation import (
    BY_HAND,
    Installation,
    agent_message,
    customer_message,
    envelope,
    installed_with_far_sides,
    status_report,
    until,
)
from tests.databases import Databases

COPIES = 50
MESSAGES = 1000


@pytest.fixture(scope="module")
async def place(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    """Without agents who answer by themselves."""
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path_factory.mktemp("home"), **BY_HAND) as installation:
            yield installation


async def received_by_genesys(place: Installation) -> list[dict[str, Any]]:
    assert place.far is not None
    customers = (await place.far.get("/simulator/messages")).json()["customers"]
    return [each for customer in customers for each in customer["genesysReceived"]]


async def test_webhook_fifty_times_at_once_is_one_message_one_event_and_one_delivery(place: Installation) -> None:
    body = envelope(customer_message("wamid.copies", "15550100001"))
    answers = await asyncio.gather(*(place.post_meta(body) for _ in range(COPIES)))
    assert [answer.status_code for answer in answers] == [200] * COPIES
    await place.settled()
    again = await place.post_meta(body)
    assert again.status_code == 200
    await place.settled()

    rows = await place.rows("SELECT state FROM webhook_ledger")
    assert [row["state"] for row in rows] == ["done"] * (COPIES + 1)
    (message,) = await place.rows("SELECT * FROM messages WHERE wamid = 'wamid.copies'")
    events = await place.rows("SELECT type FROM events WHERE message_id = $1 ORDER BY position", message["id"])
    assert [event["type"] for event in events if event["type"] != "message.status"] == ["inbound.enriched"]
    deliveries = await place.rows("SELECT target, state, attempts FROM deliveries WHERE message_id = $1", message["id"])
    assert deliveries == [{"target": "genesys", "state": "sent", "attempts": 1}]
    assert [(each["messageId"], each["repeats"]) for each in await received_by_genesys(place)] == [("wamid.copies", 0)]


async def test_agents_message_fifty_times_at_once_is_sent_once(place: Installation) -> None:
    await place.post_meta(envelope(customer_message("wamid.asks", "15550100002", at=now(place))))
    await place.settled()
    body = agent_message("copies-of-an-answer", "15550100002")
    answers = await asyncio.gather(*(place.post_genesys(body) for _ in range(COPIES)))
    assert [answer.status_code for answer in answers] == [200] * COPIES
    await place.settled()
    assert place.far is not None
    sends = (await place.far.get("/simulator/messages", params={"customer": "15550100002"})).json()["customers"][0][
        "whatsappGot"
    ]
    assert [len(each["wamids"]) for each in sends] == [1]
    assert await place.value("SELECT count(*) FROM messages WHERE genesys_message_id = 'copies-of-an-answer'") == 1


async def test_status_fifty_times_at_once_is_one_line_of_history_and_one_event(place: Installation) -> None:
    wamid = await place.value("SELECT wamid FROM messages WHERE genesys_message_id = 'copies-of-an-answer'")

    async def is_read() -> bool:
        return bool(await place.value("SELECT status FROM messages WHERE wamid = $1", wamid) == "read")

    await until(is_read)
    body = envelope(status_report(wamid, "delivered", at=1_700_000_000))
    answers = await asyncio.gather(*(place.post_meta(body) for _ in range(COPIES)))
    assert [answer.status_code for answer in answers] == [200] * COPIES
    await place.settled()
    told = await place.trace(wamid)
    early = [each for each in told["statuses"] if each["at"].startswith("2023-11-14")]
    assert [(each["status"], each["applied"], each["whyNot"]) for each in early] == [("delivered", False, "already read")]
    assert told["deliveredAt"].startswith("2023-11-14")
    events = await place.rows(
        "SELECT data ->> 'status' AS status FROM events WHERE type = 'message.status' AND message_id = $1 ORDER BY position",
        await place.value("SELECT id FROM messages WHERE wamid = $1", wamid),
    )
    assert [event["status"] for event in events] == ["sent", "delivered", "read"]


async def test_a_thousand_first_messages_at_once_open_one_conversation_and_keep_the_ledgers_order(place: Installation) -> None:
    customer = "15550100003"
    bodies = [envelope(customer_message(f"wamid.burst-{number}", customer, f"#{number}")) for number in range(MESSAGES)]
    answers = await asyncio.gather(*(place.post_meta(body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    await place.settled(timeout=60)

    open_ones = await place.rows(
        "SELECT c.id FROM conversations c JOIN contact_identities i USING (tenant_id, contact_id) "
        "WHERE i.external_id = $1 AND c.status IN ('active', 'waiting', 'error')",
        customer,
    )
    assert len(open_ones) == 1
    conversation = open_ones[0]["id"]
    # The ledger's order is the one that was decided when a row was taken; `origin` leads from a message back to its row.
    taken = await place.rows(
        "SELECT m.id, m.wamid FROM messages m JOIN webhook_ledger l ON l.id = split_part(m.origin, ':', 3)::uuid "
        "WHERE m.conversation_id = $1 ORDER BY l.taken",
        conversation,
    )
    assert len(taken) == MESSAGES
    ids, wamids = [row["id"] for row in taken], [row["wamid"] for row in taken]
    assert sorted(wamids) == sorted(f"wamid.burst-{number}" for number in range(MESSAGES))
    assert ids == sorted(ids)
    events = await place.rows(
        "SELECT message_id, data -> 'is_new_conversation' AS is_new FROM events "
        "WHERE conversation_id = $1 AND type = 'inbound.enriched' ORDER BY position",
        conversation,
    )
    assert [row["message_id"] for row in events] == ids
    assert [row["is_new"] for row in events] == [True] + [False] * (MESSAGES - 1)
    deliveries = await place.rows(
        "SELECT message_id, state, attempts FROM deliveries WHERE conversation_id = $1 ORDER BY position", conversation
    )
    assert [row["message_id"] for row in deliveries] == ids
    assert {(row["state"], row["attempts"]) for row in deliveries} == {("sent", 1)}
    journal = [each["messageId"] for each in await received_by_genesys(place) if each["messageId"].startswith("wamid.burst-")]
    assert journal == wamids


async def test_messages_that_came_one_after_the_other_stay_so(place: Installation) -> None:
    for number in range(50):
        assert (await place.post_meta(envelope(customer_message(f"wamid.row-{number}", "15550100004")))).status_code == 200
    await place.settled()
    journal = [each["messageId"] for each in await received_by_genesys(place) if each["messageId"].startswith("wamid.row-")]
    assert journal == [f"wamid.row-{number}" for number in range(50)]


async def test_many_customers_in_one_burst_each_keep_their_order_though_genesys_fails_at_times(place: Installation) -> None:
    """Batched as Meta batches: several customers and several messages in one body, bodies at once."""
    assert place.far is not None
    await place.far.put("/simulator/faults", json={"server_errors": 0.1})
    customers = [f"1555011{number:04d}" for number in range(20)]
    bodies = []
    for part in range(10):
        values = [customer_message(f"wamid.{customer}-{part}", customer, f"#{part}") for customer in customers]
        messages = [value["messages"][0] for value in values]
        bodies.append(envelope({"contacts": [value["contacts"][0] for value in values], "messages": messages}))
    await asyncio.gather(*(place.post_meta(body) for body in bodies))
    await place.settled(timeout=30)
    order = {
        row["wamid"]: row["taken"]
        for row in await place.rows(
            "SELECT m.wamid, l.taken FROM messages m JOIN webhook_ledger l ON l.id = split_part(m.origin, ':', 3)::uuid"
        )
    }
    received = [each["messageId"] for each in await received_by_genesys(place)]
    for customer in customers:
        mine = [wamid for wamid in received if wamid.startswith(f"wamid.{customer}-")]
        assert len(mine) == len(bodies)
        assert mine == sorted(mine, key=order.__getitem__)
    assert await place.value("SELECT count(*) FROM conversations WHERE wa_id LIKE '1555011%'") == len(customers)


def now(place: Installation) -> int:
    """Seconds, for a message that opens the customer window."""
    return int(place.app.clock().timestamp())
