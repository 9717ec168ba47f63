"""Conversations that the business begins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Recipient
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.errors import Retry
from waystate.events.model import ConversationOpened, Event
from waystate.ids import TenantId
from waystate.messages.receive import expired
from waystate.sends.addressees import find_named_address
from waystate.tenants.routing import TenantView

_ROUNDS = 3


@dataclass(slots=True)
class OpenedMany:
    """The open conversation of each number and contact, locked; which of them are new, and the events to append."""

    conversations: dict[Key, Conversation] = field(default_factory=dict)
    new: set[UUID] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)


async def open_and_lock_many(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    wanted: Mapping[Key, str | None],
    latest: Iterable[Conversation | None],
    now: datetime,
) -> OpenedMany:
    """Made where there is none. `wanted`: whom it is to be addressed as. `latest`: those that there are, as they were read.

    What was open when it was read may have been closed before it was locked: then another one is opened.
    """
    opened = OpenedMany()
    ids = {_key_of(each): each.id for each in latest if each is not None and each.is_open(now)}
    for _ in range(_ROUNDS):
        ids |= await _open_many(conn, tenant, view, {key: to for key, to in wanted.items() if key not in ids}, opened, now)
        locked = (await conversation_store.lock_many(conn, tenant, sorted(set(ids.values())))).values()
        opened.conversations |= {key: each for each in locked if each.is_open(now) and (key := _key_of(each)) in ids}
        wanted = {key: to for key, to in wanted.items() if key not in opened.conversations}
        if not wanted:
            return opened
        ids = {}
    raise Retry("the customers' conversations were closed as fast as they were opened", after=1.0)


async def _open_many(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    wanted: Mapping[Key, str | None],
    opened: OpenedMany,
    now: datetime,
) -> dict[Key, UUID]:
    if not wanted:
        return {}
    contacts = await contact_store.find_recipients(conn, tenant, [contact for _, contact in wanted])
    activity = [_first(key, contacts.get(key[1]) or Recipient(None), to, now) for key, to in wanted.items()]
    made, overdue = await conversation_store.open_many(conn, tenant, activity, ttl=view.settings.mapping_ttl, now=now)
    opened.new |= {each.id for each in made.values() if each.is_new}
    opened.events += [
        *expired(overdue, now),
        *(
            ConversationOpened(mapping_id=each.id, contact_id=contact, phone_number_id=number, at=now)
            for (number, contact), each in made.items()
            if each.is_new
        ),
    ]
    return {key: each.id for key, each in made.items()}


def _key_of(conversation: Conversation) -> Key:
    return conversation.phone_number_id, conversation.contact_id


def _first(key: Key, recipient: Recipient, to: str | None, now: datetime) -> Activity:
    """Addressed to the phone or user id that was asked for, as the contact has it, else to its newest."""
    number, contact = key
    address = find_named_address(to, recipient) or recipient.find_address(None, None) or Address()
    return Activity(contact_id=contact, phone_number_id=number, wa_id=address.wa_id, user_id=address.user_id, at=now)
