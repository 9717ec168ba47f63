"""R9: the answers to a business's sends are cut off, after WhatsApp took them and before, and processes that send are killed:
none is sent twice, each is told by its status or failed as unknown, and who sends one again makes a new message of it."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.faults.harness_fleet import FleetRun, fleet_run
from tests.faults.harness_record import Record
from tests.faults.harness_roles import RoleProcess
from tests.faults.harness_sends import Business, business_of
from tests.faults.harness_tenant import TENANT
from waystate.db.pool import Database
from waystate.tenants import store
from waystate.tenants.model import Tenant, TenantSettings

ROLES = {"api": 1, "work": 2, "relay": 1, "timers": 1}
UNKNOWN_TTL = timedelta(seconds=4)
NO_BRAKE = {"OUTAGE_AFTER": "1000000"}
"""Else the number rests after three lost answers, and the rest would not be sent at all until the platform is well."""
PACE = {"agent_reply_share": 0.0, "answer_delay": 0.15}
"""No agents: who answers has the word, and a business may not speak then. WhatsApp takes its time, so that kills hit sends."""
AT_ONCE = 16
_LONGEST = 300.0

_ATTEMPTED = """
SELECT count(*) FROM deliveries
WHERE target = 'whatsapp' AND message_id = ANY($1::uuid[]) AND state NOT IN ('pending', 'sending')
"""
_UNDER_WAY = """
SELECT a.holder FROM deliveries d JOIN delivery_attempts a
    ON a.tenant_id = d.tenant_id AND a.event_id = d.event_id AND a.target = d.target AND a.attempt = d.attempts
