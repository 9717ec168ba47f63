"""The webhook ledger, leases and timers in PostgreSQL. All of them are global tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.ids import TenantId
from waystate.ledger.model import IN_COMPANY, KEPT_DAYS, LedgerRow, Received, Settled

_queries = load_queries(__file__)


@dataclass(frozen=True, slots=True)
class DueWork:
    tenant: TenantId
    items: int
    oldest: datetime


async def append_many(conn: Connection, rows: Sequence[Received]) -> None:
    await _queries.append_many(conn, **_columns(rows))


async def hand_over_many(conn: Connection, rows: Sequence[Received]) -> None:
    await _queries.hand_over_many(conn, **_columns(rows))


async def take_many(conn: Connection, lanes: Sequence[int], now: datetime, batch: int) -> list[LedgerRow]:
    rows = await _queries.take_many(conn, lanes=lanes, since=_oldest_day(now), batch=batch, in_company=IN_COMPANY)
    return sorted((LedgerRow(**dict(row)) for row in rows), key=lambda row: row.taken)


async def settle_many(conn: Connection, settled: Sequence[Settled]) -> None:
    await _queries.settle_many(
        conn,
        days=[each.day for each in settled],
        ids=[each.id for each in settled],
        states=[each.state for each in settled],
        outcomes=[dump(each.outcome) for each in settled],
        lanes=[each.lane for each in settled],
        epochs=[each.epoch for each in settled],
    )


async def list_rows(
    conn: Connection, *, state: str | None = None, before: UUID | None = None, batch: int = 100
) -> list[dict[str, Any]]:
    """Newest first, from below the id `before`."""
    return [dict(row) for row in await _queries.list_rows(conn, state=state, before=before, batch=batch)]


async def replay_many(conn: Connection, ids: Sequence[UUID] | None) -> list[UUID]:
    """Rejected rows back to pending (None: all of them); those that were replayed."""
    return [row["id"] for row in await _queries.replay_many(conn, ids=ids)]


async def replay_unrouted(conn: Connection, keys: Sequence[str]) -> None:
    """Rejected rows that lacked one of these routes (`kind:external id`) back to pending, in the transaction that makes it."""
    await _queries.replay_unrouted(conn, keys=keys)


async def find_row(conn: Connection, day: date, row_id: UUID) -> dict[str, Any] | None:
    row = await _queries.find_row(conn, day=day, id=row_id)
    return None if row is None else dict(row)


async def count_pending(conn: Connection, now: datetime) -> int:
    return int(await _queries.count_pending(conn, since=_oldest_day(now)))


async def acquire_leases(
    conn: Connection, holder: str, lanes: Sequence[tuple[str, int]], *, now: datetime, ttl: timedelta
) -> dict[tuple[str, int], int]:
    """Take or renew (kind, lane) leases; the epoch of each that is ours now."""
    rows = await _queries.acquire_leases(
        conn,
        holder=holder,
        now=now,
        expires_at=now + ttl,
        kinds=[kind for kind, _ in lanes],
        lanes=[lane for _, lane in lanes],
    )
    return {(row["kind"], row["lane"]): row["epoch"] for row in rows}


async def release_leases(conn: Connection, holder: str, lanes: Sequence[tuple[str, int]], now: datetime) -> None:
    await _queries.release_leases(
        conn, holder=holder, now=now, kinds=[kind for kind, _ in lanes], lanes=[lane for _, lane in lanes]
    )


async def list_leases(conn: Connection, kinds: Sequence[str], now: datetime) -> dict[tuple[str, int], str]:
    """(kind, lane) → its holder."""
    rows = await _queries.list_leases(conn, kinds=kinds, now=now)
    return {(row["kind"], row["lane"]): row["holder"] for row in rows}


async def meet_members(
    conn: Connection, holder: str, kinds: Sequence[str], *, now: datetime, ttl: timedelta
) -> dict[str, list[str]]:
    """Kind → who shares its lanes, this holder among them, in an order that all agree on."""
    rows = await _queries.meet_members(conn, holder=holder, kinds=kinds, now=now, expires_at=now + ttl)
    members: dict[str, list[str]] = {kind: [] for kind in kinds}
    for row in rows:
        members[row["kind"]].append(row["holder"])
    return {kind: sorted(holders) for kind, holders in members.items()}


async def free_leases(conn: Connection, kinds: Sequence[str], holders: Sequence[str], now: datetime) -> None:
    """All of these kinds that dead holders still have."""
    await _queries.free_leases(conn, kinds=kinds, holders=holders, now=now)


async def leave_members(conn: Connection, holder: str, kinds: Sequence[str]) -> None:
    await _queries.leave_members(conn, holder=holder, kinds=kinds)


async def drop_suspects(conn: Connection, before: datetime) -> None:
    await _queries.drop_suspects(conn, before=before)


async def tick(conn: Connection, name: str, *, now: datetime, every: timedelta) -> bool:
    """Whether this timer is due, and ours to run."""
    return bool(await _queries.tick(conn, name=name, now=now, next_due_at=now + every))


async def due_work(conn: Connection, kind: str, moment: datetime) -> list[DueWork]:
    rows = await _queries.due_work(conn, kind=kind, moment=moment)
    return [DueWork(TenantId(row["tenant_id"]), row["items"], row["oldest"]) for row in rows]


def _columns(rows: Sequence[Received]) -> dict[str, Any]:
    return {
        "days": [row.day for row in rows],
        "ids": [row.id for row in rows],
        "sources": [row.source for row in rows],
        "origins": [row.origin for row in rows],
        "lanes": [row.lane for row in rows],
        "parents": [row.parent for row in rows],
        "received_at": [row.received_at for row in rows],
        "bodies": [row.body for row in rows],
    }


def _oldest_day(now: datetime) -> date:
    return (now - timedelta(days=KEPT_DAYS + 1)).date()
