"""The relay: hands a tenant's new events to a sink that writes in the same transaction as its cursor."""

from collections.abc import Collection, Sequence
from typing import Protocol

from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import Event
from waystate.events.outbox import Stamped, Window
from waystate.ids import TenantId


class Sink(Protocol):
    """What it writes, it writes on this connection: cursor and effect commit together, so none can lag or skip."""

    @property
    def name(self) -> str:
        """Of its cursor."""

    @property
    def types(self) -> Collection[str] | None:
        """Of the events it wants; None for all."""

    async def __call__(self, conn: Connection, tenant: TenantId, stamped: Sequence[Stamped]) -> Sequence[Event]:
        """Returns events of its own, to be appended last."""


async def relay(db: Database, tenant: TenantId, sink: Sink, *, epoch: int, batch: int) -> Window:
    """Hand the sink its next events of a tenant, `batch` at most."""
    async with db.tenant(tenant) as conn:
        window = await outbox.read_after(conn, tenant, sink.name, epoch=epoch, batch=batch, types=sink.types)
        if window.position is not None:
            follows = await sink(conn, tenant, window.stamped) if window.stamped else []
            await outbox.move_cursor(conn, tenant, sink.name, window.position, epoch=epoch)
            await outbox.append_many(conn, tenant, follows)
    return window
