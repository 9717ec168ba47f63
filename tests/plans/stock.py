"""A database with some history: two tenants, thousands of finished rows in every big table, and a little work to do."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from waystate.clock import utc_now
from waystate.db import partitions
from waystate.db.pool import Database
from waystate.ids import new_id

CUSTOMERS = 3000
"""A tenant, each with a closed and an open conversation, two messages a conversation, one finished delivery a message."""
NUMBER = "1001"
BATCH = 25
"""Rows that a statement is asked for: few enough of the stock that a scan would be the wrong plan."""
TENANTS = ("acme", "globex")


@dataclass
class Stock:
    """Parameters that hit rows of `acme`: a batch's worth of each."""

    now: datetime = field(default_factory=utc_now)
    contacts: list[UUID] = field(default_factory=list)
    conversations: list[UUID] = field(default_factory=list)
    messages: list[UUID] = field(default_factory=list)
    wa_ids: list[str] = field(default_factory=list)
    wamids: list[str] = field(default_factory=list)


async def fill(db: Database, url: str) -> Stock:
    stock = Stock()
    async with db.owner() as conn:
        await partitions.make_ahead(conn, stock.now)
    connection = await asyncpg.connect(url)
    try:
        for tenant in TENANTS:
            await connection.execute("INSERT INTO tenants (id, name) VALUES ($1, $1)", tenant)
            made = await _fill_tenant(connection, tenant, stock.now)
            if tenant == "acme":
                made.now = stock.now
                stock = made
        await _fill_ledger(connection, stock.now)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return stock


