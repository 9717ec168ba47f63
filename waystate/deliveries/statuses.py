"""Reported statuses of one tenant: merged into their messages, with the deliveries that they prove to have arrived."""

from collections.abc import Collection, Sequence
from datetime import datetime

from waystate.clock import Clock
from waystate.db.pool import Connection, Database
from waystate.deliveries import store as delivery_store
from waystate.events import outbox
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.advance import Advanced, advance
from waystate.messages.model import StatusReport


async def handle(tenant: TenantId, reports: Sequence[StatusReport], db: Database, clock: Clock) -> Advanced:
    """Advance what is known; statuses that overtook their message wait for it."""
    now = clock()
    async with db.tenant(tenant) as conn:
        advanced = await advance_and_settle(conn, tenant, reports, now)
        if advanced.early:
            await message_store.park_early(conn, tenant, advanced.early, now)
        await outbox.append_many(conn, tenant, advanced.events)
    return advanced


async def advance_and_settle(conn: Connection, tenant: TenantId, reports: Sequence[StatusReport], now: datetime) -> Advanced:
    """In the caller's transaction, which appends the events."""
    advanced = await advance(conn, tenant, reports, now)
    if advanced.arrived:
        await delivery_store.settle_unknown(conn, tenant, advanced.arrived, now)
    return advanced


async def advance_waiting(conn: Connection, tenant: TenantId, wamids: Collection[str], now: datetime) -> Advanced:
    """Let through the statuses that waited for these wamids, now that they are known."""
    waited = await message_store.take_early(conn, tenant, sorted(wamids)) if wamids else []
    return await advance_and_settle(conn, tenant, waited, now) if waited else Advanced()
