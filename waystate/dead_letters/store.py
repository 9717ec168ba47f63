"""Dead letters in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.dead_letters.model import DeadLetter, Filter
from waystate.documents import JsonObject, dump
from waystate.errors import Conflict, NotFound
from waystate.ids import TenantId, new_id
from waystate.principal import Actor
from waystate.web.metrics import Metrics

_queries = load_queries(__file__)

Row = dict[str, Any]
"""A dead letter with everything that happened to it."""


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


def count(metrics: Metrics, letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        metrics.dead_letters_total.labels(letter.pipeline, letter.reason).inc()


async def list_page(
    conn: Connection,
    tenant: TenantId,
    wanted: Filter | None = None,
    *,
    status: str | None = None,
    before: UUID | None = None,
    batch: int = 100,
) -> list[Row]:
    """Newest first."""
    wanted = wanted or Filter()
    bounds = wanted.bounds(before=before)
    arguments = {"tenant_id": tenant, "reason": wanted.reason, "pipeline": wanted.pipeline, "batch": batch}
    arguments |= bounds._asdict()
    if status is None:
        rows = await _queries.list_all(conn, **arguments)
    else:
        rows = await _queries.list_of_status(conn, **arguments, status=status)
    return [dict(row) for row in rows]


async def find_open(
    conn: Connection, tenant: TenantId, wanted: Filter, *, after: UUID | None = None, batch: int = 100
) -> list[UUID]:
    """Oldest first."""
    bounds = wanted.bounds(after=after)
    rows = await _queries.find_open(
        conn, tenant_id=tenant, reason=wanted.reason, pipeline=wanted.pipeline, batch=batch, **bounds._asdict()
    )
    return [row["id"] for row in rows]


async def get_one(conn: Connection, tenant: TenantId, letter_id: UUID) -> Row:
    rows = await find_many(conn, tenant, [letter_id])
    if not rows:
        raise unknown_letter()
    return rows[0]


async def find_many(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> list[Row]:
    """In the order of their ids, which is that of their creation."""
    return [dict(row) for row in await _queries.find_many(conn, tenant_id=tenant, ids=ids)]


async def lock_many(conn: Connection, tenant: TenantId, ids: Sequence[UUID]) -> dict[UUID, Row]:
    return {row["id"]: dict(row) for row in await _queries.lock_many(conn, tenant_id=tenant, ids=ids)}


async def lock_open(conn: Connection, tenant: TenantId, letter_id: UUID) -> Row:
    letter = (await lock_many(conn, tenant, [letter_id])).get(letter_id)
    if letter is None:
        raise unknown_letter()
    if letter["status"] != "open":
        raise settled_letter(letter["status"])
    return letter


async def mark_replayed(conn: Connection, tenant: TenantId, ids: Sequence[UUID], actor: Actor, now: datetime) -> None:
    await _queries.mark_replayed(conn, tenant_id=tenant, ids=ids, now=now, actor_kind=actor.kind, actor_id=actor.id)


async def mark_failed(
    conn: Connection, tenant: TenantId, failures: Mapping[UUID, tuple[str, str]], actor: Actor, now: datetime
) -> None:
    """Id → reason and sentence."""
    await _queries.mark_failed(
        conn,
        tenant_id=tenant,
        ids=list(failures),
        reasons=[reason for reason, _ in failures.values()],
        errors=[error for _, error in failures.values()],
        now=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
    )


async def mark_discarded(
    conn: Connection, tenant: TenantId, ids: Sequence[UUID], note: str | None, actor: Actor, now: datetime
) -> None:
    await _queries.mark_discarded(conn, tenant_id=tenant, ids=ids, note=note, now=now, actor_kind=actor.kind, actor_id=actor.id)


async def edit_one(
    conn: Connection, tenant: TenantId, letter_id: UUID, payload: JsonObject, actor: Actor, now: datetime
) -> None:
    """The row is locked and open."""
    await _queries.edit_one(
        conn, tenant_id=tenant, id=letter_id, payload=dump(payload), now=now, actor_kind=actor.kind, actor_id=actor.id
    )


async def count_open(conn: Connection, tenant: TenantId) -> int:
    return int(await _queries.count_open(conn, tenant_id=tenant))


async def count_by_reason(conn: Connection) -> dict[str, int]:
    """Open ones of all tenants together."""
    return {row["reason"]: row["items"] for row in await _queries.count_by_reason(conn)}


def unknown_letter() -> NotFound:
    return NotFound("dead_letter_not_found", "There is no dead letter with this id. List them with GET /v1/dead-letters.")


def settled_letter(status: str) -> Conflict:
    return Conflict("dead_letter_settled", f"This dead letter was {status} already; nothing is left to do.", status=status)
