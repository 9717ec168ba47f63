"""`waystate import seed-state-manager`, beside a server: both shapes of the seeds' two tables, whatever stands in them."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.acceptance.installation import (
    NUMBER,
    TENANT,
    Installation,
    customer_message,
    envelope,
    installed_with_far_sides,
    observe,
    status_report,
    until,
)
from tests.acceptance.terminal import Terminal, beside, run_command
from tests.databases import Databases

ROOT = Path(__file__).parents[2]
PROGRESS = re.compile(r"(conversation_mappings|message_tracking): [\d,]+ of [\d,]+, [\d,]+ rows/s")
COLUMNS = {
    # Seed 000: no tenant, messages refer to the mapping's own id, a mapping has Genesys' ids.
    "by mapping": """
CREATE TABLE conversation_mappings (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), wa_id varchar(50),
    conversation_id varchar(100), communication_id varchar(100), last_message_id varchar(255), contact_name varchar(255),
    phone_number_id varchar(50), display_phone_number varchar(50), status varchar(20), last_activity_at timestamp,
    created_at timestamp, updated_at timestamp, metadata jsonb);
CREATE TABLE message_tracking (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), mapping_id uuid, wamid varchar(255),
    genesys_message_id varchar(100), direction varchar(10), status varchar(20), media_url text, created_at timestamp,
    updated_at timestamp, delivered_at timestamp, metadata jsonb);
""",
    # Seed 001: a tenant a row, messages refer to the conversation's id, which is the State Manager's own; no status, no number.
    "by conversation": """
CREATE TABLE conversation_mappings (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id varchar(50), wa_id varchar(50),
    conversation_id varchar(100), contact_name varchar(255), created_at timestamp, last_activity_at timestamp);
CREATE TABLE message_tracking (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id varchar(50),
    conversation_id varchar(100), meta_message_id varchar(255), genesys_message_id varchar(100), direction varchar(10),
    status varchar(20), message_type varchar(20), media_type varchar(50), media_url text, created_at timestamp,
    updated_at timestamp, delivered_at timestamp, read_at timestamp);
""",
}
MANY = """
INSERT INTO conversation_mappings (id, wa_id, conversation_id, contact_name, phone_number_id, status, last_activity_at,
    created_at, updated_at)
SELECT md5('m' || n)::uuid, '49151' || (10000000 + n % 1500), 'genesys-' || n, 'Customer ' || n % 1500, $1,
    CASE WHEN n > 1500 THEN 'active' WHEN n % 3 = 0 THEN 'expired' ELSE 'closed' END,
    now() - interval '1 hour' - n * interval '1 second' - CASE WHEN n > 1500 THEN interval '0' ELSE interval '40 days' END,
    now() - interval '2 hours' - n * interval '1 second' - CASE WHEN n > 1500 THEN interval '0' ELSE interval '40 days' END,
    now()
FROM generate_series(1, 3000) AS n;
INSERT INTO message_tracking (id, mapping_id, wamid, genesys_message_id, direction, status, created_at, updated_at,
    delivered_at)
SELECT md5('t' || n)::uuid, md5('m' || 1 + n % 3000)::uuid, CASE WHEN n % 50 > 0 THEN 'wamid.' || n END,
    CASE WHEN n % 2 = 0 AND n % 100 > 0 THEN 'genesys-message-' || n END,
    CASE WHEN n % 2 = 0 THEN 'OUTBOUND' ELSE 'INBOUND' END,
    CASE WHEN n % 2 = 1 THEN 'processed' WHEN n % 7 = 0 THEN 'failed' ELSE 'delivered' END,
    now() - interval '50 days' + n * interval '1 minute', now() - interval '50 days' + n * interval '61 seconds',
    CASE WHEN n % 2 = 0 THEN now() - interval '50 days' + n * interval '60 seconds' + interval '2 seconds' END
FROM generate_series(1, 12000) AS n;
"""
"""3,000 mappings of 1,500 customers, each with one open and one ended conversation; 12,000 messages."""
HISTORY = """
SELECT p.name, p.phone_number, p.created_at, c.id AS conversation, c.phone_number_id, c.wa_id, c.genesys_conversation_id,
    c.status, c.created_at AS opened, c.last_activity_at, c.expires_at, c.last_customer_message_at, c.closed_at, c.close_reason,
    m.wamid, m.genesys_message_id, m.direction, m.status AS message_status, m.sent_at, m.delivered_at, m.read_at, m.failed_at,
    m.sender, m.media, m.type,
    (SELECT count(*) FROM message_events e WHERE e.tenant_id = m.tenant_id AND e.message_id = m.id) AS told
