"""What a business wrote to its customers in WhatsApp's app on a phone: history of theirs, which nobody sends again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Writer, person_of
from waystate.conversations import store as conversation_store
from waystate.conversations.merge import merge_many
from waystate.conversations.model import Activity, OpenedConversation, preview_of, public_conversation_id
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.documents import shorten
from waystate.events.model import Event, MessageEchoed
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.model import Direction, EchoedMessage, PhoneReply, Status
from waystate.messages.receive import expired
from waystate.messages.store import PHONE_APP, MessageRow
from waystate.planned import store as planned_store
from waystate.tenants.model import TenantSettings

AMENDMENTS = frozenset({"edit", "revoke"})
"""They change a message that is there: they are kept with it, and open no conversation where it is known."""
_LONGEST_REPLY = 500
"""Characters of what an agent is told of a message."""

Sent = tuple[EchoedMessage, UUID]
"""An echo, and the contact whom it went to."""


async def record_many(
    conn: Connection, tenant: TenantId, settings: TenantSettings, echoes: Sequence[EchoedMessage], now: datetime
) -> list[Event]:
    """In the caller's transaction, which appends the events. What came before, or was sent from here, is left as it is.

    They are activity of the conversation, which is opened where there is none: the customer's answer belongs to them. They move
    no customer window.
    """
    copies = list({each.wamid: each for each in reversed(echoes)}.values())[::-1]
    ids = {echo.wamid: new_id() for echo in copies}
    claimed = await message_store.claim_many(conn, tenant, "whatsapp", dict(sorted(ids.items())))
    new = [echo for echo in copies if echo.wamid in claimed]
    if not new:
        return []
    people = [person_of(echo.wa_id, echo.user_id, echo.contact_name, echo.sent_at) for echo in new]
    contacts, events = await find_or_make(conn, tenant, people, new[0].phone_number_id, now)
    sent = list(zip(new, contacts, strict=True))
    homes = await _find_homes(conn, tenant, sent)
    activity = _activity(sent, homes, now)
    opened, overdue = (
        await conversation_store.open_many(conn, tenant, activity, ttl=settings.mapping_ttl, now=now) if activity else ({}, [])
    )
    rows = [_row(each, ids[each[0].wamid], homes, opened) for each in sent]
    await message_store.insert_many(conn, tenant, rows)
    await message_store.note_phone_replies(conn, tenant, _replies(sent, ids))
    told = [_event(each, row, opened, settings, now) for each, row in zip(sent, rows, strict=True)]
    return [*events, *expired(overdue, now), *told]


async def find_or_make(
    conn: Connection, tenant: TenantId, people: Sequence[Writer], phone_number_id: str, now: datetime
) -> tuple[list[UUID], list[Event]]:
    """The contact of each, who did not write themselves, and the events of contacts that turned out to be one."""
    last_written = partial(message_store.find_last_written, conn, tenant)
    last_heard = partial(conversation_store.find_last_heard, conn, tenant)
    resolved = await contact_store.upsert_many(conn, tenant, people, now, last_written, last_heard)
    events: list[Event] = []
    if resolved.merged:
        events = await merge_many(conn, tenant, resolved.merged, phone_number_id, now, planned_store.move_many)
    if left := {(owner, phone.external_id) for owner, phone in resolved.left}:
        await conversation_store.leave_phones(conn, tenant, left, resolved.contacts)
    return resolved.contacts, events


async def _find_homes(conn: Connection, tenant: TenantId, sent: Sequence[Sent]) -> dict[str, UUID]:
    """Wamid → the conversation of the message that it amends, of those whose message is known."""
    amended = {echo.wamid: wamid for echo, _ in sent if (wamid := amended_by(echo)) is not None}
    known = await message_store.find_ids(conn, tenant, sorted(set(amended.values())), sources=("whatsapp",)) if amended else {}
    homes = await message_store.find_conversations(conn, tenant, sorted(set(known.values()))) if known else {}
    return {
        echo: homes[known[original]] for echo, original in amended.items() if original in known and known[original] in homes
    }


def amended_by(echo: EchoedMessage) -> str | None:
    """The wamid of what an edit or a revoke is about."""
    named = echo.content.get("original_message_id") if echo.type in AMENDMENTS else None
    return named if isinstance(named, str) and named else None


def _activity(sent: Sequence[Sent], homes: Mapping[str, UUID], now: datetime) -> list[Activity]:
    """One row a conversation, with what was said last."""
    activity: dict[Key, Activity] = {}
    for echo, contact in sent:
        if echo.wamid in homes:
            continue
        key = (echo.phone_number_id, contact)
        row = activity.get(key)
        if row is None:
            row = Activity(contact_id=contact, phone_number_id=echo.phone_number_id, wa_id=echo.wa_id, at=now)
            activity[key] = row
        row.wa_id, row.user_id = echo.wa_id or row.wa_id, echo.user_id or row.user_id
        if row.message_at is None or echo.sent_at >= row.message_at:
            row.message_at, row.message_id, row.preview = echo.sent_at, echo.wamid, preview_of(echo.text)
    return list(activity.values())


def _row(sent: Sent, id: UUID, homes: Mapping[str, UUID], opened: Mapping[Key, OpenedConversation]) -> MessageRow:
    echo, contact = sent
    home = homes.get(echo.wamid)
    return MessageRow(
        id=id,
        conversation_id=home if home is not None else opened[echo.phone_number_id, contact].id,
        direction=Direction.OUTBOUND,
        status=Status.SENT,
        wamid=echo.wamid,
        type=echo.type,
        text=echo.text,
        content=echo.content,
        media=echo.media,
        sender=echo.display_phone_number,
        origin=f"{PHONE_APP}:{echo.origin}",
        sent_at=echo.sent_at,
        metadata=echo.metadata,
    )


def _replies(sent: Sequence[Sent], ids: Mapping[str, UUID]) -> list[PhoneReply]:
    """The newest to each customer; nobody is told of an amendment."""
    newest: dict[Key, PhoneReply] = {}
    for echo, contact in sent:
        key = (echo.phone_number_id, contact)
        if echo.type in AMENDMENTS or (key in newest and newest[key].sent_at > echo.sent_at):
            continue
        text = shorten(echo.text or "", _LONGEST_REPLY)
        newest[key] = PhoneReply(echo.phone_number_id, contact, ids[echo.wamid], text, echo.sent_at)
    return list(newest.values())


def _event(
    sent: Sent, row: MessageRow, opened: Mapping[Key, OpenedConversation], settings: TenantSettings, now: datetime
) -> MessageEchoed:
    echo, contact = sent
    conversation = opened.get((echo.phone_number_id, contact))
    is_there = conversation is not None and conversation.id == row.conversation_id
    genesys_id = conversation.genesys_conversation_id if conversation is not None and is_there else None
    return MessageEchoed(
        mapping_id=row.conversation_id,
        contact_id=contact,
        phone_number_id=echo.phone_number_id,
        at=now,
        wa_id=echo.wa_id,
        message_id=row.id,
        wamid=echo.wamid,
        user_id=echo.user_id,
        timestamp=echo.sent_at,
        message_type=echo.type,
        message_text=echo.text,
        media=echo.media,
        content=echo.content,
        conversation_id=public_conversation_id(settings.correlation, row.conversation_id, genesys_id),
        is_new_conversation=conversation is not None and is_there and conversation.is_new,
    )
