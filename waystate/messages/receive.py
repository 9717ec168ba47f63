"""The inbound pipeline: a batch of one tenant's customer messages, in one transaction."""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from waystate.contacts import store as contact_store
from waystate.contacts.model import PHONE, Identity, Writer, group_of, person_of
from waystate.conversations import store as conversation_store
from waystate.conversations.control import goes_to_genesys
from waystate.conversations.merge import merge_many
from waystate.conversations.model import Activity, OpenedConversation, preview_of, public_conversation_id
from waystate.conversations.store import Ended, Key, WantedConversation
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.events.model import ConversationExpired, Event, InboundEnriched, MessageRevoked
from waystate.groups.model import Spoken
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.amend import Amending, amend_many, apply_versions
from waystate.messages.model import KEPT_HERE, TAKEN_BACK, Direction, InboundMessage, Status
from waystate.messages.spoken import about_writer, hear_groups, sender_of
from waystate.messages.store import MessageRow
from waystate.messages.windows import make_due, told_of_opened, windows_of
from waystate.planned import store as planned_store
from waystate.tenants.model import TenantSettings
from waystate.tenants.routing import TenantView

log = structlog.get_logger()

Sent = tuple[InboundMessage, UUID]
"""A message, and the contact whose conversation it is part of: who sent it, or the group that it was written in."""

_INBOUND, _RECEIVED = Direction.INBOUND, Status.RECEIVED


async def track(
    conn: Connection, tenant: TenantId, settings: TenantSettings, messages: Sequence[InboundMessage], now: datetime
) -> list[Event]:
    """In the caller's transaction, which appends the events."""
    copies = first_copies(messages)
    ids = {message.wamid: new_id() for message in copies}
    # The key first: a redelivery that races a close must not reopen a conversation.
    claimed, changed = await message_store.claim_new(conn, tenant, dict(sorted(ids.items())))
    new = [message for message in copies if message.wamid in claimed]
    if not new:
        return []
    people = [writer_of(message) for message in new]
    groups = list(dict.fromkeys(message.group_id for message in new if message.group_id is not None))
    last_written = partial(message_store.find_last_written, conn, tenant)
    last_heard = partial(conversation_store.find_last_heard, conn, tenant)
    everybody = [*people, *map(group_of, groups)]
    resolved = await contact_store.upsert_many(conn, tenant, everybody, now, last_written, last_heard)
    number, carry = new[0].phone_number_id, planned_store.move_many
    merged = await merge_many(conn, tenant, resolved.merged, number, now, carry) if resolved.merged else []
    writers, homes = resolved.contacts[: len(new)], dict(zip(groups, resolved.contacts[len(new) :], strict=True))
    spoken = await hear_groups(conn, tenant, list(zip(new, writers, strict=True)), homes) if groups else {}
    sent = [
        (message, spoken[message.wamid].group.contact_id if message.wamid in spoken else writer)
        for message, writer in zip(new, writers, strict=True)
    ]
    left = {(contact, phone.external_id) for contact, phone in resolved.left}
    if left:
        private = [each for each in sent if each[0].group_id is None]
        left |= outdated(private, left, await conversation_store.leave_phones(conn, tenant, left, resolved.contacts))
    left |= {(contact, phone.external_id) for contact, phone in resolved.late}
    await contact_store.want_index(conn, tenant, {contact for contact, _ in resolved.left})
    activity = activity_of(sent, now, left)
    opened, overdue = await conversation_store.open_many(conn, tenant, activity, ttl=settings.mapping_ttl, now=now)
    await message_store.insert_many(conn, tenant, rows_of(sent, opened, ids, spoken))
    events = received(sent, opened, ids, settings, now, spoken)
    amending = [
        Amending(message, contact, opened[message.phone_number_id, contact].id, spoken.get(message.wamid))
        for message, contact in sent
        if message.amends
    ]
    amended = await amend_many(conn, tenant, amending, now) if amending else []
    if changed:
        amended += await apply_versions(conn, tenant, changed, now)
        events = without_revoked(events, amended)
    windows = await make_due(conn, tenant, windows_of(opened, activity), now)
    return [
        *merged,
        *expired(overdue, now),
        *(told_of_moves(events, resolved.former) if resolved.former else events),
        *amended,
        *told_of_opened(windows, now),
    ]


