"""All tenants, one after the other, a page at a time: for what has to be done in each of them."""

from collections.abc import AsyncIterator

from waystate.db.pool import Database
from waystate.ids import PLATFORM, TenantId
from waystate.tenants import store

PAGE = 100


async def customers(db: Database) -> AsyncIterator[TenantId]:
    """By id. No transaction is open while the caller works."""
    after: TenantId | None = None
    while True:
        async with db.work() as conn:
            tenants = await store.list_page(conn, after=after, page=PAGE)
        for tenant in tenants:
            yield tenant.id
        if len(tenants) < PAGE:
            return
        after = tenants[-1].id


async def every_tenant(db: Database) -> AsyncIterator[TenantId]:
    """The platform's own first."""
    yield PLATFORM
    async for tenant in customers(db):
        yield tenant
