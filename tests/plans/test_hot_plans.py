"""The statements that every message costs, on tables with a history: planned by their indexes, with no switch touched.

`test_plans.py` asks whether an index could serve; this asks what PostgreSQL does with real numbers, under row-level security.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.databases import Databases
from tests.plans.customers import customer_pages, customer_statements
from tests.plans.explain import PACKAGE, nodes
from tests.plans.stock import BATCH, NUMBER, Stock, fill
from waystate.db.pool import Database, load_queries
from waystate.db.roles import WORK
from waystate.ids import new_id
from waystate.work.store import WAITS

BIG = (
    "webhook_ledger", "contacts", "contact_identities", "conversations", "messages", "message_keys", "message_events", "events",
    "deliveries", "delivery_attempts", "early_statuses", "planned_messages", "contact_index", "contact_tags",
    "contact_likeness", "conversation_index", "conversation_words", "conversation_log",
)  # fmt: skip
BROAD = {"tenant_id", "source", "channel", "kind", "target"}
"""Columns of few values: an index that is entered by these alone is read for all of the tenant's rows."""
COLUMN = re.compile(r"\(\(?(?:\w+\.)?\"?(\w+)\"?\)?(?:::\w+)? (?:=|<>|<=?|>=?|IS) ")


@asynccontextmanager
async def filled(databases: Databases) -> AsyncIterator[tuple[Any, Stock]]:
    with databases.fresh() as url:
        db = await Database.open(url, pool_size=1)
        stock = await fill(db, url)
        await db.close(grace=2)
        connection = await asyncpg.connect(url, statement_cache_size=0)
        yield connection, stock
        await connection.close()


@pytest.fixture(scope="module")
async def stocked(databases: Databases) -> AsyncIterator[tuple[Any, Stock]]:
    async with filled(databases) as place:
        yield place