FROM conversations c JOIN contacts p ON p.tenant_id = c.tenant_id AND p.id = c.contact_id
LEFT JOIN messages m ON m.tenant_id = c.tenant_id AND m.conversation_id = c.id
WHERE c.tenant_id = $1
"""
SILENT = ("events", "deliveries", "delivery_attempts", "early_statuses", "dead_letters", "webhook_ledger")
OTHER_NUMBER = "206540352242922"


class Importer(Terminal):
    command = ("import", "seed-state-manager")
    source: asyncpg.Connection
    url: str

    async def take_over(self, *arguments: str, tenant: str = TENANT, code: int = 0) -> dict[str, Any]:
        ended, output, errors = await self.run(tenant, "--from", self.url, "--json", *arguments)
        assert ended == code, errors or output
        assert [line for line in errors.splitlines() if not PROGRESS.fullmatch(line)] == []
        taken: dict[str, Any] = json.loads(output)
        return taken

    async def refused(self, *arguments: str, tenant: str = TENANT) -> str:
        code, _, errors = await self.run(tenant, "--from", self.url, *arguments)
        assert code == 2
        return errors

    async def history(self, tenant: str = TENANT) -> Counter[str]:
        return Counter(str(row) for row in await self.place.rows(HISTORY, tenant))

    async def add(self, table: str, **values: Any) -> UUID:
        """A row as it stands, each value written as text."""
        names = ", ".join(values)
        marks = ", ".join(
            "NULL" if value is None else f"'{json.dumps(value) if isinstance(value, dict | list) else value}'"
            for value in values.values()
        )
        row: UUID = await self.source.fetchval(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id")
        return row


@pytest.fixture
def source_url(databases: Databases) -> Iterator[str]:
    with databases.empty() as url:
        yield url


@pytest.fixture
async def importer(databases: Databases, source_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Importer]:
    home = tmp_path_factory.mktemp("home")
    with databases.fresh() as url:
        async with installed_with_far_sides(url, home, agent_reply_share=0.0) as place:
            made = Importer(place, beside(url, home))
            made.url, made.source = source_url, await observe(source_url)
            try:
                yield made
            finally:
                await made.source.close()


@pytest.fixture
async def by_mapping(importer: Importer) -> Importer:
    await importer.source.execute(COLUMNS["by mapping"])
    return importer


@pytest.fixture
async def by_conversation(importer: Importer) -> Importer:
    await importer.source.execute(COLUMNS["by conversation"])
    return importer


async def ago(importer: Importer, said: str) -> str:
    """As the State Manager's own session writes it: without a time zone."""
    return str(await importer.source.fetchval(f"SELECT (now() - interval '{said}')::timestamp(3)::text"))


async def check_silence(place: Installation) -> None:
    """The sweep comes round every second."""
    await asyncio.sleep(2.5)
    for table in (*SILENT, "messages_default", "message_events_default"):
        assert await place.value(f"SELECT count(*) FROM {table}") == 0, table


