"""Leases, their members, timers and what is due, in PostgreSQL: global tables, and the one audited look across tenants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId

_queries = load_queries(__file__)

WAITS = frozenset({"window", "planned"})
"""Kinds of what only waits for its time."""


@dataclass(frozen=True, slots=True)
class DueWork:
    tenant: TenantId
    items: int
    oldest: datetime


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
    look = _queries.due_waits if kind in WAITS else _queries.due_work
    rows = await look(conn, kind=kind, moment=moment)
    return [DueWork(TenantId(row["tenant_id"]), row["items"], row["oldest"]) for row in rows]


async def lock_lanes(conn: Connection, kind: str) -> int | None:
    """By how many lanes what is not done of a kind is shared out, until this transaction ends; None: nobody has said so yet."""
    lanes: int | None = await _queries.lock_lanes(conn, kind=kind)
    return lanes


async def note_lanes(conn: Connection, kind: str, lanes: int) -> None:
    await _queries.note_lanes(conn, kind=kind, lanes=lanes)