WHERE d.target = 'whatsapp' AND d.state = 'sending'
"""
_OPEN = """
SELECT (SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending', 'unknown'))
    + (SELECT count(*) FROM messages WHERE direction = 'outbound' AND status NOT IN ('read', 'failed'))
    + (SELECT count(*) FROM webhook_ledger WHERE state = 'pending')
"""
_INTERRUPTED = "SELECT count(*) FROM delivery_attempts WHERE target = 'whatsapp' AND error->>'code' = 'interrupted'"
_OUTCOMES = (
    "SELECT id, status, error->>'code' AS code, metadata->>'resend_of' AS resend_of FROM messages WHERE id = ANY($1::uuid[])"
)


async def test_r9_no_send_of_a_business_whose_answer_is_lost_is_made_twice(records: list[Record]) -> None:
    async with fleet_run("R9-sends", 9, records, roles=ROLES, servers=(), pace=PACE, **NO_BRAKE) as run:
        await leave_unanswered(run, each=40, kills=1, resends=10)


@pytest.mark.faults
async def test_r9_five_hundred_sends_of_each_kind_and_twenty_kills(records: list[Record]) -> None:
    async with fleet_run("R9-sends-long", 90, records, roles=ROLES, servers=(), pace=PACE, **NO_BRAKE) as run:
        await leave_unanswered(run, each=500, kills=10, resends=500)


async def leave_unanswered(run: FleetRun, *, each: int, kills: int, resends: int) -> None:
    """So many whose answer is cut off after WhatsApp took them, as many before it did, and so many kills during each."""
    await prepare(run)
    await run.fleet.run()
    phones = [f"1555{number:07}" for number in range(2 * each)]
    await write_all(run, phones)
    sent: dict[str, list[str]] = {}
    async with business_of(run) as business:
        for when, some in (("after", phones[:each]), ("before", phones[each:])):
            await run.control("PUT", "/faults", {f"cut_off_{when}": 1.0})
            killing = asyncio.create_task(kill_meanwhile(run, kills, each))
            sent[when] = await send_all(business, some, f"{when} it was taken")
            await reached(run, _ATTEMPTED, each, sent[when])
            await killing
        await run.control("PUT", "/faults", {})
        await until_nothing_is_open(run)
        await judge(run, sent)
        await send_again(run, business, sent, resends)
    run.record.is_complete = True


async def prepare(run: FleetRun) -> None:
    """What nobody knows of is failed soon."""
    db = await Database.open(run.url, pool_size=1)
    async with db.work() as conn:
        await store.upsert_many(conn, [Tenant(id=TENANT, name="Faults", settings=TenantSettings(unknown_ttl=UNKNOWN_TTL))])
    await db.close()


async def write_all(run: FleetRun, phones: Sequence[str]) -> None:
    """Each customer writes, so that they may be sent anything."""
    for phone in phones:
        await run.control("POST", f"/customers/{phone}/messages", {})
    written = "SELECT count(*) FROM conversations WHERE wa_id = ANY($1)"
    await reached(run, written, len(phones), list(phones))


async def send_all(business: Business, phones: Sequence[str], text: str) -> list[str]:
    """Our ids."""
    room = asyncio.Semaphore(AT_ONCE)

    async def send(phone: str) -> str:
        async with room:
            answered = await business.send(phone, text)
        assert answered.status == 202, answered
        return answered.id

    return list(await asyncio.gather(*(send(phone) for phone in phones)))


async def kill_meanwhile(run: FleetRun, kills: int, sends: int) -> None:
    """Whoever is sending, at shares of the sends."""
    attempts = "SELECT count(*) FROM delivery_attempts WHERE target = 'whatsapp'"
    async with run.database() as connection:
        before = int(await connection.fetchval(attempts))
    for share in sorted(0.05 + 0.8 * (place + run.random.random()) / kills for place in range(kills)):
        await reached(run, attempts, before + round(share * sends))
        run.record.strikes.append(await run.fleet.kill(await find_sender(run), run.record.seconds()))


async def find_sender(run: FleetRun) -> RoleProcess:
    """The process that has a send under way; its pid is in the name of who holds the lease."""
    deadline = time.monotonic() + _LONGEST
    async with run.database() as connection:
        while True:
            assert time.monotonic() < deadline, f"nobody sends any more; {run.evidence()}"
            pids = {int(row["holder"].split(":")[1]) for row in await connection.fetch(_UNDER_WAY)}
            for member in run.fleet.of("work"):
                if member.pid in pids:
                    return member
            await asyncio.sleep(0.01)


async def reached(run: FleetRun, query: str, wanted: int, *values: Any) -> None:
    deadline, found = time.monotonic() + _LONGEST, 0
    async with run.database() as connection:
        while found < wanted:
            assert time.monotonic() < deadline, f"stuck at {found} of {wanted}; {run.evidence()}"
            await asyncio.sleep(0.02)
            found = int(await connection.fetchval(query, *values))


async def until_nothing_is_open(run: FleetRun) -> None:
    deadline = time.monotonic() + _LONGEST
    async with run.database() as connection:
        while left := int(await connection.fetchval(_OPEN)):
            assert time.monotonic() < deadline, f"{left} are still on their way; {run.evidence()}"
            await asyncio.sleep(0.1)


async def judge(run: FleetRun, sent: dict[str, list[str]]) -> None:
    """What arrived is read, as its status told; what never did is failed, and nobody sent it again."""
    got, came_to = await arrivals(run), await outcomes(run, [each for ids in sent.values() for each in ids])
    async with run.database() as connection:
        interrupted = int(await connection.fetchval(_INTERRUPTED))
    never = [each for each in sent["after"] if not got[each]]
    run.record.figures |= {
        "sends whose answer was cut off": sum(map(len, sent.values())),
        "of these taken by WhatsApp": sum(bool(got[each]) for ids in sent.values() for each in ids),
        "sends under way when killed": interrupted,
        "silent doubles": sum(times - 1 for times in got.values()),
        "read, as a status told": sum(row["status"] == "read" for row in came_to.values()),
        "failed as outcome_unknown": sum(row["code"] == "outcome_unknown" for row in came_to.values()),
    }
    assert {key: times for key, times in got.items() if times > 1} == {}, run.evidence()
    assert not any(got[each] for each in sent["before"]), run.evidence()
    assert interrupted > 0, f"a kill while nothing was being sent proves nothing; {run.evidence()}"
    assert len(never) <= interrupted, f"only a process that died can keep a send from leaving; {run.evidence()}"
    wrong = {
        each: (row["status"], row["code"])
        for each, row in came_to.items()
        if (row["status"], row["code"]) != (("read", None) if got[each] else ("failed", "outcome_unknown"))
    }
    assert wrong == {}, run.evidence()


async def send_again(run: FleetRun, business: Business, sent: dict[str, list[str]], most: int) -> None:
    """Of those that failed, each as a new message that names the old one; what arrived is not sent again."""
    old = sent["before"][:most]
    again = {each: await business.post(f"/v1/messages/{each}/resend") for each in old}
    assert {answered.status for answered in again.values()} == {202}, again
    await until_nothing_is_open(run)
    got, came_to = await arrivals(run), await outcomes(run, [answered.id for answered in again.values()])
    for each, answered in again.items():
        row = came_to[answered.id]
        assert (row["status"], row["resend_of"], got[answered.id]) == ("read", each, 1), run.evidence()
    assert not any(got[each] for each in old), run.evidence()
    assert Counter(row["status"] for row in (await outcomes(run, old)).values()) == {"failed": len(old)}
    arrived = next(each for each in sent["after"] if got[each])
    refused = await business.post(f"/v1/messages/{arrived}/resend")
    assert (refused.status, refused.said["code"]) == (409, "not_failed")
    run.record.figures["sent again as new messages"] = len(old)


async def arrivals(run: FleetRun) -> Counter[str]:
    """How often WhatsApp took each message, by our id."""
    journal = await run.control("GET", "/messages")
    assert journal["complete"]
    return Counter({got["opaque"]: len(got["wamids"]) for view in journal["customers"] for got in view["whatsappGot"]})


async def outcomes(run: FleetRun, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    async with run.database() as connection:
        rows = await connection.fetch(_OUTCOMES, list(ids))
    return {str(row["id"]): dict(row) for row in rows}