async def test_what_is_taken_over_by_mapping_keeps_its_ids_states_and_times(by_mapping: Importer) -> None:
    add, place = by_mapping.add, by_mapping.place
    hour, week, old = [await ago(by_mapping, said) for said in ("1 hour", "7 days", "400 days")]
    known = {"wa_id": "919876543210", "contact_name": "Asha", "phone_number_id": NUMBER, "metadata": {"plan": "gold"}}
    active = await add(
        "conversation_mappings",
        **known,
        status="active",
        conversation_id="gen-1",
        communication_id="com-1",
        last_message_id="wamid.2",
        last_activity_at=hour,
        created_at=week,
        updated_at=hour,
    )
    closed = await add(
        "conversation_mappings",
        **known | {"contact_name": "A."},
        status="closed",
        conversation_id="gen-0",
        last_activity_at=old,
        created_at=old,
        updated_at=week,
    )
    stale = await add(
        "conversation_mappings", wa_id="+49 1512 3456789", status="active", last_activity_at=week, created_at=week
    )
    message = {"mapping_id": active, "created_at": week, "updated_at": hour}
    await add("message_tracking", **message, wamid="wamid.1", direction="INBOUND", status="processed", delivered_at=hour)
    await add("message_tracking", **message, wamid="wamid.2", direction="OUTBOUND", status="delivered", delivered_at=hour)
    failed = {
        "direction": "OUTBOUND",
        "status": "failed",
        "genesys_message_id": "g-3",
        "media_url": "https://example.org/a.png",
    }
    await add("message_tracking", **message, **failed)
    await add("message_tracking", mapping_id=closed, created_at=old, wamid="wamid.0", direction="INBOUND", status="received")
    taken = await by_mapping.take_over()
    assert {name: taken[name] for name in ("contacts", "conversations", "messages", "known", "refused", "merged")} == {
        "contacts": 2,
        "conversations": 3,
        "messages": 4,
        "known": 0,
        "refused": 0,
        "merged": 0,
    }
    rows = {row["id"]: row for row in await place.rows("SELECT * FROM conversations")}
    assert {key: row["status"] for key, row in rows.items()} == {active: "active", closed: "closed", stale: "expired"}
    assert rows[active]["metadata"] == {"plan": "gold", "imported_id": str(active)}
    assert rows[closed]["closed_at"] == await by_mapping.source.fetchval("SELECT $1::text::timestamptz", week)
    assert rows[stale]["closed_at"] == rows[stale]["expires_at"]
    assert rows[active]["last_customer_message_at"] == await by_mapping.source.fetchval("SELECT $1::text::timestamptz", week)
    contact = (await place.rows("SELECT * FROM contacts WHERE name = 'Asha'"))[0]
    assert contact["id"] == rows[active]["contact_id"] == rows[closed]["contact_id"]
    assert contact["created_at"] == await by_mapping.source.fetchval("SELECT $1::text::timestamptz", old)
    found = (await place.state("GET", "/state/mapping/+919876543210")).json()
    assert (found["internalId"], found["conversationId"], found["communicationId"]) == (str(active), "gen-1", "com-1")
    assert (found["contactName"], found["isNew"], found["status"]) == ("Asha", False, "active")
    for name in ("gen-0", str(closed)):
        assert (await place.state("GET", f"/state/conversation/{name}")).json()["internalId"] == str(closed)
    trace = await place.trace("wamid.2")
    assert (trace["status"], trace["why"]) == ("delivered", "It was imported and is delivered; Waystate did not carry it.")
    assert [hop["at"] for hop in trace["hops"]] == sorted(hop["at"] for hop in trace["hops"])
    trace = await place.trace("g-3")
    assert (trace["status"], trace["media"]["url"]) == ("failed", "https://example.org/a.png")
    assert (await place.trace("wamid.0"))["sender"] == "919876543210"
    await check_silence(place)


async def test_what_is_taken_over_by_conversation_keeps_its_ids_states_and_times(by_conversation: Importer) -> None:
    add, place = by_conversation.add, by_conversation.place
    hour, week = await ago(by_conversation, "1 hour"), await ago(by_conversation, "7 days")
    own = "0f1c3a52-7f0e-4d43-9f0a-3b5f1f0a9a11"
    mapping = {"created_at": week, "last_activity_at": hour}
    await add(
        "conversation_mappings", tenant_id="shop", wa_id="+919876543210", conversation_id=own, contact_name="Asha", **mapping
    )
    await add("conversation_mappings", tenant_id="bank", wa_id="+4915123456789", conversation_id=str(UUID(int=7)), **mapping)
    message = {"conversation_id": own, "created_at": week, "message_type": "image", "media_type": "image/png"}
    # 001 reports what came in as sent, delivered and read, and lets the tenant be left out.
    await add("message_tracking", tenant_id="shop", meta_message_id="wamid.1", direction="inbound", status="read", **message)
    read = {"status": "read", "delivered_at": week, "read_at": hour, "genesys_message_id": "g-2", "direction": "outbound"}
    await add("message_tracking", meta_message_id="wamid.2", **message, **read)
    await add("message_tracking", tenant_id="shop", direction="outbound", status="sent", **message)
    strange = message | {"conversation_id": str(UUID(int=7))}
    await add("message_tracking", tenant_id="bank", meta_message_id="wamid.9", direction="inbound", status="sent", **strange)
    assert "It has the rows of bank, shop. Name one with --source-tenant" in await by_conversation.refused()
    assert "no rows of 'x', but of: bank, shop" in await by_conversation.refused("--source-tenant", "x")
    taken = await by_conversation.take_over("--source-tenant", "shop")
    assert (taken["contacts"], taken["conversations"], taken["messages"], taken["refused"]) == (1, 1, 3, 0)
    for name in (f"/state/conversation/{own}", "/state/mapping/+919876543210"):
        found = (await place.state("GET", name)).json()
        assert (found["internalId"], found["phoneNumberId"], found["contactName"]) == (own, NUMBER, "Asha")
        assert (found["status"], found["conversationId"]) == ("active", None)
    trace = await place.trace("wamid.1")
    assert (trace["status"], trace["type"], trace["media"]["mime_type"]) == ("processed", "image", "image/png")
    trace = await place.trace("g-2")
    assert (trace["status"], trace["wamid"]) == ("read", "wamid.2")
    assert trace["deliveredAt"] < trace["readAt"]
    again = await by_conversation.take_over("--source-tenant", "shop")
    assert (again["conversations"], again["messages"], again["known"]) == (0, 0, 4)
    await check_silence(place)


