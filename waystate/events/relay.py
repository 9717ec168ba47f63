"""The relay: stamps a tenant's new events with public positions and hands them to the sinks that share the transaction."""

from collections.abc import Awaitable, Callable, Sequence

from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.outbox import Stamped
from waystate.ids import TenantId

Sink = Callable[[Connection, TenantId, Sequence[Stamped]], Awaitable[None]]
"""What a sink writes, it writes on this connection: the stamp and its effect commit together, so no cursor can lag or skip."""


async def relay(db: Database, tenant: TenantId, sinks: Sequence[Sink], *, epoch: int, batch: int) -> list[Stamped]:
    """Stamp the next `batch` events of a tenant; what was stamped, in order."""
    async with db.tenant(tenant) as conn:
        stamped = await outbox.stamp_many(conn, tenant, epoch=epoch, batch=batch)
        if stamped:
            for sink in sinks:
                await sink(conn, tenant, stamped)
    return stamped
