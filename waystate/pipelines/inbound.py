"""The inbound pipeline: a batch of one tenant's customer messages, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.clock import Clock
from waystate.contacts import store as contact_store
from waystate.contacts.model import joined, person_of
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Opened, preview_of, public_conversation_id
from waystate.conversations.store import Ended, Key
from waystate.db.pool import Connection, Database
from waystate.events import outbox
from waystate.events.model import ConversationExpired, Event, InboundEnriched
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.model import Direction, InboundMessage, Status
from waystate.messages.store import MessageRow
from waystate.tenants.model import TenantSettings

Sent = tuple[InboundMessage, UUID]
"""A message, and the contact who sent it."""

_INBOUND, _RECEIVED = Direction.INBOUND, Status.RECEIVED


async def handle(
    tenant: TenantId, settings: TenantSettings, messages: Sequence[InboundMessage], db: Database, clock: Clock
) -> list[Event]:
    """Track a batch of one tenant's inbound messages; the events of those not seen before."""
    async with db.tenant(tenant) as conn:
        events = await track(conn, tenant, settings, messages, clock())
        await outbox.append_many(conn, tenant, events)
    return events


async def track(
    conn: Connection, tenant: TenantId, settings: TenantSettings, messages: Sequence[InboundMessage], now: datetime
) -> list[Event]:
    """In the caller's transaction, which appends the events."""
    copies = first_copies(messages)
    ids = {message.wamid: new_id() for message in copies}
    # The key first: a redelivery that races a close must not reopen a conversation.
    claimed = await message_store.claim_many(conn, tenant, "whatsapp", dict(sorted(ids.items())))
    new = [message for message in copies if message.wamid in claimed]
    if not new:
        return []
    people = [person_of(message.wa_id, message.user_id, message.contact_name) for message in new]
    contacts = await contact_store.upsert_many(conn, tenant, joined(people), now)
    sent = [(message, contacts[each.identities[0]]) for message, each in zip(new, people, strict=True)]
    opened, overdue = await conversation_store.open_many(
        conn, tenant, activity_of(sent, now), ttl=settings.mapping_ttl, now=now
    )
    await message_store.insert_many(conn, tenant, rows_of(sent, opened, ids))
    return [*expired(overdue, now), *received(sent, opened, ids, settings, now)]


def first_copies(messages: Sequence[InboundMessage]) -> list[InboundMessage]:
    """One per wamid, in the order in which they were taken."""
    copies: dict[str, InboundMessage] = {}
    for message in messages:
        copies.setdefault(message.wamid, message)
    return list(copies.values())


def activity_of(sent: Sequence[Sent], now: datetime) -> list[Activity]:
    """One row a conversation: activity is the receipt, the customer window counts from the customer's own latest time."""
    activity: dict[Key, Activity] = {}
    for message, contact_id in sent:
        key = (message.phone_number_id, contact_id)
        row = activity.get(key)
        if row is None:
            row = Activity(contact_id=contact_id, phone_number_id=message.phone_number_id, wa_id=message.wa_id, at=now)
            activity[key] = row
        row.wa_id = row.wa_id or message.wa_id
        if row.customer_message_at is None or message.sent_at >= row.customer_message_at:
            row.customer_message_at = row.message_at = message.sent_at
            row.message_id, row.preview = message.wamid, preview_of(message.text)
    return list(activity.values())


def rows_of(sent: Sequence[Sent], opened: dict[Key, Opened], ids: dict[str, UUID]) -> list[MessageRow]:
    return [
        MessageRow(
            id=ids[message.wamid],
            conversation_id=opened[message.phone_number_id, contact_id].id,
            direction=_INBOUND,
            status=_RECEIVED,
            wamid=message.wamid,
            type=message.type,
            text=message.text,
            content=message.content,
            media=message.media,
            sender=message.wa_id or message.user_id,
            origin=message.origin,
            sent_at=message.sent_at,
            metadata=message.metadata,
        )
        for message, contact_id in sent
    ]


def received(
    sent: Sequence[Sent],
    opened: dict[Key, Opened],
    ids: dict[str, UUID],
    settings: TenantSettings,
    now: datetime,
) -> list[Event]:
    """The enriched payloads; of a new conversation's messages only the first says so."""
    told: set[UUID] = set()
    events: list[Event] = []
    for message, contact_id in sent:
        conversation = opened[message.phone_number_id, contact_id]
        events.append(
            InboundEnriched(
                mapping_id=conversation.id,
                contact_id=contact_id,
                phone_number_id=message.phone_number_id,
                at=now,
                wa_id=message.wa_id,
                message_id=ids[message.wamid],
                wamid=message.wamid,
                user_id=message.user_id,
                contact_name=message.contact_name,
                display_phone_number=message.display_phone_number,
                timestamp=message.sent_at,
                message_type=message.type,
                message_text=message.text,
                media=message.media,
                content=message.content,
                conversation_id=public_conversation_id(
                    settings.correlation, conversation.id, conversation.genesys_conversation_id
                ),
                is_new_conversation=conversation.is_new and conversation.id not in told,
            )
        )
        told.add(conversation.id)
    return events


def expired(ended: Sequence[Ended], now: datetime) -> list[Event]:
    return [
        ConversationExpired(mapping_id=each.id, contact_id=each.contact_id, phone_number_id=each.phone_number_id, at=now)
        for each in ended
    ]