async def test_twice_is_once_and_a_run_that_was_killed_is_gone_on_with(by_mapping: Importer) -> None:
    place = by_mapping.place
    for statement in MANY.strip().split(";\n"):
        await by_mapping.source.execute(statement, *([NUMBER] if "$1" in statement else []))
    await place.add_tenant("twin", number=OTHER_NUMBER, integration=None)
    line = [sys.executable, "-m", "waystate", "import", "seed-state-manager", TENANT, "--from", by_mapping.url]
    for table, some in (("conversations", 1000), ("messages", 3000)):
        process = await asyncio.create_subprocess_exec(
            *line, env={"PATH": os.environ["PATH"], **by_mapping.environment}, stderr=asyncio.subprocess.DEVNULL
        )
        query = f"SELECT count(*) >= {some} FROM {table}"

        async def is_there(query: str = query) -> bool:
            return bool(await place.value(query))

        await until(is_there, timeout=60)
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
    assert await place.value("SELECT count(*) FROM messages") < 12_000
    rest = await by_mapping.take_over()
    assert rest["known"] >= 6000
    once = await by_mapping.history()
    assert once.total() == 12_000
    assert (await by_mapping.take_over())["known"] == 15_000
    assert await by_mapping.history() == once
    # Another tenant has all of it in one go, and the same of it.
    taken = await by_mapping.take_over(tenant="twin")
    assert (taken["contacts"], taken["conversations"], taken["messages"]) == (1500, 3000, 12_000)
    assert taken["strange_numbers"] == {NUMBER: 3000}
    assert await by_mapping.history("twin") == once
    statuses = await place.rows("SELECT status, count(*) FROM conversations WHERE tenant_id = 'twin' GROUP BY 1 ORDER BY 1")
    assert [tuple(row.values()) for row in statuses] == [("active", 1500), ("closed", 1000), ("expired", 500)]
    assert await place.value("SELECT count(*) FROM audit_log WHERE action = 'history.imported'") == 4
    await check_silence(place)


