"""Dead letters in PostgreSQL."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.dead_letters.model import DeadLetter
from waystate.errors import NotFound
from waystate.ids import TenantId, new_id
from waystate.json import dump

_queries = load_queries(__file__)


async def insert_many(conn: Connection, tenant: TenantId, letters: Sequence[DeadLetter]) -> int:
    """How many of them are new."""
    by_origin = {(letter.pipeline, letter.origin): letter for letter in letters}
    rows = await _queries.insert_many(
        conn,
        tenant_id=tenant,
        ids=[new_id() for _ in by_origin],
        pipelines=[letter.pipeline for letter in by_origin.values()],
        reasons=[letter.reason for letter in by_origin.values()],
        error_messages=[letter.error_message for letter in by_origin.values()],
        original_payloads=[dump(letter.original_payload) for letter in by_origin.values()],
        origins=[letter.origin for letter in by_origin.values()],
        retry_counts=[letter.retry_count for letter in by_origin.values()],
    )
    return sum(row["is_new"] for row in rows)


async def list_page(
    conn: Connection,
    tenant: TenantId,
    *,
    status: str | None = None,
    reason: str | None = None,
    pipeline: str | None = None,
    before: UUID | None = None,
    batch: int = 100,
) -> list[dict[str, Any]]:
    rows = await _queries.list_page(
        conn, tenant_id=tenant, status=status, reason=reason, pipeline=pipeline, before=before, batch=batch
    )
    return [dict(row) for row in rows]


async def lock_one(conn: Connection, tenant: TenantId, letter_id: UUID) -> dict[str, Any]:
    row = await _queries.lock_one(conn, tenant_id=tenant, id=letter_id)
    if row is None:
        raise NotFound("dead_letter_not_found", "There is no dead letter with this id. List them with GET /v1/dead-letters.")
    return dict(row)


async def mark_many(conn: Connection, tenant: TenantId, ids: Sequence[UUID], status: str) -> None:
    await _queries.mark_many(conn, tenant_id=tenant, ids=ids, status=status)


async def count_open(conn: Connection, tenant: TenantId) -> int:
    return int(await _queries.count_open(conn, tenant_id=tenant))