async def _fill_tenant(conn: Any, tenant: str, now: datetime) -> Stock:
    contacts = [(tenant, new_id(), f"Customer {number}") for number in range(CUSTOMERS)]
    wa_ids = [f"49170{number:07}" for number in range(CUSTOMERS)]
    identities = [
        (tenant, "whatsapp", "wa_id", wa_id, now, contact) for wa_id, (_, contact, _) in zip(wa_ids, contacts, strict=True)
    ]
    conversations = [
        (tenant, new_id(), contact, NUMBER, status, now + timedelta(hours=72), now, closed_at, f"genesys-{number}-{status}",
         now - timedelta(days=2) if closed_at else now, "closed" if closed_at else None)
        for status, closed_at in (("closed", now), ("active", None))
        for number, (_, contact, _) in enumerate(contacts)
    ]  # fmt: skip
    messages = [
        (tenant, new_id(), row[1], direction, status, status, f"wamid.{tenant}.{number}.{direction}", "text", "test", now)
        for number, row in enumerate(conversations)
        for direction, status in (("inbound", "processed"), ("outbound", "read"))
    ]
    tagged = [(*row, ["vip"] if number % 100 == 0 else ["new"]) for number, row in enumerate(contacts)]
    await _copy(conn, "contacts", tagged, "tenant_id", "id", "name", "tags")
    alike = [
        (tenant, contact, kind, value or wa_ids[number // 2], bool(value is None and number < CUSTOMERS // 10))
        for number, (_, contact, name) in enumerate(contacts)
        for kind, value in (("phone", None), ("name", name))
    ]
    await _copy(conn, "contact_likeness", alike, "tenant_id", "contact_id", "kind", "value", "is_shared")
    await _copy(
        conn, "contact_identities", identities, "tenant_id", "channel", "kind", "external_id", "valid_from", "contact_id"
    )
    await _copy(
        conn, "conversations", conversations, "tenant_id", "id", "contact_id", "phone_number_id", "status", "expires_at",
        "last_activity_at", "closed_at", "genesys_conversation_id", "window_from", "window_told",
    )  # fmt: skip
    await _copy(
        conn, "messages", messages, "tenant_id", "id", "conversation_id", "direction", "first_status", "status", "wamid",
        "type", "origin", "sent_at",
    )  # fmt: skip
    keys = [(tenant, "whatsapp", row[6], row[1]) for row in messages]
    await _copy(conn, "message_keys", keys, "tenant_id", "source", "external_id", "message_id")
    await _fill_index(conn, tenant, contacts, now)
    await _fill_work(conn, tenant, messages, now)
    await _fill_indexes(conn, tenant)
    await _fill_early(conn, tenant, now)
    await _fill_planned(conn, tenant, contacts, now)
    return Stock(
        contacts=[row[1] for row in contacts[:BATCH]],
        conversations=[row[1] for row in conversations[-BATCH:]],
        messages=[row[1] for row in messages[-BATCH:]],
        wa_ids=wa_ids[:BATCH],
        wamids=[row[6] for row in messages[-BATCH:]],
    )


async def _fill_index(conn: Any, tenant: str, contacts: list[tuple[Any, ...]], now: datetime) -> None:
    """Every customer is found by a word of all of them, and by one of their own."""
    await conn.execute(
        "INSERT INTO contact_index (tenant_id, contact_id, name, words, created_at, last_activity_at, last_message_at,"
        " message_count) SELECT $1, v.id, 'customer ' || v.n,"
        " array_to_tsvector(ARRAY['customer', 'customer' || v.n]), $2, $2, $2, v.n % 40"
        " FROM unnest($3::uuid[]) WITH ORDINALITY AS v (id, n)",
        tenant,
        now,
        [contact for _, contact, _ in contacts],
    )


async def _fill_work(conn: Any, tenant: str, messages: list[tuple[Any, ...]], now: datetime) -> None:
    """An event and a delivery a message, all but the last fifty done with; a history of three statuses each."""
    done = len(messages) - 50
    events: list[tuple[Any, ...]] = [
        (tenant, new_id(), "test", row[2], row[1], now, {}, number) for number, row in enumerate(messages)
    ]
    await _copy(conn, "events", events, "tenant_id", "id", "type", "conversation_id", "message_id", "at", "data", "position")
    deliveries: list[tuple[Any, ...]] = [
        (tenant, event[1], "whatsapp", event[4], event[3], NUMBER, 1, f"w:{number % CUSTOMERS}", number,
         "sent" if number < done else "pending", 1, now, now, {})
        for number, event in enumerate(events)
    ]  # fmt: skip
    await _copy(
        conn, "deliveries", deliveries, "tenant_id", "event_id", "target", "message_id", "conversation_id", "account", "lane",
        "order_key", "position", "state", "attempts", "next_attempt_at", "created_at", "request",
    )  # fmt: skip
    attempts = [(tenant, row[1], "whatsapp", 1, "holder", 1, now) for row in deliveries[:done]]
    await _copy(
        conn, "delivery_attempts", attempts, "tenant_id", "event_id", "target", "attempt", "holder", "epoch", "started_at"
    )
    history = [
        (tenant, row[1], status, now, "whatsapp", new_id(), "test", True)
        for row in messages
        for status in ("sent", "delivered", "read")
    ]
    await _copy(conn, "message_events", history, "tenant_id", "message_id", "status", "at", "source", "id", "origin", "applied")


async def _fill_indexes(conn: Any, tenant: str) -> None:
    """What conversations are found by, and two things that happened to each."""
    for sql in (
        "INSERT INTO conversation_index (tenant_id, conversation_id, contact_id, phone_number_id, status, controller,"
        " expires_at, created_at, last_activity_at, waiting_since) SELECT tenant_id, id, contact_id, phone_number_id, status,"
        " controller, expires_at, created_at, last_activity_at, CASE WHEN closed_at IS NULL THEN last_activity_at END"
        " FROM conversations WHERE tenant_id = $1",
        "INSERT INTO conversation_words SELECT tenant_id, conversation_id, id, to_tsvector('simple', wamid) FROM messages"
        " WHERE tenant_id = $1",
        "INSERT INTO conversation_log SELECT tenant_id, id, gen_random_uuid(), created_at, 'control.changed', '{}'"
        " FROM conversations, generate_series(1, 2) WHERE tenant_id = $1",
    ):
        await conn.execute(sql, tenant)


async def _fill_early(conn: Any, tenant: str, now: datetime) -> None:
    """Statuses of another app's messages: all but the last fifty of `acme` were looked at."""
    rows = [(tenant, f"wamid.other.{number}", "sent", now, "whatsapp", new_id(), "test", now) for number in range(10_000)]
    await _copy(
        conn, "early_statuses", rows, "tenant_id", "external_id", "status", "at", "source", "id", "origin", "received_at"
    )
    seen = rows[:-50] if tenant == "acme" else rows
    await conn.execute("UPDATE early_statuses SET watch = NULL WHERE id = ANY($1)", [row[5] for row in seen])


async def _fill_planned(conn: Any, tenant: str, contacts: list[tuple[Any, ...]], now: datetime) -> None:
    """Of each customer's three messages one was sent, one waits for next week, and one for the customer."""
    week = now + timedelta(days=7)
    rows = [
        (tenant, new_id(), contact, NUMBER, state, due_at, week + timedelta(days=7), {}, "key", now, finished_at)
        for state, due_at, finished_at in (("released", now, now), ("waiting", week, None), ("waiting", None, None))
        for _, contact, _ in contacts
    ]
    await _copy(
        conn, "planned_messages", rows, "tenant_id", "id", "contact_id", "phone_number_id", "state", "due_at", "expires_at",
        "request", "actor_kind", "created_at", "finished_at",
    )  # fmt: skip


async def _fill_ledger(conn: Any, now: datetime) -> None:
    rows = [
        (now.date(), new_id(), "whatsapp", "app-1", number % 64, now, number, 1, "done" if number < 9900 else "pending", b"{}")
        for number in range(10_000)
    ]
    await _copy(
        conn,
        "webhook_ledger",
        rows,
        "day",
        "id",
        "source",
        "origin",
        "lane",
        "received_at",
        "taken",
        "attempts",
        "state",
        "body",
    )


async def _copy(conn: Any, table: str, rows: list[tuple[Any, ...]], *columns: str) -> None:
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=lambda _: b"\x01{}", decoder=bytes, format="binary")
    await conn.copy_records_to_table(table, records=rows, columns=columns)
