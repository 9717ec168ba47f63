"""The newest entry of every audit log, written to the log each day: who cuts the end of a chain off cannot cut it off there."""

from collections.abc import AsyncIterator

import structlog

from waystate.audit import store
from waystate.audit.model import START
from waystate.db.pool import Database
from waystate.ids import TenantId

log = structlog.get_logger()


async def log_heads(db: Database, tenants: AsyncIterator[TenantId]) -> None:
    async for tenant in tenants:
        async with db.tenant(tenant) as conn:
            head = await store.find_head(conn, tenant)
        if head != START:
            log.info("Head of the audit log", tenant_id=tenant, position=head.position, hash=head.hash.hex())
