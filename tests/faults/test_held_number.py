"""The token is revoked while a business has sent thousands of messages: one alarm, and all leave once it is mended."""

import asyncio
from typing import Any

import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_record import Record
from tests.faults.harness_sends import business_of
from waystate.documents import JsonObject

PACE: dict[str, Any] = {"agent_reply_share": 0.0}
OF_EACH = 10
"""Messages to each customer."""
CALL = 1000
"""Messages that are asked for in one call."""
HELD = 35.0
"""Seconds, in which one message finds out again that nobody has mended it."""
TEMPLATE: JsonObject = {"type": "template", "template": {"name": "welcome", "language": {"code": "en_US"}}}
_STATES = "SELECT state, count(*) AS n FROM deliveries WHERE target = 'whatsapp' GROUP BY state"
_ALARMS = "SELECT type FROM events WHERE type LIKE 'number.%' ORDER BY position"
_FAILED = "SELECT count(*) FROM messages WHERE status = 'failed'"
_ATTEMPTS = "SELECT count(*) FROM delivery_attempts WHERE target = 'whatsapp'"


@pytest.mark.faults
async def test_a_revoked_token_holds_ten_thousand_sends_and_loses_none(records: list[Record]) -> None:
    async with harness("revoked-token", 19, records, pace=PACE) as run:
        await run.serve.run()
        await hold_and_mend(run, 10_000)


async def hold_and_mend(run: Harness, messages: int) -> None:
    phones = [f"1555{number:07}" for number in range(messages // OF_EACH)]
    async with business_of(run) as business:
        first = await business.post("/v1/messages", {"to": "15559999999", **TEMPLATE})  # while templates can be fetched
        run.asked["15559999999"] = [first.id]
        await run.drained(60)
        await run.control("PUT", "/token", {"revoked": True})
        wanted = [{"to": phone, **TEMPLATE} for _ in range(OF_EACH) for phone in phones]
        for start in range(0, messages, CALL):
            some = wanted[start : start + CALL]
            answered = await business.post("/v1/messages/bulk", {"messages": some})
            assert answered.status == 202, answered
            for asked, message in zip(some, answered.said["messages"], strict=True):
                run.asked.setdefault(asked["to"], []).append(message["id"])
        await asyncio.sleep(HELD)
    async with run.database() as connection:
        states = {row["state"]: row["n"] for row in await connection.fetch(_STATES)}
        held = [row["type"] for row in await connection.fetch(_ALARMS)]
        tried = int(await connection.fetchval(_ATTEMPTS)) - 1
    run.record.figures |= {"messages that waited": states.get("pending", 0), "attempts while it was held": tried}
    assert (states, held) == ({"sent": 1, "pending": messages}, ["number.held"]), run.evidence()
    await run.control("PUT", "/token", {"revoked": False})
    mended = run.record.seconds()
    await run.drained(120 + messages / 20)
    run.record.figures["seconds until all had left"] = round(run.record.seconds() - mended, 1)
    async with run.database() as connection:
        alarms = [row["type"] for row in await connection.fetch(_ALARMS)]
        failed = await connection.fetchval(_FAILED)
    findings = await run.find()
    assert (alarms, failed, findings.problems) == (["number.held", "number.released"], 0, []), run.evidence()
    assert findings.counts["sends at WhatsApp"] == messages + 1, run.evidence()