def first_copies(messages: Sequence[InboundMessage]) -> list[InboundMessage]:
    """One per wamid, in the order in which they were taken."""
    copies: dict[str, InboundMessage] = {}
    for message in messages:
        copies.setdefault(message.wamid, message)
    return list(copies.values())


def activity_of(sent: Sequence[Sent], now: datetime, left: Collection[tuple[UUID, str]] = ()) -> list[Activity]:
    """One row a conversation: activity is the receipt, the customer window counts from the customer's own latest time.

    The answer goes to what that latest message was written from, but to no phone of `left` (contact, phone): those are another
    person's in the end.
    """
    activity: dict[Key, Activity] = {}
    for message, contact_id in sent:
        key = (message.phone_number_id, contact_id)
        row = activity.get(key)
        if row is None:
            row = Activity(contact_id=contact_id, phone_number_id=message.phone_number_id, wa_id=None, at=now)
            activity[key] = row
        if row.customer_message_at is None or message.sent_at >= row.customer_message_at:
            row.customer_message_at = row.message_at = message.sent_at
            row.message_id, row.preview = message.wamid, preview_of(message.preview or message.text)
            if message.group_id is None:
                # An answer to a group goes to the group, never to who wrote in it.
                row.wa_id, row.user_id = message.wa_id or None, message.user_id or None
            if left and (contact_id, message.wa_id) in left:
                row.wa_id = None
    return list(activity.values())


def outdated(sent: Sequence[Sent], left: Set[tuple[UUID, str]], wrote: Mapping[str, datetime]) -> set[tuple[UUID, str]]:
    """Contacts and phones of messages that came late: somebody of `left` wrote from that phone after them.

    `wrote`: when that was, of messages before this batch. What is late, or replayed, is not answered at its phone.
    """
    own: dict[tuple[UUID, str], datetime] = {}
    for message, contact_id in sent:
        if message.wa_id:
            key = (contact_id, message.wa_id)
            own[key] = max(own.get(key, message.sent_at), message.sent_at)
    latest = dict(wrote)
    for key in own.keys() & left:
        latest[key[1]] = max(latest.get(key[1], own[key]), own[key])
    return {key for key, at in own.items() if at < latest.get(key[1], at)}


def rows_of(
    sent: Sequence[Sent],
    opened: dict[Key, OpenedConversation],
    ids: dict[str, UUID],
    spoken: Mapping[str, Spoken] | None = None,
) -> list[MessageRow]:
    """The metadata of what was written in a group name the contact who wrote; those of what does not go to Genesys say so."""
    groups = spoken or {}

    def metadata_of(message: InboundMessage, conversation: OpenedConversation) -> JsonObject:
        about = about_writer(groups[message.wamid]) if message.wamid in groups else {}
        kept = {} if _goes_to_genesys(conversation) else {KEPT_HERE: True}
        return message.metadata | about | kept

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
            metadata=metadata_of(message, opened[message.phone_number_id, contact_id]),
        )
        for message, contact_id in sent
    ]


def received(
    sent: Sequence[Sent],
    opened: dict[Key, OpenedConversation],
    ids: dict[str, UUID],
    settings: TenantSettings,
    now: datetime,
    spoken: Mapping[str, Spoken] | None = None,
) -> list[InboundEnriched]:
    """The enriched payloads; of a new conversation's messages only the first says so. Who gets them is decided here.

    `spoken`: of the messages that were written in groups, by wamid. These are the group's, and name who wrote apart.
    """
    told: set[UUID] = set()
    events: list[InboundEnriched] = []
    for message, contact_id in sent:
        conversation = opened[message.phone_number_id, contact_id]
        said = spoken.get(message.wamid) if spoken else None
        events.append(
            InboundEnriched(
                mapping_id=conversation.id,
                contact_id=contact_id,
                phone_number_id=message.phone_number_id,
                at=now,
                wa_id=message.wa_id if said is None else None,
                message_id=ids[message.wamid],
                wamid=message.wamid,
                user_id=message.user_id if said is None else None,
                contact_name=message.contact_name if said is None else said.group.subject,
                group_id=message.group_id,
                sender=None if said is None else sender_of(message, said),
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
                controller=conversation.controller,
                control_epoch=conversation.control_epoch,
                to_genesys=_goes_to_genesys(conversation),
            )
        )
        told.add(conversation.id)
    return events