async def test_what_cannot_be_used_is_reported_and_keeps_nothing_else_out(by_mapping: Importer, tmp_path: Path) -> None:
    add, report = by_mapping.add, tmp_path / "new" / "report.jsonl"
    hour = await ago(by_mapping, "1 hour")
    good = {"status": "active", "last_activity_at": hour, "created_at": hour, "phone_number_id": NUMBER}
    wanted: dict[UUID, str] = {}
    for wa_id in (None, "", "unknown", "0151 2345678", "12", "+" + "9" * 30):
        wanted[await add("conversation_mappings", **good | {"wa_id": wa_id})] = "invalid_wa_id"
    for status in (None, "archived", "-infinity"):
        wanted[await add("conversation_mappings", **good | {"wa_id": "4915100000001", "status": status})] = "unknown_status"
    no_time = {"created_at": None, "last_activity_at": None}
    wanted[await add("conversation_mappings", **good | {"wa_id": "4915100000002"} | no_time)] = "no_time"
    for at in ("infinity", "1970-01-01", "2400-01-01", "0044-03-15 BC"):
        wanted[await add("conversation_mappings", **good | {"wa_id": "4915100000003", "created_at": at})] = "invalid_time"
    spelled = {
        "+49 (151) 0000-0010": "4915100000010",
        "004915100000011": "4915100000011",
        "whatsapp:+4915100000012": "4915100000012",
    }
    kept = [await add("conversation_mappings", **good | {"wa_id": wa_id}) for wa_id in spelled]
    bsuid = await add("conversation_mappings", **good | {"wa_id": "US.13491208655302741918"})
    said = {"mapping_id": kept[0], "direction": "INBOUND", "status": "received", "created_at": hour}
    lost = next(iter(wanted))
    for wrong, reason in (
        ({"mapping_id": None}, "mapping_not_found"),
        ({"mapping_id": UUID(int=1)}, "mapping_not_found"),
        ({"mapping_id": lost}, "mapping_not_found"),
        ({"direction": None}, "unknown_direction"),
        ({"direction": "sideways"}, "unknown_direction"),
        ({"status": None}, "unknown_status"),
        ({"status": "queued"}, "unknown_status"),
        ({"status": "read twice"}, "unknown_status"),
        ({"created_at": None}, "no_time"),
        ({"created_at": "infinity"}, "invalid_time"),
    ):
        wanted[await add("message_tracking", **said | {"wamid": f"wamid.{len(wanted)}"} | wrong)] = reason
    await add("message_tracking", **said, wamid="wamid.twice")
    later = await ago(by_mapping, "1 minute")
    wanted[await add("message_tracking", **said | {"created_at": later}, wamid="wamid.twice")] = "duplicate_message"
    await add("message_tracking", **said)
    taken = await by_mapping.take_over("--report", str(report), code=1)
    assert (taken["conversations"], taken["messages"], taken["refused"]) == (4, 2, len(wanted))
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert {UUID(line["id"]): line["reason"] for line in lines} == wanted
    assert all(line["row"]["id"] == line["id"] and line["problem"].endswith(".") for line in lines)
    assert taken["reasons"] == dict(Counter(wanted.values()))
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    rows = {row["id"]: row for row in await by_mapping.place.rows("SELECT id, wa_id, user_id FROM conversations")}
    assert [rows[each]["wa_id"] for each in kept] == list(spelled.values())
    assert (rows[bsuid]["wa_id"], rows[bsuid]["user_id"]) == (None, "US.13491208655302741918")
    again = await by_mapping.take_over("--report", str(report), code=1)
    assert (again["known"], again["refused"], again["reasons"]) == (6, len(wanted), taken["reasons"])
    code, output, _ = await by_mapping.run(TENANT, "--from", by_mapping.url)
    assert code == 1
    assert re.search(rf"Not usable: {len(wanted)} rows \(.*9 invalid_wa_id|6 invalid_wa_id.*\)\. Each is in ", output)


async def test_a_dry_run_reports_all_and_writes_nothing(by_mapping: Importer, tmp_path: Path) -> None:
    hour = await ago(by_mapping, "1 hour")
    mapping = {"status": "active", "last_activity_at": hour, "created_at": hour}
    kept = await by_mapping.add("conversation_mappings", wa_id="4915100000001", **mapping)
    lost = await by_mapping.add("conversation_mappings", wa_id="nobody", **mapping)
    for each in (kept, lost):
        await by_mapping.add(
            "message_tracking", mapping_id=each, wamid=f"w.{each}", direction="INBOUND", status="received", created_at=hour
        )
    before = await by_mapping.place.counts()
    partitions = "SELECT count(*) FROM pg_class WHERE relispartition"
    made = await by_mapping.place.value(partitions)
    report = tmp_path / "report.jsonl"
    taken = await by_mapping.take_over("--dry-run", "--report", str(report), code=1)
    assert (taken["conversations"], taken["messages"], taken["refused"]) == (1, 1, 2)
    assert [json.loads(line)["reason"] for line in report.read_text().splitlines()] == ["invalid_wa_id", "mapping_not_found"]
    assert await by_mapping.place.counts() == before
    assert await by_mapping.place.value(partitions) == made


