"""The audit log in PostgreSQL: an entry is written in the transaction of the act it tells of, so none is without the other."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from waystate.audit.model import START, Entry, Head, Written, actor_document, chain
from waystate.audit.model import AuditFilter as AuditFilter
from waystate.clock import in_utc
from waystate.db.pool import Connection, load_queries
from waystate.ids import TenantId

_queries = load_queries(__file__)

Row = dict[str, Any]


async def take_turn(conn: Connection, tenant_id: TenantId) -> None:
    """The lock of `append_many`, until the commit: for who takes the outbox's before the end, since the chain's comes first."""
    await _queries.lock_chain(conn, tenant_id=tenant_id)


async def append_many(conn: Connection, tenant_id: TenantId, entries: Sequence[Entry]) -> None:
    """The last statement of a transaction but the outbox's: it holds the chain's lock until the commit."""
    if not entries:
        return
    await _queries.lock_chain(conn, tenant_id=tenant_id)
    head = await find_head(conn, tenant_id)
    links = chain(tenant_id, entries, position=head.position, previous=head.hash)
    await _queries.insert_entries(
        conn,
        tenant_id=tenant_id,
        positions=[link.position for link in links],
        ids=[link.entry.id for link in links],
        moments=[link.entry.at for link in links],
        actors=[actor_document(link.entry.actor) for link in links],
        actions=[link.entry.action for link in links],
        subjects=[link.entry.subject for link in links],
        details=[link.entry.details for link in links],
        previous=[link.previous for link in links],
        hashes=[link.hash for link in links],
    )


async def find_head(conn: Connection, tenant_id: TenantId) -> Head:
    """Position 0 where there is no entry yet."""
    last = await _queries.find_last(conn, tenant_id=tenant_id)
    return START if last is None else Head(last["position"], last["hash"])


async def list_page(
    conn: Connection, tenant_id: TenantId, wanted: AuditFilter, *, before: int | None = None, batch: int = 100
) -> list[Row]:
    """Newest first, from before a position."""
    wanted = replace(
        wanted,
        since=None if wanted.since is None else in_utc(wanted.since),
        until=None if wanted.until is None else in_utc(wanted.until),
    )
    rows = await _queries.list_page(conn, tenant_id=tenant_id, before=before, batch=batch, **asdict(wanted))
    return [dict(row) for row in rows]


async def list_written(conn: Connection, tenant_id: TenantId, *, after: int, batch: int) -> list[Written]:
    """Oldest first, from behind a position."""
    return [Written(**row) for row in await _queries.list_written(conn, tenant_id=tenant_id, after=after, batch=batch)]