def _goes_to_genesys(conversation: OpenedConversation) -> bool:
    return goes_to_genesys(conversation.controller, is_queued_here=conversation.is_queued_here)


def without_revoked(events: Sequence[InboundEnriched], amended: Sequence[Event]) -> list[InboundEnriched]:
    """What was taken back before it came is told as that, so that nobody gets to read it."""
    revoked = {event.wamid for event in amended if isinstance(event, MessageRevoked)}
    nothing: dict[str, Any] = {"message_text": TAKEN_BACK, "content": {}, "media": None}
    return [event.model_copy(update=nothing) if event.wamid in revoked else event for event in events]


def told_of_moves(events: Sequence[InboundEnriched], former: Mapping[int, UUID]) -> list[InboundEnriched]:
    """Events of messages from a phone that was another contact's (`former`, by place) say so."""
    for place, contact_id in former.items():
        taker = events[place].contact_id
        log.info("A phone went to another contact.", operation="inbound", contact_id=taker, former_contact_id=contact_id)
    return [
        event.model_copy(update={"former_contact_id": former[place]}) if place in former else event
        for place, event in enumerate(events)
    ]


def expired(ended: Sequence[Ended], now: datetime) -> list[Event]:
    return [
        ConversationExpired(mapping_id=each.id, contact_id=each.contact_id, phone_number_id=each.phone_number_id, at=now)
        for each in ended
    ]


async def numbers_of(
    conn: Connection, tenant: TenantId, view: TenantView, messages: Sequence[InboundMessage], now: datetime
) -> list[str]:
    """The number named, else that of the customer's latest open conversation, else the default; "" when there is none.

    The business-scoped user id says better than the phone who the customer is.
    """
    people = [
        (writer_of(message) if message.group_id is None else group_of(message.group_id)).identities for message in messages
    ]
    asked = sorted({each for message, ids in zip(messages, people, strict=True) if not message.phone_number_id for each in ids})
    latest: dict[Identity, str] = {}
    if asked:
        spelled = await contact_store.spell_as_known(conn, tenant, asked)
        wanted = [WantedConversation(spelled.get(each, each)) for each in asked]
        found = await conversation_store.find_open_many(conn, tenant, wanted, now)
        latest = {each: open_one.phone_number_id for each, open_one in zip(asked, found, strict=True) if open_one is not None}
    default = view.default_account.phone_number_id if view.default_account is not None else ""
    return [
        message.phone_number_id or next((latest[each] for each in ids if each in latest), default)
        for message, ids in zip(messages, people, strict=True)
    ]


def writer_of(message: InboundMessage) -> Writer:
    """A contact card counts only where it answers WhatsApp's own request: then the phones in it are the sender's."""
    person = person_of(message.wa_id, message.user_id, message.contact_name, message.sent_at, message.other_wa_ids)
    if message.type != "contacts" or message.metadata.get("origin") != "contact_request":
        return person
    shared = person_of(None, None, other_wa_ids=shared_phones(message.content)).identities
    return replace(person, identities=tuple(dict.fromkeys((*person.identities, *shared))), attested=frozenset(shared))


def shared_phones(content: JsonObject) -> list[str]:
    """The WhatsApp ids of all phones in contact cards; whatever has another shape is none."""

    def listed(source: Any, key: str) -> list[Any]:
        found = source.get(key) if isinstance(source, dict) else None
        return found if isinstance(found, list) else []

    phones = [phone for card in listed(content, "contacts") for phone in listed(card, "phones") if isinstance(phone, dict)]
    return [each for phone in phones if isinstance(each := phone.get("wa_id"), str) and PHONE.fullmatch(each)]