async def test_one_conversation_stays_open_whatever_is_active(by_conversation: Importer) -> None:
    """Two first messages at once made two mappings in the seeds; and Waystate may have its own by now."""
    add, place = by_conversation.add, by_conversation.place
    await place.post_meta(envelope(customer_message("wamid.live", "4915100000002")))
    await place.settled()
    live = await place.value("SELECT id FROM conversations")
    ids = [str(UUID(int=number)) for number in range(1, 6)]
    times = [await ago(by_conversation, f"{hours} hours") for hours in (5, 3, 4, 2, 1)]
    spellings = ("+4915100000001", "4915100000001", "+49 151 00000001", "4915100000002", "4915100000001")
    for own, at, wa_id in zip(ids, times, spellings, strict=True):
        await add("conversation_mappings", tenant_id="t", wa_id=wa_id, conversation_id=own, created_at=at, last_activity_at=at)
    await add("conversation_mappings", tenant_id="t", wa_id="4915100000009", conversation_id=ids[0], created_at=times[0])
    taken = await by_conversation.take_over(code=1)
    assert (taken["conversations"], taken["merged"], taken["reasons"]) == (5, 4, {"duplicate_conversation": 1})
    rows = await place.rows("SELECT id, status, close_reason FROM conversations ORDER BY id")
    open_ones = {row["id"] for row in rows if row["status"] == "active"}
    assert open_ones == {UUID(ids[4]), live}
    assert {row["close_reason"] for row in rows if row["id"] not in open_ones} == {"merged"}
    assert await place.value("SELECT count(*) FROM contacts") == 2
    assert (await by_conversation.take_over(code=1))["known"] == 5


async def test_traffic_goes_on_in_what_was_taken_over(by_mapping: Importer) -> None:
    add, place = by_mapping.add, by_mapping.place
    hour, now = await ago(by_mapping, "1 hour"), int(time.time())
    mapping = await add(
        "conversation_mappings",
        wa_id="4915100000001",
        contact_name="Old",
        status="active",
        created_at=hour,
        last_activity_at=hour,
    )
    message = {"mapping_id": mapping, "created_at": hour}
    await add("message_tracking", **message, wamid="wamid.out", direction="OUTBOUND", status="sent")
    await add("message_tracking", **message, wamid="wamid.in", direction="INBOUND", status="processed")
    await by_mapping.take_over()
    await place.post_meta(envelope(status_report("wamid.out", "read", at=now)))
    await place.post_meta(envelope(customer_message("wamid.new", "4915100000001", at=now)))
    await place.post_meta(envelope(customer_message("wamid.in", "4915100000001", at=now)))
    await place.settled()
    assert (await place.trace("wamid.out"))["status"] == "read"
    assert (await place.trace("wamid.new"))["conversation"]["internalId"] == str(mapping)
    assert await place.value("SELECT count(*) FROM messages WHERE wamid = 'wamid.in'") == 1
    assert await place.value("SELECT name FROM contacts") == "Ada"
    before = await by_mapping.history()
    assert (await by_mapping.take_over())["known"] == 3
    assert await by_mapping.history() == before
    assert await place.value("SELECT name FROM contacts") == "Ada"


async def test_traffic_may_come_while_it_is_taken_over(by_mapping: Importer) -> None:
    place = by_mapping.place
    for statement in MANY.strip().split(";\n"):
        await by_mapping.source.execute(statement, *([NUMBER] if "$1" in statement else []))
    taking = asyncio.create_task(by_mapping.take_over())
    wamids: list[str] = []
    while not taking.done():
        wamids.append(f"wamid.live-{len(wamids)}")
        sender = f"49151{10_000_000 + len(wamids) * 7 % 1500}"
        assert (await place.post_meta(envelope(customer_message(wamids[-1], sender)))).status_code == 200
        await asyncio.sleep(0.01)
    taken = await taking
    await place.settled(timeout=60)
    assert (taken["conversations"], taken["messages"], taken["refused"]) == (3000, 12_000, 0)
    assert len(wamids) > 50
    assert await place.value("SELECT count(*) FROM messages WHERE wamid = ANY($1)", wamids) == len(wamids)
    assert await place.value("SELECT count(*) FROM contacts") == 1500
    assert await place.value("SELECT count(*) FROM conversations WHERE closed_at IS NULL") == 1500


