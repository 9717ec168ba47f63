"""Partitions made ahead of time, so that no row ever waits for one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import asyncpg
import structlog

from waystate.db.pool import Connection, load_queries
from waystate.ids import id_floor

_queries = load_queries(__file__)
log = structlog.get_logger()

Period = Literal["day", "month"]

PARTITIONED: dict[str, tuple[Period, bool]] = {
    "webhook_ledger": ("day", False),
    "events": ("day", True),
    "messages": ("month", True),
    "message_events": ("month", True),
    "deliveries": ("month", True),
    "delivery_attempts": ("month", True),
}
"""Table → its period, and whether it is partitioned by UUIDv7 (else by date). Partitioned by UUIDv7 means a tenant's table."""

AHEAD = 3
"""Periods made in advance: a weekend without a running timer does no harm."""
LEDGER_DAYS = 8
"""How long raw webhook bodies are kept. Meta retries a webhook for 7 days; a body must outlive its last retry."""


@dataclass(frozen=True, slots=True)
class Partition:
    """`lower` and `upper` as SQL literals without quotes; the upper bound is exclusive."""

    table: str
    name: str
    lower: str
    upper: str
    is_of_tenants: bool


def partitions_of(table: str, now: datetime) -> Iterator[Partition]:
    """The current period's and those ahead."""
    period, by_id = PARTITIONED[table]
    start = now.astimezone(UTC).date().replace(day=1) if period == "month" else now.astimezone(UTC).date()
    for _ in range(AHEAD + 1):
        end = _next(start, period)
        label = start.strftime("%Y%m%d" if period == "day" else "%Y%m")
        lower, upper = (str(_floor(start)), str(_floor(end))) if by_id else (start.isoformat(), end.isoformat())
        yield Partition(table, f"{table}_{label}", lower, upper, by_id)
        start = end


async def make_ahead(conn: Connection, now: datetime) -> list[str]:
    """Make what is missing (role owner); the names of the new partitions.

    Updates in place need room on the page, and hot tables are cleaned up early: both are settings of the partition.
    """
    return await _make_missing(conn, [each for table in PARTITIONED for each in partitions_of(table, now)])


async def make_since(conn: Connection, tables: Iterable[str], since: datetime, now: datetime) -> list[str]:
    """For rows that are older than the installation (role owner): the months of these tables from `since` until now."""
    wanted: dict[str, Partition] = {}
    month = since
    while month <= now:
        wanted |= {each.name: each for table in tables for each in partitions_of(table, month)}
        month = datetime.combine(_next(month.astimezone(UTC).date(), "month"), time(), UTC)
    return await _make_missing(conn, wanted.values())


async def _make_missing(conn: Connection, wanted: Iterable[Partition]) -> list[str]:
    """Where rows of that time lie in the default partition already, they stay there: no start and no timer fails for it."""
    await _queries.lock_partitions(conn)
    existing = {row["name"] for row in await _queries.list_partitions(conn)}
    made: list[str] = []
    for partition in wanted:
        if partition.name in existing:
            continue
        await conn.execute("SAVEPOINT partition")
        try:
            await conn.execute(_ddl(partition))
            made.append(partition.name)
        except asyncpg.CheckViolationError:
            await conn.execute("ROLLBACK TO SAVEPOINT partition")
            log.error(
                "Rows are in the default partition, so theirs cannot be made.", operation="partitions", partition=partition.name
            )
        await conn.execute("RELEASE SAVEPOINT partition")
    return made


async def count_in_default(conn: Connection) -> int:
    """Rows that found no partition; the statistics behind it are about a second old."""
    return int(await _queries.count_in_default(conn))


def _ddl(partition: Partition) -> str:
    statements = [
        f"CREATE TABLE {partition.name} PARTITION OF {partition.table} "
        f"FOR VALUES FROM ('{partition.lower}') TO ('{partition.upper}') "
        "WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.2)"
    ]
    if partition.is_of_tenants:
        isolated = "tenant_id = nullif(current_setting('app.tenant_id', true), '')"
        statements += [
            f"ALTER TABLE {partition.name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {partition.name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_isolation ON {partition.name} USING ({isolated}) WITH CHECK ({isolated})",
        ]
    return "; ".join(statements)


def _next(start: date, period: Period) -> date:
    if period == "day":
        return start + timedelta(days=1)
    return (start.replace(day=28) + timedelta(days=4)).replace(day=1)


def _floor(day: date) -> object:
    return id_floor(datetime(day.year, day.month, day.day, tzinfo=UTC))


async def analyze_grown(conn: Connection) -> list[str]:
    """Analyse the tables that changed by more than twice what they held when that was last done (role owner); their names."""
    tables = [row["name"] for row in await _queries.list_grown(conn)]
    for table in tables:
        await conn.execute(f"ANALYZE {table}")
    return tables
