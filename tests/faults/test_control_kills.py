"""Somebody takes conversations over while processes are killed: nothing that the former speaker had not under way leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_record import Record
from tests.faults.harness_tenant import TENANT
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.ids import new_id
from waystate.people import store as people_store
from waystate.principal import Role

PACE: dict[str, Any] = {"agent_reply_share": 0.0, "answer_delay": 0.1}
"""So slow that most of what is said waits behind something."""
SAID = 4
"""By the first speaker, to each customer."""
_OUTCOMES = """
SELECT m.text, m.status, m.error->>'code' AS code, m.sender, m.conversation_id,
    (SELECT max(a.started_at) FROM deliveries d
        JOIN delivery_attempts a ON a.tenant_id = d.tenant_id AND a.event_id = d.event_id AND a.target = d.target
        WHERE d.tenant_id = m.tenant_id AND d.message_id = m.id AND d.target = 'whatsapp') AS begun
FROM messages m WHERE m.direction = 'outbound' ORDER BY m.id
"""


async def test_nothing_of_who_lost_the_word_leaves_when_a_process_is_killed(database_url: str, records: list[Record]) -> None:
    async with harness("control", 33, records, url=database_url, pace=PACE) as run:
        await taken_over(run, customers=6, kills=1)


@pytest.mark.faults
async def test_nothing_of_who_lost_the_word_leaves_through_ten_kills(records: list[Record]) -> None:
    async with harness("control-long", 330, records, pace=PACE) as run:
        await taken_over(run, customers=150, kills=10)


async def taken_over(run: Harness, *, customers: int, kills: int) -> None:
    await run.serve.run()
    async with person(run, Role.AGENT) as first, person(run, Role.SUPERVISOR) as second:
        phones = [f"4915120{number:06}" for number in range(customers)]
        for phone in phones:
            await run.control("POST", f"/customers/{phone}/messages", {"text": "Hello"})
        await tracked(run, customers)
        killing = asyncio.create_task(kill_now_and_then(run, kills))
        room = asyncio.Semaphore(6)

        async def lead(phone: str) -> tuple[UUID, datetime]:
            async with room:
                return await lead_and_take(run, first, second, phone)

        taken = dict(await asyncio.gather(*map(lead, phones)))
        await killing
    await run.drained(60)
    async with run.database() as connection:
        rows = [dict(row) for row in await connection.fetch(_OUTCOMES)]
    views = {view["waId"]: view for view in (await run.control("GET", "/messages"))["customers"]}
    said = {each["text"] for view in views.values() for each in view["whatsappGot"]}
    lost = [row for row in rows if row["code"] == "controller_changed"]
    run.record.figures |= {"said": len(rows), "withheld": len(lost), "sent": len(said)}
    assert [row["text"] for row in lost if row["text"] in said] == [], run.evidence()
    late = [
        row for row in rows if row["text"].startswith("first") and row["begun"] and row["begun"] > taken[row["conversation_id"]]
    ]
    assert late == [], f"begun after the take-over was answered; {run.evidence()}"
    assert [row for row in rows if row["status"] == "queued" and row["text"].startswith("first")] == [], run.evidence()
    for phone in phones:
        order = [each["text"].split()[0] for each in views[phone]["whatsappGot"]]
        assert order == sorted(order), f"{phone} got {order}; {run.evidence()}"
    assert lost, "a run in which nobody lost anything proves nothing"
    assert len(said) > len(phones), "nor one in which the first speaker was never heard"


async def lead_and_take(
    run: Harness, first: httpx2.AsyncClient, second: httpx2.AsyncClient, phone: str
) -> tuple[UUID, datetime]:
    """The conversation, and when its new holder was told that it is theirs."""
    talk = ""
    for number in range(SAID):
        answer = await asked(first, "/v1/messages", text(phone, f"first {phone} {number}"))
        talk = answer["conversationId"]
    await asyncio.sleep(run.random.uniform(0.0, 0.15))
    held = await asked(second, f"/v1/conversations/{talk}/take", {})
    at = utc_now()
    assert held["assignee"] is not None
    await asked(second, "/v1/messages", text(phone, f"second {phone}"))
    return UUID(talk), at


def text(to: str, body: str) -> dict[str, Any]:
    return {"to": to, "type": "text", "text": {"body": body}}


async def asked(http: httpx2.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    """Until there is an answer: what was done twice was said twice, and the checks take either."""
    for _ in range(200):
        try:
            answer = await http.post(path, json=body)
        except httpx2.TransportError:
            await asyncio.sleep(0.1)
            continue
        if answer.status_code < 300:
            said: dict[str, Any] = answer.json()
            return said
        assert answer.status_code >= 500 or answer.status_code == 429, (path, answer.text)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{path} was not answered")


async def kill_now_and_then(run: Harness, kills: int) -> None:
    for _ in range(kills):
        await asyncio.sleep(run.random.uniform(0.3, 0.8))
        await run.kill("worker", 0)


async def tracked(run: Harness, count: int) -> None:
    async with run.database() as connection:
        for _ in range(300):
            if await connection.fetchval("SELECT count(*) FROM messages WHERE direction = 'inbound'") >= count:
                return
            await asyncio.sleep(0.1)
    raise AssertionError("what customers wrote did not come")


@asynccontextmanager
async def person(run: Harness, role: Role) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody of the tenant, who calls with a session."""
    user, now = new_id(), utc_now()
    db = await Database.open(run.url, pool_size=1)
    async with db.work(tenant_id=TENANT) as conn:
        await conn.execute(
            "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, $2, $3, 'active', $4)",
            *(user, f"{user}@example.org", role.value, now),
        )
        await conn.execute(
            "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)", TENANT, user, role, now
        )
        _, token = await people_store.create_session(conn, TENANT, user, now)
    await db.close()
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=run.address, trust_env=False, timeout=15, headers=headers) as http:
        yield http
