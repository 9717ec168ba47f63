"""The database of a seeds' State Manager: two tables, read in one snapshot and never written to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from waystate.db.pool import Connection, load_queries
from waystate.documents import parse
from waystate.errors import BadRequest
from waystate.imports.rows import EARLIEST, MappingRow, TrackingRow

_queries = load_queries(__file__)

MAPPINGS, MESSAGES = "conversation_mappings", "message_tracking"
BATCH = 1000
"""Rows: a transaction of ours, and a line of progress."""
_CONNECT_TIMEOUT = 10.0
_NEEDED = {MAPPINGS: {"id", "wa_id"}, MESSAGES: {"id", "direction", "status"}}
_SESSION = {"application_name": "waystate import", "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""One transaction lasts as long as the import, and waits for each batch that is written elsewhere."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which of the two shapes it has: messages refer by `link` to the `key` of a mapping. `tenant`: whose rows; None: all."""

    key: Literal["id", "conversation_id"]
    link: Literal["mapping_id", "conversation_id"]
    zone: tzinfo
    tenant: str | None = None


class Extent(NamedTuple):
    """How many rows there are, how many mappings name no business number, and when the first message was."""

    mappings: int
    numberless: int
    messages: int
    since: str | None


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncIterator[Connection]:
    try:
        conn = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT, server_settings=_SESSION)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        why = str(error) or f"nothing within {_CONNECT_TIMEOUT:g} s"
        raise BadRequest(
            "source_unreachable", f"The database to import from cannot be read ({why}). Correct the URL, or start it."
        ) from error
    try:
        async with conn.transaction(isolation="repeatable_read", readonly=True):
            yield conn
    finally:
        await conn.close(timeout=_CONNECT_TIMEOUT)


async def describe(conn: Connection, *, tenant: str | None, time_zone: str | None) -> Source:
    """Raises BadRequest when it is no State Manager's, has several tenants and none is named, or has no usable time zone."""
    columns: dict[str, set[str]] = {MAPPINGS: set(), MESSAGES: set()}
    for row in await _queries.list_columns(conn):
        columns[row["table_name"]].add(row["name"])
    lacking = [f"{table}.{name}" for table, needed in _NEEDED.items() for name in sorted(needed - columns[table])]
    if not lacking and not columns[MESSAGES] & {"mapping_id", "conversation_id"}:
        lacking = [f"{MESSAGES}.mapping_id or .conversation_id"]
    if lacking:
        raise BadRequest(
            "source_unknown",
            f"This is no State Manager's database: it lacks {', '.join(lacking)}. Name another with --from; if the tables are "
            "in another schema, add ?options=-csearch_path%3DSCHEMA to the URL.",
        )
    is_by_id = "mapping_id" in columns[MESSAGES]
    named = [str(row["tenant"]) for row in await _queries.list_tenants(conn)] if "tenant_id" in columns[MAPPINGS] else []
    if tenant is None and len(named) > 1:
        raise BadRequest("source_tenant_missing", f"It has the rows of {', '.join(named)}. Name one with --source-tenant.")
    if tenant is not None and tenant not in named:
        raise BadRequest("source_tenant_unknown", f"It has no rows of '{tenant}', but of: {', '.join(named) or 'no tenant'}.")
    zone = _zone(time_zone or await _queries.get_time_zone(conn))
    return Source("id" if is_by_id else "conversation_id", "mapping_id" if is_by_id else "conversation_id", zone, tenant)


async def measure(conn: Connection, source: Source) -> Extent:
    row = await _queries.summarize(conn, tenant=source.tenant, floor=EARLIEST.date().isoformat())
    return Extent(row["mappings"], row["numberless"], row["messages"], row["since"])


async def read_mappings(conn: Connection, source: Source) -> AsyncIterator[list[MappingRow]]:
    async for rows in _batches(conn, _queries.list_mappings.sql, source.key, source.tenant):
        yield [MappingRow(parse(row["row"].encode()), row["known_since"], row["name"], row["copy"] > 1) for row in rows]


async def read_messages(conn: Connection, source: Source) -> AsyncIterator[list[TrackingRow]]:
    async for rows in _batches(conn, _queries.list_messages.sql, source.key, source.link, source.tenant):
        yield [TrackingRow(parse(row["row"].encode()), row["copy"] > 1) for row in rows]


async def _batches(conn: Connection, sql: str, *values: str | None) -> AsyncIterator[list[asyncpg.Record]]:
    """`values` in the order in which the query names them first."""
    cursor = await conn.cursor(sql, *values)
    while rows := await cursor.fetch(BATCH):
        yield rows


def _zone(name: str) -> tzinfo:
    if name.upper() in ("UTC", "ETC/UTC", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadRequest(
            "time_zone_unknown", f"'{name}' is no time zone known here. Name one such as Europe/Berlin with --time-zone."
        ) from error
