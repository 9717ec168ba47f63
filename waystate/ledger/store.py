"""The webhook ledger in PostgreSQL: a global table."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from waystate.db.partitions import LEDGER_DAYS
from waystate.db.pool import Connection, load_queries
from waystate.documents import dump
from waystate.ledger.model import ANY_ROUTE, IN_COMPANY, PREVIEW, LedgerRow, Received, Settled

_queries = load_queries(__file__)


async def append_many(conn: Connection, rows: Sequence[Received]) -> None:
    """Behind all that is there, in their order."""
    await _queries.append_many(conn, **_columns(rows))


async def hand_over_many(conn: Connection, rows: Sequence[Received]) -> None:
    """Each at the place that it has; what is there already stays as it is."""
    await _queries.hand_over_many(conn, **_columns(rows), arrived=[row.arrived for row in rows])


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
    """Newest first, from below the id `before`. `bytes` is how long the body is, `preview` its first `PREVIEW` bytes."""
    return [dict(row) for row in await _queries.list_rows(conn, state=state, before=before, batch=batch, preview=PREVIEW)]


async def find_last_rejected(conn: Connection) -> UUID | None:
    last: UUID | None = await _queries.find_last_rejected(conn)
    return last


async def list_rejected(conn: Connection, *, after: UUID | None, until: UUID, batch: int) -> list[UUID]:
    """The next rejected rows behind `after` and up to `until`, oldest first."""
    return [row["id"] for row in await _queries.list_rejected(conn, after=after, until=until, batch=batch)]


async def replay_many(conn: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Rejected rows back to pending; those that were rejected, oldest first."""
    return sorted(row["id"] for row in await _queries.replay_many(conn, ids=ids))


async def give_back_many(conn: Connection, rows: Sequence[LedgerRow]) -> None:
    """Rows that were taken, to be taken again; this take does not count."""
    await _queries.give_back_many(
        conn, days=[row.day for row in rows], ids=[row.id for row in rows], counts=[int(row.is_counted) for row in rows]
    )


async def uncount_many(conn: Connection, rows: Sequence[LedgerRow]) -> None:
    """Rows that were taken and stay in hand for long: this take does not count, and their place stays theirs."""
    await _queries.uncount_many(conn, days=[row.day for row in rows], ids=[row.id for row in rows])


async def replay_unrouted(conn: Connection, keys: Sequence[str]) -> None:
    """Rejected rows that lacked one of these routes (`kind:external id`) back to pending, in the transaction that makes it.

    Those that lacked too many to name too: they are rejected again, if it was none of these.
    """
    await _queries.replay_unrouted(conn, keys=[*keys, ANY_ROUTE])


async def list_lane_keys(conn: Connection, *, after: UUID | None, batch: int) -> list[dict[str, Any]]:
    """`day`, `id`, `source`, `origin`, `lane`, `parent` and `numbers` (None: none) of rows that are not done, by id."""
    return [dict(row) for row in await _queries.list_lane_keys(conn, after=after, batch=batch)]


async def change_lanes(conn: Connection, rows: Sequence[Mapping[str, Any]], lanes: Sequence[int]) -> None:
    """Rows of `list_lane_keys`, each into its lane."""
    await _queries.change_lanes(conn, days=[row["day"] for row in rows], ids=[row["id"] for row in rows], lanes=list(lanes))


async def find_row(conn: Connection, day: date, row_id: UUID) -> dict[str, Any] | None:
    row = await _queries.find_row(conn, day=day, id=row_id)
    return None if row is None else dict(row)


async def count_pending(conn: Connection, now: datetime) -> int:
    return int(await _queries.count_pending(conn, since=_oldest_day(now)))


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
        "numbers": [row.number for row in rows],
        "signers": [row.signer for row in rows],
    }


def _oldest_day(now: datetime) -> date:
    return (now - timedelta(days=LEDGER_DAYS + 1)).date()
