"""A row for every tenant in every table of theirs, made up from PostgreSQL's own catalogue, so that a new table needs no edit.

Columns take a value of their type; foreign keys take the row that they name, which is made first; whatever a CHECK asks for is
found by trying the words that stand in it. Both tenants get the same values, but for ids.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any, NamedTuple
from uuid import uuid4

from tests.integration.db_catalogue.catalogue import GLOBAL_TABLES, Connection, tenant_tables

Row = dict[str, str | None]

VALUES = {
    "text": ["a", "ada@example.org"],
    "uuid": [],
    "bytea": ["\\x" + "61" * 32],
    "boolean": ["true", "false"],
    "jsonb": ["{}"],
    "date": ["2026-03-02"],
    "timestamp with time zone": ["2026-03-02T12:00:00Z"],
    "interval": ["1 hour"],
    "text[]": ["{}", "{a}"],
    "inet": ["192.0.2.1"],
    "tsvector": ["word"],
} | {kind: ["1", "0"] for kind in ("smallint", "integer", "bigint", "numeric", "real", "double precision")}
MOST_TRIES = 5000

COLUMNS = """
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS required
    FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY a.attnum"""
CHECKS = """
    SELECT c.conname AS name, pg_get_expr(c.conbin, c.conrelid) AS says,
        (SELECT array_agg(a.attname::text) FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey))
            AS columns
    FROM pg_constraint c WHERE c.conrelid = $1::regclass AND c.contype = 'c' ORDER BY c.conname"""
FOREIGN_KEYS = """
    SELECT c.confrelid::regclass::text AS target,
        (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(c.conkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS own,
        (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(c.confkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number) AS foreign
    FROM pg_constraint c WHERE c.conrelid = $1::regclass AND c.contype = 'f' AND c.conparentid = 0
    ORDER BY cardinality(c.conkey)"""


class Check(NamedTuple):
    name: str
    says: str
    columns: list[str]


async def fill(conn: Connection, tenants: Sequence[str]) -> None:
    """As a superuser. Tables of no tenant are filled only where a tenant's row needs one of theirs."""
    for tenant in tenants:
        filling = Filling(conn, tenant)
        for table in await tenant_tables(conn, partitions=False):
            await filling.row_of(table)


class Filling:
    def __init__(self, conn: Connection, tenant: str) -> None:
        self._conn = conn
        self._tenant = tenant
        self._rows: dict[str, Row] = {}

    async def row_of(self, table: str) -> Row:
        """The tenant's row, made at the first call; of a table that has no tenants, a row of its own."""
        if table not in self._rows:
            columns = await self._conn.fetch(COLUMNS, table)
            row: Row = {each["name"]: self._value(each["name"], each["type"], each["required"], table) for each in columns}
            for key in await self._conn.fetch(FOREIGN_KEYS, table):
                if key["target"] != table and any(each["required"] for each in columns if each["name"] in key["own"]):
                    target = await self.row_of(key["target"])
                    row |= {own: target[foreign] for own, foreign in zip(key["own"], key["foreign"], strict=True)}
            row = await self._mended(table, row, {each["name"]: each["type"] for each in columns})
            names = ", ".join(f'"{name}"' for name in row)
            await self._conn.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, $1::jsonb)"
                + (" ON CONFLICT (id) DO NOTHING" if table == "tenants" else ""),
                json.dumps(row),
            )
            self._rows[table] = row
        return self._rows[table]

    def _value(self, name: str, kind: str, required: bool, table: str) -> str | None:
        if name == "tenant_id":
            return self._tenant
        if not required:
            return None
        if kind not in VALUES:
            raise AssertionError(
                f"{table}.{name} is of the type {kind}: give VALUES a value for it, so that its fence is tested"
            )
        if kind == "text" and table in GLOBAL_TABLES:
            return self._tenant  # what is unique there would be taken by the tenant before
        return str(uuid4()) if kind == "uuid" else VALUES[kind][0]

    async def _mended(self, table: str, row: Row, types: dict[str, str]) -> Row:
        """With other values in the columns of broken CHECKs, until all hold."""
        checks = [Check(*each) for each in await self._conn.fetch(CHECKS, table)]
        broken = await self._broken(table, row, checks)
        for check in broken:
            names = [name for name in check.columns if name != "tenant_id"]
            choices = [list(candidates(name, row[name], types[name], checks)) for name in names]
            for chosen in islice(product(*choices), MOST_TRIES):
                tried = row | dict(zip(names, chosen, strict=True))
                left = await self._broken(table, tried, checks)
                if len(left) < len(broken) and check not in left:
                    return tried if not left else await self._mended(table, tried, types)
            raise AssertionError(f"no values found for the CHECK {check.name} of {table}: {check.says}")
        return row

    async def _broken(self, table: str, row: Row, checks: list[Check]) -> list[Check]:
        if not checks:
            return []
        says = ", ".join(f"({each.says}) IS FALSE" for each in checks)
        found = await self._conn.fetchrow(
            f"SELECT {says} FROM jsonb_populate_record(NULL::{table}, $1::jsonb)", json.dumps(row)
        )
        return [check for check, is_broken in zip(checks, found, strict=True) if is_broken]


def candidates(name: str, value: str | None, kind: str, checks: list[Check]) -> Iterator[str | None]:
    yield value
    if kind == "text":
        yield from (word for check in checks if name in check.columns for word in re.findall(r"'([^']*)'::text", check.says))
    yield from VALUES[kind] or [str(uuid4())]
    yield None


async def fingerprint(conn: Connection, table: str, tenant: str) -> Any:
    """What changes when any row of the tenant in the table does."""
    return await conn.fetchval(
        f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t WHERE tenant_id = $1", tenant
    )
