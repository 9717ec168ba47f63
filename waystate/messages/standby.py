"""Messages of customers to another responder on the same number, seen as copies: signs of the customer, and never inbound."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from waystate.contacts.model import person_of
from waystate.db.pool import Connection
from waystate.events.model import Event
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.echo import find_or_make
from waystate.messages.model import StandbyMessage
from waystate.messages.note import NOTES
from waystate.messages.signs import Sign, signal_many
from waystate.tenants.model import TenantSettings


class NotedCopies(NamedTuple):
    """The wamids of those that were new, and the events to append."""

    new: set[str]
    events: list[Event]


def is_sign(message: StandbyMessage) -> bool:
    """As of messages that are our own to answer: what is no message of a customer opens no window."""
    return message.type not in NOTES


async def note_many(
    conn: Connection, tenant: TenantId, settings: TenantSettings, messages: Sequence[StandbyMessage], now: datetime
) -> NotedCopies:
    """In the caller's transaction, which appends the events. What came before has no effect again.

    The wamid itself stays free: a message that comes as our own to answer too, before or after its copy, is a message.
    """
    keys = {_name_of(each): each for each in reversed(messages) if is_sign(each)}
    claimed = await message_store.claim_many(conn, tenant, "whatsapp", {key: new_id() for key in sorted(keys)}) if keys else ()
    new = [each for key, each in keys.items() if key in claimed]
    if not new:
        return NotedCopies(set(), [])
    people = [person_of(each.wa_id, each.user_id, each.contact_name, each.sent_at) for each in new]
    contacts, events = await find_or_make(conn, tenant, people, new[0].phone_number_id, now)
    signs = [
        Sign(each.phone_number_id, contact, each.sent_at, each.wa_id, each.user_id)
        for each, contact in zip(new, contacts, strict=True)
    ]
    signalled = await signal_many(conn, tenant, settings, signs, now)
    return NotedCopies({each.wamid for each in new}, [*events, *signalled.expired, *signalled.opened])


def _name_of(message: StandbyMessage) -> str:
    """What tells a copy that comes again, apart from the message itself."""
    return f"standby:{message.wamid}"
