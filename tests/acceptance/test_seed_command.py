"""`waystate seed`, beside a server: what it makes is found like any other, and nobody is sent anything."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.acceptance.installation import (
    TENANT,
    customer_message,
    envelope,
    installed_with_far_sides,
)
from tests.acceptance.terminal import Terminal, beside
from tests.databases import Databases

UNTOUCHED = {"audit_log"}
"""What was done stays on record."""
SMALL = ("--contacts", "26", "--messages-per-contact", "8")
OTHER = "quiet"
"""A tenant without a number."""


class Desk(Terminal):
    command = ("seed",)

    async def seed(self, *arguments: str, tenant: str = TENANT) -> str:
        return await self.output(tenant, *arguments)

    async def counts(self) -> dict[str, int]:
        return {name: count for name, count in (await self.place.counts()).items() if name not in UNTOUCHED}

    async def open_conversations(self) -> list[dict[str, Any]]:
        return await self.place.rows(
            "SELECT c.id, c.wa_id, c.status, p.name FROM conversations c JOIN contacts p ON p.id = c.contact_id"
            " AND p.tenant_id = c.tenant_id WHERE c.tenant_id = $1 AND c.closed_at IS NULL AND c.wa_id IS NOT NULL",
            TENANT,
        )


@pytest.fixture
async def desk(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    home = tmp_path_factory.mktemp("home")
    with databases.fresh() as url:
        async with installed_with_far_sides(url, home, agent_reply_share=0.0) as place:
            yield Desk(place, beside(url, home))


async def test_what_it_makes_answers_look_ups_and_traces_and_none_of_it_is_sent(desk: Desk) -> None:
    output = await desk.seed(*SMALL)
    assert "26 contacts" in output
    assert "/state/mapping/+" in output
    assert "waystate trace acme " in output
    conversations = await desk.open_conversations()
    assert {row["status"] for row in conversations} == {"active", "waiting", "error"}
    for row in conversations:
        answer = (await desk.place.state("GET", f"/state/mapping/+{row['wa_id']}")).json()
        assert (answer["internalId"], answer["contactName"], answer["isNew"]) == (str(row["id"]), row["name"], False)
        same = (await desk.place.state("GET", f"/state/conversation/{answer['conversationId'] or row['id']}")).json()
        assert same["internalId"] == answer["internalId"]
    for row in await desk.place.rows("SELECT id, wamid, status FROM messages ORDER BY id LIMIT 50"):
        trace = await desk.place.trace(row["wamid"] or str(row["id"]))
        assert trace["status"] == row["status"]
        assert trace["why"]
        assert [hop["at"] for hop in trace["hops"]] == sorted(hop["at"] for hop in trace["hops"])
        assert trace["hops"][-1]["at"] < trace["conversation"]["expiresAt"]
    for table in ("queues", "queue_members", "schedules", "replies", "conversation_tags", "conversation_notes"):
        assert await desk.place.value(f"SELECT count(*) FROM {table}") > 2 - (table == "schedules"), table
    for column in ("queue_id", "assigned_user_id", "subject", "waiting_since"):
        assert await desk.place.value(f"SELECT count(*) FROM conversations WHERE {column} IS NOT NULL") > 2, column
    # The sweep comes round every second.
    await asyncio.sleep(2.5)
    for table in ("events", "deliveries", "delivery_attempts", "early_statuses", "dead_letters", "webhook_ledger"):
        assert await desk.place.value(f"SELECT count(*) FROM {table}") == 0, table
    assert await desk.place.value("SELECT count(*) FROM messages_default") == 0
    assert await desk.place.value("SELECT count(*) FROM message_events_default") == 0


async def test_twice_is_once_and_taken_away_it_is_as_before(desk: Desk) -> None:
    before = await desk.counts()
    await desk.seed(*SMALL)
    once = await desk.counts()
    assert once["contacts"] == 26
    assert "Nothing new" in await desk.seed(*SMALL)
    assert await desk.counts() == once
    await desk.seed("--contacts", "30", "--messages-per-contact", "8")
    assert (await desk.counts())["contacts"] == 30
    await desk.seed(*SMALL, "--seed", "2")
    assert (await desk.counts())["contacts"] == 56
    assert "30 contacts" in await desk.seed("--remove")
    assert (await desk.counts())["contacts"] == 26
    await desk.seed("--remove", "--seed", "2")
    assert await desk.counts() == before
    rows = await desk.place.rows("SELECT action, actor, subject FROM audit_log ORDER BY position")
    assert [row["action"] for row in rows] == ["sample_data.added"] * 3 + ["sample_data.removed"] * 2
    assert {(row["actor"]["kind"], row["subject"]) for row in rows} == {("operator", f"tenant:{TENANT}")}


async def test_what_came_since_stays(desk: Desk) -> None:
    await desk.seed(*SMALL)
    conversation = (await desk.open_conversations())[0]
    await desk.place.post_meta(envelope(customer_message("wamid.real", conversation["wa_id"])))
    await desk.place.settled()
    output = await desk.seed("--remove")
    assert output.strip().endswith("of their own since: 1.")
    assert await desk.place.rows("SELECT wamid, conversation_id FROM messages") == [
        {"wamid": "wamid.real", "conversation_id": conversation["id"]}
    ]
    assert (await desk.place.trace("wamid.real"))["contact"]["waId"] == conversation["wa_id"]


async def test_real_customers_are_not_mixed_with_sample_data_unless_that_is_meant(desk: Desk) -> None:
    await desk.place.post_meta(envelope(customer_message("wamid.real", "15550100001")))
    await desk.place.settled()
    before = await desk.counts()
    code, _, errors = await desk.run(TENANT, *SMALL)
    assert code == 2
    assert "--force" in errors
    assert await desk.counts() == before
    await desk.seed(*SMALL, "--force")
    assert (await desk.counts())["contacts"] == 27
    await desk.seed("--remove")
    assert await desk.counts() == before


async def test_a_tenant_without_a_number_and_its_neighbours(desk: Desk) -> None:
    await desk.place.add_tenant(OTHER, number="2002", integration=None)
    await desk.place.database.execute("DELETE FROM whatsapp_accounts WHERE tenant_id = $1", OTHER)
    await desk.seed(*SMALL)
    await desk.seed(*SMALL, tenant=OTHER)
    assert await desk.place.value("SELECT count(DISTINCT phone_number_id) FROM conversations WHERE tenant_id = $1", OTHER) == 1
    theirs = await desk.place.value("SELECT count(*) FROM messages WHERE tenant_id = $1", OTHER)
    await desk.seed("--remove")
    assert await desk.place.value("SELECT count(*) FROM messages") == theirs > 0
    conversation = await desk.place.value("SELECT id FROM conversations WHERE status = 'active' LIMIT 1")
    answer = await desk.place.state("GET", f"/state/conversation/{conversation}", tenant=OTHER)
    assert answer.json()["phoneNumberId"] == "100000000000000"


@pytest.mark.parametrize(
    ("tenant", "arguments", "said"),
    [
        ("nobody", (), "There is no tenant 'nobody'"),
        ("nobody", ("--remove",), "There is no tenant 'nobody'"),
        ("platform", (), "no customers"),
        ("No!", (), "A tenant id is"),
        (TENANT, ("--contacts", "0"), "--contacts"),
        (TENANT, ("--messages-per-contact", "many"), "--messages-per-contact"),
        (TENANT, ("--days", "400"), "--days"),
    ],
)
async def test_a_wrong_word_is_explained(desk: Desk, tenant: str, arguments: tuple[str, ...], said: str) -> None:
    code, _, errors = await desk.run(tenant, *arguments)
    assert code == 2
    assert said in errors
    assert "Traceback" not in errors
