"""Conversations that the business begins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Recipient
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.events.model import ConversationOpened, Event
from waystate.ids import TenantId
from waystate.messages.receive import expired
from waystate.sends.addressees import find_named_address
from waystate.tenants.routing import TenantView


@dataclass(frozen=True, slots=True)
class OpenedMany:
    """The open conversation of each number and contact, which of them are new, and the events to append."""

    conversations: dict[Key, UUID] = field(default_factory=dict)
    new: set[UUID] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)


async def open_many(
    conn: Connection, tenant: TenantId, view: TenantView, wanted: Mapping[Key, str | None], now: datetime
) -> OpenedMany:
    """The open conversation of each number and contact, made where there is none. `wanted`: whom it is to be addressed as."""
    if not wanted:
        return OpenedMany()
    contacts = await contact_store.find_recipients(conn, tenant, [contact for _, contact in wanted])
    activity = [_first(key, contacts.get(key[1]) or Recipient(None), to, now) for key, to in wanted.items()]
    opened, overdue = await conversation_store.open_many(conn, tenant, activity, ttl=view.settings.mapping_ttl, now=now)
    new = {each.id for each in opened.values() if each.is_new}
    events: list[Event] = [
        ConversationOpened(mapping_id=each.id, contact_id=contact, phone_number_id=number, at=now)
        for (number, contact), each in opened.items()
        if each.is_new
    ]
    return OpenedMany({key: each.id for key, each in opened.items()}, new, [*expired(overdue, now), *events])


def _first(key: Key, recipient: Recipient, to: str | None, now: datetime) -> Activity:
    """Addressed to the phone or user id that was asked for, as the contact has it, else to its newest."""
    number, contact = key
    address = find_named_address(to, recipient) or recipient.find_address(None, None) or Address()
    return Activity(contact_id=contact, phone_number_id=number, wa_id=address.wa_id, user_id=address.user_id, at=now)
