"""R16: one payload among thousands kills every process that works it; it ends up alone, with a reason, and delays nobody."""

import asyncio
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness_backlog import Body, Message
from tests.faults.harness_fleet import FleetRun, fleet_run
from tests.faults.harness_mutants import CRASHES_ON_A_MESSAGE, CRASHES_ON_A_WEBHOOK, CRASHING
from tests.faults.harness_queue import endless_lines
from tests.faults.harness_record import Record
from tests.servers.rabbitmq import RabbitMQ
from waystate.clock import iso, utc_now
from waystate.simulator.customers import make_customer

CUSTOMERS = 100
DELAY = 5.0
"""Seconds that it may cost the others at the most."""

_LETTERS = "SELECT reason, error_message, original_payload::text AS payload FROM dead_letters"
_DELAYS = """
SELECT max(e.at - m.sent_at) AS longest, percentile_cont(0.5) WITHIN GROUP (ORDER BY e.at - m.sent_at) AS usual
FROM events e JOIN messages m ON m.tenant_id = e.tenant_id AND m.id = e.message_id WHERE e.type = 'inbound.enriched'
"""
_REJECTED = "SELECT outcome, convert_from(body, 'UTF8') AS body FROM webhook_ledger WHERE state = 'rejected'"
_DELAYS_OF_WEBHOOKS = """
SELECT max(e.at - l.received_at) AS longest, percentile_cont(0.5) WITHIN GROUP (ORDER BY e.at - l.received_at) AS usual
FROM events e JOIN messages m ON m.tenant_id = e.tenant_id AND m.id = e.message_id
    JOIN webhook_ledger l ON l.id = split_part(m.origin, ':', 3)::uuid WHERE e.type = 'inbound.enriched'
"""


async def test_a_message_that_kills_its_process_ends_up_alone(
    records: list[Record], shared_broker: RabbitMQ, tmp_path: Path
) -> None:
    await crashed(records, "crashing-message", tmp_path, shared=shared_broker, messages=500, rate=100, delay=60.0)


@pytest.mark.faults
async def test_r16_one_crashing_message_in_ten_thousand(records: list[Record], shared_broker: RabbitMQ, tmp_path: Path) -> None:
    await crashed(records, "R16-message", tmp_path, shared=shared_broker, messages=10_000, rate=150, delay=DELAY)


@pytest.mark.faults
async def test_r16_one_crashing_webhook_in_ten_thousand(records: list[Record], tmp_path: Path) -> None:
    """With the lease of production: a lane whose holder died rests until it lapses."""
    package, roles = CRASHES_ON_A_WEBHOOK.plant(tmp_path), {"api": 1, "work": 3}
    wired: dict[str, Any] = {"who_sends": "external", "servers": (), "LEASE_TTL": "5"}
    async with fleet_run("R16-webhook", 17, records, roles=roles, package=package, **wired) as run:
        await run.fleet.run()
        await posted_with_one_that_crashes(run, messages=10_000, rate=150)
        await run.drained(120)
        findings = await run.find()
        async with run.database() as connection:
            rejected = [dict(row) for row in await connection.fetch(_REJECTED)]
        longest = await told(run, _DELAYS_OF_WEBHOOKS, [each["outcome"] for each in rejected])
        assert [CRASHING in each["body"] for each in rejected] == [True], run.evidence()
        assert [each for each in findings.problems if not each.startswith("webhooks rejected")] == [], run.evidence()
        assert longest <= DELAY, run.evidence()


async def crashed(
    records: list[Record], name: str, folder: Path, *, shared: RabbitMQ, messages: int, rate: float, delay: float
) -> None:
    """Over the queue at a steady rate; `sent_at` is when it was sent, and its event says when it was worked."""
    package = CRASHES_ON_A_MESSAGE.plant(folder)
    roles = {"work": 3, "relay": 1}
    async with fleet_run(name, 16, records, roles=roles, package=package, shared=shared, who_sends="external") as run:
        await run.fleet.run()
        await sent_with_one_that_crashes(run, messages, rate)
        await run.drained(120)
        findings = await run.find()
        async with run.database() as connection:
            letters = [dict(row) for row in await connection.fetch(_LETTERS)]
        longest = await told(run, _DELAYS, [(each["reason"], each["error_message"]) for each in letters])
        assert [CRASHING in each["payload"] for each in letters] == [True], run.evidence()
        assert findings.counts["dead letters"] == 1
        assert [each for each in findings.problems if not each.startswith("dead letters")] == [], run.evidence()
        assert longest <= delay, run.evidence()


async def told(run: FleetRun, query: str, put_aside: list[Any]) -> float:
    """Into the record; the longest way of another message, in seconds."""
    async with run.database() as connection:
        longest, usual = [float(each.total_seconds()) for each in await connection.fetchrow(query) or ()]
    died = sum(code != 0 for codes in run.fleet.exits.values() for code in codes)
    run.record.figures |= {
        "messages": len(run.written) + 1,
        "processes that died on it": died,
        "put aside": put_aside,
        "longest way of another message in seconds": round(longest, 2),
        "usual way in seconds": round(usual, 3),
    }
    assert died > 0, "nothing was planted"
    return longest


async def sent_with_one_that_crashes(run: FleetRun, messages: int, rate: float) -> None:
    """The others' messages are made when they are sent, so their time is that of sending."""
    sender = run.sender
    assert sender is not None
    lines = endless_lines(run.simulated, f"{run.record.seed}", count=CUSTOMERS, first=0)
    others = [islice(line, (messages - 1) // CUSTOMERS) for line in lines]
    bad = crashing(run)
    sending = asyncio.create_task(sender.send_all(others, pause=CUSTOMERS / rate))
    await asyncio.sleep(messages / rate / 3)
    await sender.send_all([[bad]])
    await sending
    run.bodies += [body for body in sender.confirmed if body is not bad]


async def posted_with_one_that_crashes(run: FleetRun, *, messages: int, rate: float) -> None:
    door = run.door()
    lines = list(run.authors(count=CUSTOMERS).of_each((messages - 1) // CUSTOMERS))
    posting = asyncio.create_task(door.post_all(lines, pause=CUSTOMERS / rate))
    await asyncio.sleep(messages / rate / 3)
    (bad,) = next(iter(run.authors(count=1, first=CUSTOMERS).of_each(1)))
    wamid = bad.messages[0].wamid.replace("/", "\\/")
    bad = Body(bad.raw.replace(wamid.encode(), CRASHING.encode()), ())
    assert CRASHING.encode() in bad.raw
    await run.door().post_all([[bad]])
    await posting
    run.bodies += [body for line in lines for body in line]


def crashing(run: FleetRun) -> Body:
    person = make_customer(run.simulated, CUSTOMERS)
    wamid = f"{CRASHING}-{run.random.randbytes(4).hex()}"
    payload = {
        "wa_id": person.wa_id,
        "user_id": person.user_id,
        "wamid": wamid,
        "message_text": "Hello",
        "timestamp": iso(utc_now()),
        "phone_number_id": run.simulated.phone_number_id,
    }
    return Body(json.dumps(payload).encode(), (Message(person.id, 1, wamid),))
