"""The outbox: events are appended in the transaction that makes them true, and stamped with public positions afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from waystate.db.pool import Connection, load_queries
from waystate.events.model import AnyEvent, Event
from waystate.ids import TenantId, new_id

_queries = load_queries(__file__)

STAMP = "stamp"


@dataclass(frozen=True)
class Stamped:
    """`data` is the event as JSON, read only when somebody asks for `event`: most are of no concern to a sink."""

    id: UUID
    position: int
    type: str
    data: str

    @cached_property
    def event(self) -> Event:
        return AnyEvent.validate_json(self.data)


async def append_many(conn: Connection, tenant: TenantId, events: Sequence[Event]) -> None:
    if not events:
        return
    await _queries.append_many(
        conn,
        tenant_id=tenant,
        ids=[new_id() for _ in events],
        types=[event.type for event in events],
        conversation_ids=[event.mapping_id for event in events],
        message_ids=[event.message_id for event in events],
        at=[event.at for event in events],
        data=[event.model_dump_json() for event in events],
    )


async def stamp_many(conn: Connection, tenant: TenantId, *, epoch: int, batch: int) -> list[Stamped]:
    """Give the tenant's next events their positions, oldest first; none when a newer lease epoch has been here."""
    cursor = await _queries.lock_cursor(conn, tenant_id=tenant, sink=STAMP, epoch=epoch)
    if cursor is None:
        return []
    rows = await _queries.stamp_many(conn, tenant_id=tenant, sink=STAMP, position=cursor["position"], batch=batch)
    return [_stamped(row) for row in rows]


async def list_after(conn: Connection, tenant: TenantId, position: int, batch: int) -> list[Stamped]:
    rows = await _queries.list_after(conn, tenant_id=tenant, position=position, batch=batch)
    return [_stamped(row) for row in rows]


def _stamped(row: Any) -> Stamped:
    return Stamped(row["id"], row["position"], row["type"], row["data"])