def parameters(stock: Stock) -> dict[str, dict[str, Any]]:
    """What the stores would pass for a batch, by `domain.query`."""
    now, ids = stock.now, [new_id() for _ in range(BATCH)]
    numbers, times = [NUMBER] * BATCH, [stock.now] * BATCH
    strings, nones = ["x"] * BATCH, [None] * BATCH
    keys = list(range(BATCH))
    since = (now - timedelta(days=9)).date()
    one = stock.conversations[0] if stock.conversations else None
    inbox = {
        "statuses": ["active", "closed"], "is_live": False, "controller": None, "assignee": ids[0],
        "is_unassigned": False, "queue": ids[0], "phone_number_id": NUMBER, "is_window_open": None, "window_floor": now,
        "since": now, "now": now, "viewer": None, "queues": [], "tags": ["vip"], "words": "'orange':*",
    }  # fmt: skip
    walk = inbox | {"value": now, "conversation_id": ids[0], "batch": BATCH}
    place = {"sent_at": now, "message_id": ids[0], "batch": BATCH}
    contact = stock.contacts[0] if stock.contacts else None
    happened = {"contact_id": contact, "before": now, "before_id": ids[0], "batch": BATCH, "viewer": None, "queues": []}
    home = stock.conversations[0] if stock.conversations else None
    return {
        "messages.claim_many": {"source": "whatsapp", "external_ids": stock.wamids, "message_ids": ids},
        "messages.remove_recorded": {"ids": stock.messages, "origin": "http"},
        "messages.find_keys": {"external_ids": stock.wamids, "sources": ["whatsapp", "genesys"]},
        "messages.find_conversations": {"ids": stock.messages},
        "conversations.close_ended": {"ids": stock.conversations, "ended_at": times, "reasons": strings, "now": now},
        "reconciliation.note_check": {"id": ids[0], "now": now, "unknown": 0},
        "messages.lock_many": {"ids": stock.messages},
        "messages.advance_many": {
            "ids": stock.messages, "statuses": strings, "delivered_at": times, "read_at": times, "failed_at": times,
            "errors": nones,
        },
        "messages.attach_wamids": {"ids": stock.messages, "wamids": stock.wamids},
        "messages.take_early": {"external_ids": stock.wamids},
        "messages.take_watched": {"batch": 10_000},
        "messages.drop_aged_early": {"before": now - timedelta(days=8), "batch": 10_000},
        "messages.list_surroundings": {"ids": stock.messages},
        "messages.list_quoted": {"wamids": stock.wamids},
        "messages.list_said": {"ids": stock.messages},
        "messages.list_parts": {
            "phone_number_ids": numbers, "contact_ids": stock.contacts, "wholes": strings, "sent_at": times,
        },
        "messages.list_last_inbound": {"conversation_ids": stock.conversations},
        "messages.list_senders": {"ids": stock.messages},
        "messages.get_message": {"id": stock.messages[0]},
        "messages.get_history": {"message_id": stock.messages[0]},
        "contacts.hold_known": {
            "writers": keys, "kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids, "alone_at": times,
        },
        "contacts.find_former": {"external_ids": stock.wa_ids},
        "contacts.lock_phones": {"external_ids": stock.wa_ids},
        "contacts.find_identities": {"kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids},
        "contacts.find_recipients": {"contact_ids": stock.contacts},
        "contacts.find_facts": {"contact_ids": stock.contacts},
        "contacts.find_leading": {"contact_ids": stock.contacts, "new": strings},
        "contacts.correct_identities": {
            "kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids, "valid_from": times, "contact_ids": stock.contacts,
        },
        "contacts.move_identities": {
            "kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids, "valid_from": times, "valid_to": nones,
            "contact_ids": stock.contacts, "firsts": [True] * BATCH,
        },
        "contacts.change_contacts": {
            "ids": stock.contacts, "names": strings, "gained": nones, "lost": nones, "rest": nones, "learned": nones,
        },
        "contacts.find_ended": {
            "places": list(range(BATCH)), "kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids, "at": times,
            "are_told": [False] * BATCH,
        },
        "contacts.find_holders": {"kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids},
        "contacts.drop_identities": {"kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids},
        "contacts.lock_identities": {"kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids},
        "contacts.close_identities": {
            "contact_id": stock.contacts[0] if stock.contacts else None, "kinds": ["wa_id"] * BATCH,
            "external_ids": stock.wa_ids, "at": now,
        },
        "contacts.lock_contacts": {"contact_ids": stock.contacts},
        "contacts.absorb_contacts": {
            "merged_ids": stock.contacts, "contact_ids": stock.contacts, "undo": ["{}"] * BATCH, "now": now, "made_by": None,
        },
        "contacts.find_survivors": {"contact_ids": stock.contacts},
        "conversations.find_last_heard": {"contact_ids": stock.contacts},
        "conversations.move_many": {"merged_ids": stock.contacts, "contact_ids": stock.contacts},
        "conversations.close_merged": {"ids": stock.conversations, "now": now},
        "conversations.lock_of_contacts": {"contact_ids": stock.contacts},
        "conversations.leave_phones": {"contact_ids": stock.contacts, "wa_ids": stock.wa_ids},
        "conversations.expire_overdue_of": {"now": now, "phone_number_ids": numbers, "contact_ids": stock.contacts},
        "conversations.lock_many": {"ids": stock.conversations},
        "conversations.note_typing": {"ids": stock.conversations, "now": now, "before": now - timedelta(seconds=25)},
        "conversations.touch_many": {
            "ids": stock.conversations, "activity_at": times, "expires_at": times, "customer_message_at": times,
            "message_at": times, "message_ids": strings, "previews": strings, "controllers": [None] * BATCH,
            "control_holders": [None] * BATCH, "control_epochs": [None] * BATCH,
            "acted_at": nones, "now": now,
        },
        "conversations.signal_windows": {"ids": stock.conversations, "at": times, "now": now},
        "conversations.join_windows": {"ids": stock.conversations, "into_ids": stock.conversations[::-1], "now": now},
        "conversations.find_windows": {"phone_number_ids": numbers, "contact_ids": stock.contacts},
        "conversations.tell_windows": {"now": now, "batch": BATCH},
        "conversations.find_open_by_identity": {
            "now": now, "keys": keys, "kinds": ["wa_id"] * BATCH, "external_ids": stock.wa_ids, "phone_number_ids": numbers,
        },
        "conversations.find_by_ids": {
            "own_keys": keys, "own_ids": stock.conversations, "genesys_keys": keys,
            "genesys_ids": [f"genesys-{number}-active" for number in keys],
        },
        "conversations.find_latest_of_contacts": {"keys": keys, "contact_ids": stock.contacts, "phone_number_ids": numbers},
        "conversations.correlate_many": {
            "ids": stock.conversations, "genesys_conversation_ids": strings, "communication_ids": nones,
        },
        "conversations.expire_due": {"now": now, "batch": 1000},
        "conversations.find_shown": {
            "own_keys": keys, "own_ids": stock.conversations, "genesys_keys": keys,
            "genesys_ids": [f"genesys-{number}-active" for number in keys],
        },
        "conversations.place_many": {
            "ids": stock.conversations, "controllers": ["none"] * BATCH, "holders": nones, "epochs": keys,
            "assignee_ids": nones, "queue_ids": nones, "statuses": ["active"] * BATCH, "now": now,
        },
        "conversations.lock_leases": {"before": now, "batch": 1000},
        "conversations.find_other_open": {
            "contact_id": stock.contacts[0] if stock.contacts else None, "phone_number_id": "1001",
        },
        "messages.list_kept_here": {"conversation_ids": stock.conversations, "since": times},
        "planned.find_many": {"ids": ids},
        "planned.withdraw": {"id": ids[0], "now": now},
        "planned.list_newest": {"after": ids[0], "phone_number_id": None, "page": BATCH},
        "planned.list_waiting": {"after": ids[0], "phone_number_id": None, "page": BATCH},
        "planned.list_finished": {"after": ids[0], "state": "released", "phone_number_id": None, "page": BATCH},
        "planned.list_of_contact": {
            "contact_id": ids[0], "after": ids[0], "state": None, "phone_number_id": None, "page": BATCH,
        },
        "planned.make_due": {"phone_number_ids": numbers, "contact_ids": stock.contacts, "now": now},
        "planned.find_queues": {"phone_number_ids": numbers, "contact_ids": stock.contacts, "now": now},
        "planned.lock_asked": {"contact_ids": stock.contacts, "asks": strings},
        "planned.find_asked": {"phone_number_ids": numbers, "contact_ids": stock.contacts},
        "planned.lock_due": {"now": now, "batch": 200, "only": None},
        "planned.lock_expired": {"now": now, "batch": 200},
        "planned.hold_many": {"ids": ids, "asked_by": ids},
        "planned.finish_many": {
            "ids": ids, "states": ["released"] * BATCH, "message_ids": ids, "errors": nones, "now": now,
        },
        "planned.lock_of_messages": {"contact_ids": stock.contacts, "message_ids": ids},
        "planned.move_many": {"merged_ids": stock.contacts, "contact_ids": stock.contacts},
        "deliveries.claim_heads": {
            "lanes": list(range(64)), "now": now, "paused_accounts": ["1002"], "batch": 64, "holder": "h",
            "epochs": [1] * 64, "window": 1000, "accounts": ["1001"], "rooms": [4],
            "payers": ["1001"], "patience": timedelta(minutes=1),
            "passed": ["w:1001:rests"], "crowd": 50,
        },
        "deliveries.find_unsettled": {"state": "unknown", "lanes": None, "due_at": now, "in_hand": []},
        "deliveries.recover_interrupted": {
            "lanes": list(range(64)), "now": now, "hold_until": now, "unknown_until": now + timedelta(minutes=10),
            "in_hand": [], "begun_by": now,
        },
        "deliveries.settle_arrived": {"message_ids": stock.messages, "wamids": stock.wamids, "now": now},
        "deliveries.give_up_unknown": {"now": now},
        "deliveries.list_of_message": {"message_id": stock.messages[0]},
        "deliveries.find_at_genesys": {"external_ids": ["at-genesys"] * BATCH},
        "deliveries.find_looked_up": {"order_keys": strings},
        "deliveries.replace_receipts": {"message_ids": stock.messages, "accounts": strings, "requests": ["{}"] * BATCH},
        "duplicates.list_keys": {"contact_ids": stock.contacts},
        "duplicates.drop_many": {"contact_ids": stock.contacts, "kinds": strings, "values": strings},
        "duplicates.mark_shared": {"kinds": ["phone"] * BATCH, "values": strings},
        "duplicates.list_shared": {"kind": "phone", "after": "", "batch": 50, "members": 11},
        "merges.list_later": {"ids": stock.conversations, "since": stock.messages[0]},
        "merges.retell": {"ids": stock.conversations, "taken_at": times, "left": strings, "now": now},
        "deliveries.rehome": {"message_ids": stock.messages, "conversation_ids": stock.conversations},
        "deliveries.reorder": {"contacts": [str(each) for each in stock.contacts]},
        "conversations/desk.find_message": {"id": stock.messages[0], "conversation_id": one},
        "conversations/desk.find_reach": {"conversation_id": one, "sent_at": now, "id": ids[0]},
        "conversations/desk.find_last_inbound": {"conversation_id": one, "sent_at": now, "id": ids[0]},
        "conversations/desk.count_unread": {"ids": stock.conversations, "user_id": ids[0], "most": 100},
        "conversations/desk.list_participants": {"conversation_id": one},
        "conversations/desk.name_contacts": {"ids": stock.contacts},
        "conversations/desk.move_participants": {"merged_ids": stock.contacts, "contact_ids": stock.contacts},
        "queues.count_open": {"ids": ids},
        "queues.lock_open": {"queue_id": ids[0]},
        "groups.find_many": {"contact_ids": stock.contacts},
        "groups.lock_many": {"contact_ids": stock.contacts},
        "groups.list_participants": {"contact_ids": stock.contacts},
        "groups.move_many": {"merged_ids": stock.contacts, "contact_ids": stock.contacts},
        "events.log_many": {
            "ids": ids, "conversation_ids": stock.conversations,
            "events": ['{"type": "test", "at": "2026-01-31T12:00:00Z"}'] * BATCH,
        },
        "events.append_many": {"ids": [new_id()], "events": '[{"type": "test", "at": "2026-01-31T12:00:00Z"}]'},
        "events.lock_sink": {"sink": "deliveries", "epoch": 1},
        "events.move_sink": {"sink": "deliveries", "epoch": 1, "position": 12_000},
        "events.list_messages": {"after": 11_900, "until": 12_000},
        "events.list_after": {"position": 11_900, "batch": 100, "types": None},
        **{f"inbox.list_by_{order}": walk for order in ("activity", "number", "queue", "assignee", "controller")},
        "inbox.list_by_created": walk, "inbox.list_by_waiting": walk, "inbox.list_unassigned": walk,
        "inbox.list_among": inbox | {"ids": stock.conversations},
        "inbox.find_by_tag": {"tag": "vip", "most": 5001},
        "inbox.find_in_sight": {"viewer": ids[0], "holder": f"person:{ids[0]}", "queues": ids, "most": 5001},
        "inbox.find_matching": {"ids": stock.conversations, "words": "'orange':*"},
        "inbox.find_last_messages": {"ids": stock.conversations},
        "inbox.find_place": {"id": stock.messages[0], "conversation_id": home},
        "inbox.list_older": {"conversation_id": home, **place},
        "inbox.list_newer": {"conversation_id": home, **place},
        "inbox.index_many": {"ids": stock.conversations, "told_ids": ids, "positions": keys, "are_inbound": [True] * BATCH},
        "inbox.count_anew": {"ids": stock.conversations},
        "inbox.list_texts": {"ids": stock.messages},
        "inbox.list_texts_in": {"ids": stock.conversations},
        "inbox.write_words": {"conversation_ids": stock.conversations, "message_ids": ids, "words": strings},
        "inbox.drop_moved": {"ids": stock.conversations},
        "inbox.drop_words": {"conversation_ids": stock.conversations, "message_ids": ids},
        "inbox.list_ids": {"after": ids[0], "batch": 200},
        "inbox.list_of_customers": {"contact_ids": stock.contacts},
        "conversations.list_holders": {"ids": stock.conversations},
        "conversations.count_messages": {"id": home},
        "customers.hold_many": {"ids": stock.contacts},
        "customers.list_log": {**happened, "types": None},
        "customers.list_statuses": {**happened, "since": now, "sent_since": now, "sent_until": now},
        "customers.list_failures": happened,
        "ledger.take_many": {"lanes": list(range(64)), "since": since, "batch": 500, "in_company": 2},
        "ledger.count_pending": {"since": since},
        **customer_statements(stock),
    }  # fmt: skip


HOT = sorted(parameters(Stock(messages=[new_id()])))


async def plan_of(conn: Any, name: str, arguments: dict[str, Any], *, generic: bool) -> dict[str, Any]:
    """As a tenant's transaction has it planned: for these values, or for any, as a prepared statement ends up with."""
    domain, query = name.split(".")
    room = PACKAGE / "customers" / domain
    queries = load_queries(str((room if room.is_dir() else PACKAGE / domain) / "store.py"))
    order = queries.driver_adapter.var_sorted[query]
    sql = getattr(queries, query).sql.strip().rstrip(";")
    await conn.execute(f"BEGIN; SET LOCAL ROLE {WORK}; SET LOCAL app.tenant_id = 'acme'")
    try:
        if generic:
            await conn.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE hot AS {sql}")
            row = await conn.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE hot({', '.join(['NULL'] * len(order))})")
        else:
            values = [({"tenant_id": "acme"} | arguments)[each] for each in order]
            row = await conn.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *values)
    finally:
        await conn.execute("ROLLBACK; DEALLOCATE ALL")
    plan: dict[str, Any] = json.loads(row)[0]["Plan"]
    return plan


def wide_reads(plan: dict[str, Any], partial: set[str]) -> set[str]:
    """Big tables that are read from end to end, or through an index of all rows by nothing but the tenant.

    Partitions that are empty do not count: reading them is free.
    """
    found = set()
    for node in nodes(plan):
        table, index = node.get("Relation Name", ""), node.get("Index Name", "")
        if node["Node Type"] == "Seq Scan" and table.startswith(BIG) and node["Total Cost"] > 50:
            found.add(table)
        if index.startswith(BIG) and index not in partial and set(COLUMN.findall(node.get("Index Cond", ""))) <= BROAD:
            found.add(index)
    return found


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("name", HOT)
async def test_no_message_reads_a_big_table_from_end_to_end(stocked: tuple[Any, Stock], name: str, generic: bool) -> None:
    conn, stock = stocked
    plan = await plan_of(conn, name, parameters(stock)[name], generic=generic)
    assert wide_reads(plan, await partial_indexes(conn)) == set()


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("name", customer_pages(Stock()))
async def test_page_of_customers_walks_the_index_of_its_order(stocked: tuple[Any, Stock], name: str, generic: bool) -> None:
    conn, stock = stocked
    index, arguments = customer_pages(stock)[name]
    plan = await plan_of(conn, name, arguments, generic=generic)
    # What it looks up of each customer is no part of the walk.
    walked = [node for node in nodes(plan) if node.get("Alias") == "x" or node["Node Type"].endswith("Sort")]
    assert [node.get("Index Name") for node in walked] == [index], walked


async def test_words_are_found_by_their_index(stocked: tuple[Any, Stock]) -> None:
    conn, _ = stocked
    sql = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM find_contacts_by_words($1, 10)"
    await conn.execute(f"BEGIN; SET LOCAL ROLE {WORK}; SET LOCAL app.tenant_id = 'acme'")
    for _ in range(3):  # the first one reads the catalogue too
        plan = json.loads(await conn.fetchval(sql, "'customer2999':*"))[0]["Plan"]
    await conn.execute("ROLLBACK")
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert (plan["Actual Rows"], pages < FEW) == (1, True), pages
    assert await conn.fetchval("SELECT relpages FROM pg_class WHERE relname = 'contact_index'") > 2 * FEW


async def partial_indexes(conn: Any) -> set[str]:
    rows = await conn.fetch("SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indpred IS NOT NULL")
    return {row["name"] for row in rows}


@pytest.fixture(scope="module")
async def young(databases: Databases) -> AsyncIterator[tuple[Any, Stock]]:
    """The same tables before the first statistics, as a month's partition is for its first minutes."""
    async with filled(databases) as (connection, stock):
        await connection.execute("DELETE FROM pg_statistic")
        await connection.execute("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relkind = 'r' AND NOT relisshared")
        yield connection, stock


async def pages_looked_at(conn: Any, kind: str, moment: datetime) -> tuple[int, int]:
    """By the look across tenants for this kind of work, which stands in no plan; and how many tenants it found."""
    await conn.execute(f"BEGIN; SET LOCAL ROLE {WORK}")
    try:
        pages = []
        for _ in range(3):  # the first one reads the catalogue too, and the sixth of a session plans for any kind
            look = "due_waits" if kind in WAITS else "due_work"
            sql = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {look}($1, $2)"
            plan = json.loads(await conn.fetchval(sql, kind, moment))[0]["Plan"]
            pages.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
    finally:
        await conn.execute("ROLLBACK")
    return min(pages), plan["Actual Rows"]


EARLY = [("early", 1), ("aged", 0)]
FEW = 40
"""Pages: of all the statuses that were looked at already there are some hundreds."""


@pytest.mark.parametrize(("kind", "tenants"), EARLY)
async def test_nobody_looks_again_at_statuses_that_wait(stocked: tuple[Any, Stock], kind: str, tenants: int) -> None:
    conn, stock = stocked
    pages, found = await pages_looked_at(conn, kind, stock.now - timedelta(days=8))
    assert (pages < FEW, found) == (True, tenants), pages


@pytest.mark.parametrize(("kind", "tenants"), EARLY)
async def test_nobody_looks_again_at_them_while_statistics_are_young(young: tuple[Any, Stock], kind: str, tenants: int) -> None:
    conn, stock = young
    pages, found = await pages_looked_at(conn, kind, stock.now - timedelta(days=8))
    assert (pages < FEW, found) == (True, tenants), pages


async def test_nobody_looks_at_windows_that_are_open_or_told(stocked: tuple[Any, Stock]) -> None:
    conn, stock = stocked
    pages, found = await pages_looked_at(conn, "window", stock.now)
    assert (pages < 100, found) == (True, 0), f"{pages}, most of them for planning"
    pages, found = await pages_looked_at(conn, "window", stock.now + timedelta(hours=23))
    assert (pages > 100, found) == (True, 2), "the open ones of both tenants are in their last hour"


@pytest.mark.parametrize("of", ["stocked", "young"])
async def test_nobody_looks_at_what_waits_for_its_time(of: str, request: pytest.FixtureRequest) -> None:
    conn, stock = request.getfixturevalue(of)
    pages, found = await pages_looked_at(conn, "planned", stock.now)
    assert (pages < 100, found) == (True, 0), f"{pages}, most of them for planning"
    _, found = await pages_looked_at(conn, "planned", stock.now + timedelta(days=7))
    assert found == 2


async def skipping_reads(conn: Any, plan: dict[str, Any]) -> set[str]:
    """Indexes of big tables that are entered past one of their columns: all that is under the columns before it is read."""
    found, partial = set(), await partial_indexes(conn)
    for node in nodes(plan):
        index = node.get("Index Name", "")
        if not index.startswith(BIG) or index in partial:
            continue
        used = set(COLUMN.findall(node.get("Index Cond", "")))
        columns = await conn.fetch(
            "SELECT a.attname FROM pg_attribute a WHERE a.attrelid = $1::text::regclass ORDER BY a.attnum", index
        )
        places = [place for place, row in enumerate(columns) if row["attname"] in used]
        if places != list(range(len(places))):
            found.add(index)
    return found


@pytest.mark.parametrize("generic", [False, True], ids=["custom", "generic"])
@pytest.mark.parametrize("name", HOT)
async def test_no_message_enters_an_index_past_a_column_while_statistics_are_young(
    young: tuple[Any, Stock], name: str, generic: bool
) -> None:
    conn, stock = young
    plan = await plan_of(conn, name, parameters(stock)[name], generic=generic)
    assert await skipping_reads(conn, plan) == set()


async def test_the_guard_sees_an_index_entered_past_a_column(young: tuple[Any, Stock]) -> None:
    conn, stock = young
    await conn.execute(f"BEGIN; SET LOCAL ROLE {WORK}; SET LOCAL app.tenant_id = 'acme'; SET LOCAL enable_seqscan = off")
    sql = "SELECT id FROM messages WHERE tenant_id = 'acme' AND sent_at = $1"
    plan = json.loads(await conn.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", stock.now))[0]["Plan"]
    await conn.execute("ROLLBACK")
    assert await skipping_reads(conn, plan) != set()


@pytest.mark.parametrize(
    "sql", ["SELECT id FROM messages WHERE wamid = 'x'", "SELECT id FROM webhook_ledger WHERE origin = 'x'"]
)
@pytest.mark.parametrize("switch", ["enable_seqscan", "enable_bitmapscan", "enable_indexscan"])
async def test_the_guard_sees_a_wide_read(stocked: tuple[Any, Stock], sql: str, switch: str) -> None:
    conn, _ = stocked
    await conn.execute(f"BEGIN; SET LOCAL ROLE {WORK}; SET LOCAL app.tenant_id = 'acme'; SET LOCAL {switch} = off")
    plan = json.loads(await conn.fetchval(f"EXPLAIN (FORMAT JSON) {sql}"))[0]["Plan"]
    await conn.execute("ROLLBACK")
    assert wide_reads(plan, await partial_indexes(conn)) != set()
