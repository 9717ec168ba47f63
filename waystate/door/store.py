"""Idempotency keys in PostgreSQL: the unique row makes one of many at once the one that runs."""

from datetime import datetime

from waystate.db.pool import Connection, load_queries
from waystate.door.idempotency import KEPT, Record
from waystate.ids import TenantId

_queries = load_queries(__file__)


async def claim(
    conn: Connection,
    tenant_id: TenantId,
    key: str,
    request_hash: bytes,
    now: datetime,
    *,
    locked_until: datetime,
    may_repeat: bool,
) -> Record | bool:
    """True: the request is ours to run, once this is committed. Else who has it; False when that is only becoming known.

    `may_repeat`: also after one that died with it.
    """
    row = dict(
        await _queries.claim(
            conn,
            tenant_id=tenant_id,
            key=key,
            request_hash=request_hash,
            now=now,
            locked_until=locked_until,
            kept_since=now - KEPT,
            may_repeat=may_repeat,
        )
    )
    is_ours = bool(row.pop("is_ours"))
    return is_ours or (row["request_hash"] is not None and Record(**row))


async def keep(
    conn: Connection,
    tenant_id: TenantId,
    key: str,
    *,
    locked_until: datetime,
    status: int,
    headers: list[tuple[str, str]] | None,
    body: bytes | None,
) -> bool:
    """Whether the claim was still ours. `body` is sealed; None for an answer that is not kept."""
    kept = await _queries.keep(
        conn, tenant_id=tenant_id, key=key, locked_until=locked_until, status=status, headers=headers, body=body
    )
    return kept is not None


async def release(conn: Connection, tenant_id: TenantId, key: str, *, locked_until: datetime) -> None:
    await _queries.release(conn, tenant_id=tenant_id, key=key, locked_until=locked_until)


async def give_up(conn: Connection, tenant_id: TenantId, key: str, now: datetime, *, locked_until: datetime) -> None:
    await _queries.give_up(conn, tenant_id=tenant_id, key=key, now=now, locked_until=locked_until)


async def drop_old(conn: Connection, tenant_id: TenantId, before: datetime, batch: int) -> int:
    return len(await _queries.drop_old(conn, tenant_id=tenant_id, before=before, batch=batch))
