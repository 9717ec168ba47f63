"""Customers merged and separated, over and over, while they write and agents answer, and whoever does it is killed."""

import asyncio
import os
from collections.abc import Sequence

import httpx2
import pytest

from tests.faults.harness import Harness, harness
from tests.faults.harness_backlog import Message
from tests.faults.harness_findings import inversions
from tests.faults.harness_processes import What
from tests.faults.harness_record import Record
from tests.faults.harness_tenant import TENANT
from waystate.clock import utc_now
from waystate.db.pool import Database
from waystate.keys import store as key_store
from waystate.principal import Scope

KILLS, PAIRS, EACH = (20, 8, 120) if os.environ.get("WAYSTATE_LONG") == "1" else (4, 4, 30)
KINDS: Sequence[What] = ("worker", "parent", "both")
OF_ONE_THREAD = ("order inverted: Genesys:", "order inverted: WhatsApp:")
"""The harness and the simulated agents count by Genesys' customer, who is two at times: here the phone counts (`overtaken`)."""
_OWNERS = """
SELECT m.wamid FROM messages m
JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
JOIN contact_identities i ON i.tenant_id = m.tenant_id AND i.kind = 'wa_id' AND i.external_id = m.sender AND i.valid_to IS NULL
WHERE m.direction = 'inbound' AND i.contact_id <> c.contact_id
"""
_UNDELIVERED = """
SELECT m.id FROM messages m WHERE m.direction = 'outbound' AND m.status = 'failed' AND m.error->>'code' <> 'outcome_unknown'
"""


class Merger:
    """Joins each pair of customers and separates them, one pair after the other, whatever dies meanwhile."""

    def __init__(self, run: Harness, key: str, pairs: Sequence[tuple[str, str]]) -> None:
        self._run = run
        self._headers = {"x-api-key": key}
        self._pairs = pairs
        self.done = {"merged": 0, "undone": 0, "asked again": 0}
        self.is_stopping = False

    async def work(self) -> None:
        async with httpx2.AsyncClient(base_url=self._run.address, trust_env=False, timeout=20) as client:
            await asyncio.gather(*(self._join(client, *pair) for pair in self._pairs))

    async def _join(self, client: httpx2.AsyncClient, into: str, merged: str) -> None:
        while not self.is_stopping:
            answer = await self._post(client, f"/v1/customers/{into}/merge", {"from": merged})
            assert answer.status_code == 200, answer.text
            self.done["merged"] += 1
            await asyncio.sleep(self._run.random.random() / 2)
            answer = await self._post(client, f"/v1/customers/merges/{answer.json()['merge']['id']}/undo", None)
            assert answer.status_code in (200, 404), answer.text
            self.done["undone"] += 1
            await asyncio.sleep(self._run.random.random() / 2)

    async def _post(self, client: httpx2.AsyncClient, path: str, body: object) -> httpx2.Response:
        """Until it is answered. Who hears nothing asks again: two are one then, and what was undone is there no more."""
        while True:
            try:
                answer = await client.post(path, json=body, headers=self._headers)
                if answer.status_code < 500:
                    return answer
            except httpx2.TransportError:
                pass
            self.done["asked again"] += 1
            await asyncio.sleep(0.1)


@pytest.mark.faults
async def test_nothing_is_lost_doubled_or_misplaced_by_merges_that_are_killed(records: list[Record]) -> None:
    async with harness("merges", 31, records, pace={"agent_reply_share": 0.3, "bsuid_only_share": 0.0}) as run:
        lines = list(run.authors(count=2 * PAIRS).of_each(EACH))
        run.bodies += [body for line in lines for body in line]
        await run.serve.run()
        door = run.door()
        first = [line[:1] for line in lines]
        await door.post_all(first)
        await run.drained(60)
        merger = await begun(run, [line[0].messages[0].customer for line in lines])
        merging = asyncio.create_task(merger.work())
        posting = asyncio.create_task(door.post_all([line[1:] for line in lines], pause=0.2))
        for number in range(KILLS):
            await asyncio.sleep(1 + run.random.random())
            assert not merging.done(), merging
            await run.kill(KINDS[number % len(KINDS)], number)
        await asyncio.wait_for(posting, 30 + EACH)
        merger.is_stopping = True
        await asyncio.wait_for(merging, 60)
        await run.drained(120)
        findings = await run.find()
        run.record.figures |= merger.done
        async with run.database() as connection:
            assert await connection.fetch(_OWNERS) == [], run.evidence()
            assert await connection.fetch(_UNDELIVERED) == [], run.evidence()
            assert await connection.fetchval("SELECT count(*) FROM contact_merges") == 0
        assert [each for each in findings.problems if not each.startswith(OF_ONE_THREAD)] == [], run.evidence()
        assert await overtaken(run) == [], run.evidence()
        assert merger.done["merged"] == merger.done["undone"] > PAIRS


async def overtaken(run: Harness) -> list[Message]:
    """Messages that reached Genesys behind a later one of the same phone, under whichever contact."""
    written = {message.wamid: message for body in run.bodies for message in body.messages}
    journal = await run.control("GET", "/messages")
    received = [each for view in journal["customers"] for each in view["genesysReceived"] if each["messageId"] in written]
    assert {each["messageId"] for each in received} == written.keys()
    received.sort(key=lambda each: (each["at"], written[each["messageId"]].number))
    return inversions([written[each["messageId"]] for each in received])


async def begun(run: Harness, customers: Sequence[str]) -> Merger:
    """With a key of its own, and the customers as contacts, two and two."""
    db = await Database.open(run.url, pool_size=1)
    async with db.tenant(TENANT) as conn:
        _, key = await key_store.create_key(conn, TENANT, "merger", utc_now(), scopes=[Scope.CUSTOMERS_WRITE])
    await db.close()
    sql = "SELECT external_id, contact_id FROM contact_identities WHERE kind = 'wa_id' AND valid_to IS NULL"
    async with run.database() as connection:
        known = {row["external_id"]: str(row["contact_id"]) for row in await connection.fetch(sql)}
    contacts = [known[each] for each in customers]
    return Merger(run, key, list(zip(contacts[::2], contacts[1::2], strict=True)))
