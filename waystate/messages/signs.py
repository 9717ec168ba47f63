"""Signs of a customer that are no message here, such as a call: WhatsApp's window counts from them as from a message."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.events.model import Event
from waystate.ids import TenantId
from waystate.messages.receive import expired
from waystate.messages.windows import make_due, told_of_opened
from waystate.tenants.model import TenantSettings


class Sign(NamedTuple):
    """The contact showed themselves to the number at that time, by the ids that they had then."""

    phone_number_id: str
    contact_id: UUID
    at: datetime
    wa_id: str | None = None
    user_id: str | None = None

    @property
    def key(self) -> Key:
        return self.phone_number_id, self.contact_id


class Signalled(NamedTuple):
    """The latest conversation of each customer that has one; what ended on the way to it, and the windows that opened."""

    conversations: dict[Key, UUID]
    expired: list[Event]
    opened: list[Event]


async def signal_many(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    signs: Sequence[Sign],
    now: datetime,
    *,
    asked: Collection[Key] = (),
) -> Signalled:
    """In the caller's transaction, which appends the events. An older sign than is known moves nothing.

    The customer's latest conversation on the number gets the sign; where they have none, one is opened for it. `asked`:
    customers without a sign whose conversation the caller wants to know.
    """
    keys = sorted({*asked, *(each.key for each in signs)})
    rows = await conversation_store.find_latest_many(conn, tenant, keys)
    found = {key: row.id for key, row in zip(keys, rows, strict=True) if row is not None}
    missing = {
        each.key: Activity(
            contact_id=each.contact_id, phone_number_id=each.phone_number_id, wa_id=each.wa_id, user_id=each.user_id, at=now
        )
        for each in signs
        if each.key not in found
    }
    ended: list[Event] = []
    if missing:
        opened, overdue = await conversation_store.open_many(
            conn, tenant, list(missing.values()), ttl=settings.mapping_ttl, now=now
        )
        found |= {key: each.id for key, each in opened.items()}
        ended = expired(overdue, now)
    marks = [(found[each.key], each.at) for each in signs]
    windows = await conversation_store.signal_window(conn, tenant, marks, now) if marks else []
    await make_due(conn, tenant, windows, now)
    return Signalled(found, ended, told_of_opened(windows, now))
