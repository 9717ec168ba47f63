"""The newest entry of every audit log, written to the log each day: who cuts the end of a chain off cannot cut it off there."""

from collections.abc import AsyncIterator

import structlog

from waystate.audit import store
from waystate.audit.model import START
from waystate.db.pool import Database
from waystate.ids import PLATFORM, TenantId
from waystate.tenants import store as tenant_store

log = structlog.get_logger()

PAGE = 100


async def every_tenant(db: Database) -> AsyncIterator[TenantId]:
    """The platform's own first."""
    yield PLATFORM
    after: TenantId | None = None
    while True:
        async with db.work() as conn:
            tenants = await tenant_store.list_page(conn, after=after, page=PAGE)
        for tenant in tenants:
            yield tenant.id
        if len(tenants) < PAGE:
            return
        after = tenants[-1].id


async def log_heads(db: Database) -> None:
    async for tenant in every_tenant(db):
        async with db.tenant(tenant) as conn:
            head = await store.find_head(conn, tenant)
        if head != START:
            log.info("Head of the audit log", tenant_id=tenant, position=head.position, hash=head.hash.hex())
