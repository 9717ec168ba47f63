"""A tenant's chain, walked from its first entry to its last."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import structlog

from waystate.audit import store
from waystate.audit.model import START, Fault, Head, find_missing_end, walk
from waystate.db.pool import Database
from waystate.ids import TenantId

log = structlog.get_logger()

BATCH = 500
"""Entries a transaction: some 20 ms of work, so that others are served between two of them."""


class Verified(NamedTuple):
    """`head` is the last good entry, `START` where none is known to be; there is no `fault` where all of them are."""

    head: Head
    fault: Fault | None


async def verify(
    db: Database,
    tenant_id: TenantId,
    *,
    expected: Head | None = None,
    batch: int = BATCH,
    told: Callable[[int], None] = lambda _: None,
) -> Verified:
    """`expected` is a head that was noted earlier; `told` hears after each batch how far it is."""
    head = START
    while True:
        async with db.tenant(tenant_id) as conn:
            rows = await store.list_written(conn, tenant_id, after=head.position, batch=batch)
        reached = walk(tenant_id, rows, head, expected)
        if isinstance(reached, Fault):
            return Verified(await _last_good(db, tenant_id, reached), reached)
        head = reached
        told(head.position)
        if len(rows) < batch:
            return Verified(head, find_missing_end(head, expected))


async def _last_good(db: Database, tenant_id: TenantId, fault: Fault) -> Head:
    """The entry before the fault: all up to it were found to be as they were written, wherever a batch began."""
    if fault.kind == "rewritten":
        return START  # all up to there fit together, and none need be what was written once
    async with db.tenant(tenant_id) as conn:
        rows = await store.list_written(conn, tenant_id, after=fault.position - 2, batch=1)
    return next((Head(row.position, row.hash) for row in rows if row.position == fault.position - 1), START)


async def log_heads(db: Database, tenants: AsyncIterator[TenantId]) -> None:
    """The newest entry of every log, for the process's own log: who cuts the end of a chain off cannot cut it off there."""
    async for tenant in tenants:
        async with db.tenant(tenant) as conn:
            head = await store.find_head(conn, tenant)
        if head != START:
            log.info("Head of the audit log", tenant_id=tenant, position=head.position, hash=head.hash.hex())
