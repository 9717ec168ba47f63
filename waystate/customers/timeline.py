"""What happened with a customer, in one order: messages, their statuses, and what became of conversations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from waystate.conversations.model import Sight
from waystate.customers import store
from waystate.customers.model import EVER, NEVER, HistoryPlace
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.ids import TenantId

LATE_STATUS = timedelta(days=30)
"""A status that comes later than this after its message is shown by the trace alone: WhatsApp gives up delivering by then."""
EARLY_STATUS = timedelta(minutes=5)
"""WhatsApp tells whole seconds of its own clock: a status can stand before its message."""
LOGGED_OF_INTEGRATIONS = frozenset(
    {"conversation.correlated", "control.changed", "conversation.closed", "conversation.transferred"}
)
"""Types of what happens between platforms."""
ENTRY_KINDS = Literal["message", "status", "log", "failure"]


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened. `row` is as the store has it; a message is known by its id alone."""

    kind: ENTRY_KINDS
    place: HistoryPlace
    row: JsonObject

    @property
    def id(self) -> UUID:
        return self.place.message_id


async def list_timeline(
    conn: Connection, tenant: TenantId, contact_id: UUID, *, before: HistoryPlace, batch: int, sight: Sight
) -> list[TimelineEntry]:
    """The next entries, the newest first. Statuses are looked for in the stretch of time that the others fill."""
    messages = await store.list_messages(conn, tenant, contact_id, before=before, batch=batch, sight=sight)
    log = await store.list_log(conn, tenant, contact_id, before=before, batch=batch, sight=sight)
    found = [TimelineEntry("message", each, {}) for each in messages] + [_entry("log", each) for each in log]
    found = _newest(found, batch)
    since = found[-1].place.sent_at if len(found) == batch else NEVER
    statuses = await store.list_statuses(
        conn,
        tenant,
        contact_id,
        before=before,
        since=since,
        sent_since=_before(since, LATE_STATUS),
        sent_until=min(before.sent_at, EVER - EARLY_STATUS) + EARLY_STATUS,
        batch=batch,
        sight=sight,
    )
    return _newest([*found, *(_entry("status", each) for each in statuses)], batch)


async def list_integrations(
    conn: Connection, tenant: TenantId, contact_id: UUID, *, before: HistoryPlace, batch: int, sight: Sight
) -> list[TimelineEntry]:
    """The next of what happened between the platforms, the newest first."""
    log = await store.list_log(conn, tenant, contact_id, before=before, batch=batch, sight=sight, types=LOGGED_OF_INTEGRATIONS)
    failures = await store.list_failures(conn, tenant, contact_id, before=before, batch=batch, sight=sight)
    return _newest([*(_entry("log", each) for each in log), *(_entry("failure", each) for each in failures)], batch)


def _entry(kind: ENTRY_KINDS, row: dict[str, Any]) -> TimelineEntry:
    return TimelineEntry(kind, HistoryPlace(row["at"], row["id"]), row)


def _newest(entries: list[TimelineEntry], batch: int) -> list[TimelineEntry]:
    return sorted(entries, key=lambda each: each.place, reverse=True)[:batch]


def _before(moment: datetime, span: timedelta) -> datetime:
    return moment - span if moment - NEVER > span else NEVER
