"""What PostgreSQL would do for a named query, whatever its parameters: the generic plan (PostgreSQL 16 and later)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from waystate.db.pool import load_queries
from waystate.db.roles import WORK

PACKAGE = Path(__file__).parents[2] / "waystate"
ELSEWHERE = {"imports"}
"""Rooms whose queries are for another system's database, of which each row is read once."""


@dataclass(frozen=True, slots=True)
class NamedQuery:
    domain: str
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.domain}.{self.name}"


def all_queries() -> list[NamedQuery]:
    found = []
    rooms = [*PACKAGE.glob("*/queries.sql"), *PACKAGE.glob("customers/*/queries.sql")]
    for file in sorted(each for each in rooms if each.parent.name not in ELSEWHERE):
        queries = load_queries(str(file))
        names = [name for name in queries.available_queries if not name.endswith("_cursor")]
        found += [NamedQuery(file.parent.name, name, getattr(queries, name).sql) for name in names]
    return found


def explain(url: str, sql: str, *, tenant: str = "acme") -> dict[str, Any]:
    """The plan with sequential scans made costly, so that one is left only where no index serves. Tables may be empty."""
    with psycopg.connect(url) as connection:
        # It may do what the tenants' role may, and row-level security holds for it too.
        connection.execute(f"SET LOCAL ROLE {WORK}")
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant])
        connection.execute("SET LOCAL enable_seqscan = off")
        row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql.strip().rstrip(';')}").fetchone()
        connection.rollback()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scanned_tables(plan: dict[str, Any]) -> set[str]:
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
