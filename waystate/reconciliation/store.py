"""In PostgreSQL: about which conversations Genesys is asked, when it was, and when nobody was there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId
from waystate.reconciliation.model import AGAIN, RANGE, SETTLED, Questioned

_queries = load_queries(__file__)


async def beat(conn: Connection, now: datetime) -> datetime | None:
    """When somebody was here before, if ever; in a transaction of role `waystate_work`."""
    rows = await _queries.beat(conn, now=now)
    return rows[0]["last_run_at"] if rows else None


async def note_absence(conn: Connection, since: datetime, until: datetime) -> None:
    await _queries.note_absence(conn, since=since, until=until)
    await _queries.drop_absences(conn, before=until - 2 * RANGE)


async def list_due(
    conn: Connection, tenant: TenantId, now: datetime, *, silence: timedelta, settled: timedelta = SETTLED, batch: int
) -> list[Questioned]:
    """The most urgent first."""
    rows = await _queries.list_due(
        conn,
        tenant_id=tenant,
        now=now,
        silence=silence,
        silent_since=now - silence,
        again_since=now - AGAIN * silence,
        settled=now - settled,
        since=now - RANGE,
        batch=batch,
    )
    return [Questioned(**row) for row in rows]


async def note_check(conn: Connection, tenant: TenantId, conversation: UUID, now: datetime, *, unknown: int) -> None:
    await _queries.note_check(conn, tenant_id=tenant, id=conversation, now=now, unknown=unknown)


async def has_waiting(conn: Connection, integration_id: str, now: datetime) -> bool:
    """Whether something that came for the integration is not worked yet."""
    return bool(await _queries.has_waiting(conn, integration_id=integration_id, since=(now - RANGE).date()))


async def find_buried(conn: Connection, tenant: TenantId, names: Sequence[str]) -> set[str]:
    """Those of Genesys' message ids of which there is a dead letter, whatever became of it."""
    return {row["name"] for row in await _queries.find_buried(conn, tenant_id=tenant, names=list(names))}