async def test_times_without_a_zone_are_of_the_zone_that_is_named_or_the_servers(by_mapping: Importer) -> None:
    name = await by_mapping.source.fetchval("SELECT current_database()")
    mapping = {"status": "closed", "created_at": "2026-07-01 12:00:00", "last_activity_at": "2026-01-01 12:00:00.5"}
    await by_mapping.add("conversation_mappings", wa_id="4915100000001", **mapping)
    query = "SELECT created_at AT TIME ZONE 'UTC' AS opened, last_activity_at AT TIME ZONE 'UTC' AS active FROM conversations"
    await by_mapping.take_over("--time-zone", "America/New_York")
    assert [str(value) for value in (await by_mapping.place.rows(query))[0].values()] == ["2026-07-01 16:00:00"] * 2
    await by_mapping.place.add_tenant("twin", number=OTHER_NUMBER, integration=None)
    await by_mapping.source.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'Europe/Berlin'")
    await by_mapping.take_over(tenant="twin")
    rows = await by_mapping.place.rows(query + " WHERE tenant_id = 'twin'")
    assert [str(value) for value in rows[0].values()] == ["2026-07-01 10:00:00"] * 2
    assert "'Nowhere/Atoll' is no time zone" in await by_mapping.refused("--time-zone", "Nowhere/Atoll")


async def test_the_lines_of_the_how_to_work(by_conversation: Importer) -> None:
    page = (ROOT / "docs" / "how-to" / "move-from-the-seed-state-manager.md").read_text()
    (setting,) = re.findall(r"`waystate (tenant set .*?)`", page)
    dry, real, look = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    hour = await ago(by_conversation, "1 hour")
    own = str(UUID(int=9))
    for wa_id in ("+4915100000001", "nobody"):
        said = {
            "wa_id": wa_id,
            "conversation_id": own if wa_id != "nobody" else None,
            "created_at": hour,
            "last_activity_at": hour,
        }
        await by_conversation.add("conversation_mappings", tenant_id="t", **said)
    code, _, errors = await run_command(by_conversation.environment, *setting.split())
    assert code == 0, errors
    home = Path(by_conversation.environment["WAYSTATE_HOME"])
    environment = by_conversation.environment | {"HOME": str(home.parent), "SOURCE": by_conversation.url}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    async def typed(lines: str) -> tuple[int, str]:
        lines = re.sub(r'"postgresql://[^"]*"', '"$SOURCE"', lines).replace("/waystate/", f"/{home.name}/")
        process = await asyncio.create_subprocess_exec(
            "bash", "-euc", lines, env=environment | {"PATH": path}, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    setting_of_source, _, _ = dry.partition("\n")
    code, said_of_it = await typed(dry)
    assert (code, said_of_it.count("Nothing was written")) == (1, 1)
    assert await by_conversation.place.value("SELECT count(*) FROM contacts") == 0
    code, said_of_it = await typed(f"{setting_of_source}\n{real}")
    assert (code, "1 contacts, 1 conversations, 0 messages" in said_of_it) == (1, True)
    assert json.loads((await typed(look))[1])["reason"] == "invalid_wa_id"
    found = (await by_conversation.place.state("GET", f"/state/conversation/{own}")).json()
    assert found["conversationId"] == own


async def test_what_cannot_be_begun_says_what_to_do(importer: Importer) -> None:
    assert "lacks conversation_mappings.id" in await importer.refused()
    await importer.source.execute(COLUMNS["by mapping"])
    await importer.add("conversation_mappings", wa_id="4915100000001", status="closed", created_at="2026-01-01")
    assert "There is no tenant 'nobody'" in await importer.refused(tenant="nobody")
    assert "has no number 777. It has: " + NUMBER in await importer.refused("--number", "777")
    await importer.place.database.execute("INSERT INTO tenants (id, name) VALUES ('bare', 'Bare')")
    assert "1 conversations name no business number, and tenant 'bare'" in await importer.refused(tenant="bare")
    importer.url = importer.url.replace("waystate_test", "not_there")
    assert "cannot be read" in await importer.refused()
    importer.url = "mysql://localhost/state"
    assert "cannot be read" in await importer.refused()
    assert await importer.place.value("SELECT count(*) FROM contacts") == 0
