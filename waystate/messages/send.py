"""The outbound pipeline: an agent's messages, checked against their conversation and queued for WhatsApp."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from unicodedata import normalize
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Identity, IdentityKind, Recipient
from waystate.contacts.spellings import other_identities
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation, ConversationStatus, preview_of, public_conversation_id
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.errors import Reason, Rejected
from waystate.events.model import Event, OutboundProcessed, OutboundRefused
from waystate.ids import TenantId, find_uuid, new_id
from waystate.messages import store as message_store
from waystate.messages.correlate import correlate
from waystate.messages.model import Direction, OutboundMessage, Status
from waystate.messages.store import MessageRow
from waystate.tenants.model import TenantSettings
from waystate.tenants.routing import TenantView

_SCHEME = re.compile(r"^(?:whatsapp|tel|sms|phone)\s*:\s*(?://)?", re.IGNORECASE)
_PARAMETERS = re.compile(r";.*$", re.DOTALL)
_BETWEEN_DIGITS = re.compile(r"[\s().\-/\u2010-\u2015\u200e\u200f\u202a-\u202e\u2060-\u2069]")
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")
TEXT_LIMIT = 4096
"""Characters in a text message's body (WhatsApp Cloud API, text messages)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an agent's message cannot go out: it is kept as `failed` with this code."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class _Checked:
    """A message with its conversation, where it goes, or why it does not."""

    message: OutboundMessage
    conversation: Conversation
    address: Address | None
    refusal: Refusal | None
    user_id: str | None


Result = Event | Rejected | None
"""The event of a message seen for the first time, None for a repeat, Rejected when no conversation is known."""


async def process(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    messages: Sequence[OutboundMessage],
    numbers: dict[str, str],
    now: datetime,
) -> tuple[list[Result], list[Event]]:
    """In the caller's transaction, which appends the events: those of the results, and of what was correlated on the way.

    `numbers`: integration id → the phone_number_id it serves, for messages whose conversation is not correlated yet.
    """
    messages, found = await _follow_merges(conn, tenant, messages, await _find_conversations(conn, tenant, messages, numbers))
    results: list[Result] = [
        None if each is not None else _unmatched(message) for message, each in zip(messages, found, strict=True)
    ]
    copies: dict[str, tuple[int, OutboundMessage, UUID]] = {}
    for index, (message, conversation) in enumerate(zip(messages, found, strict=True)):
        if conversation is not None:
            copies.setdefault(message.genesys_message_id, (index, message, conversation.id))
    ids = {genesys_id: new_id() for genesys_id in copies}
    claimed = await message_store.claim_many(conn, tenant, "genesys", ids)
    new = {genesys_id: copy for genesys_id, copy in copies.items() if genesys_id in claimed}
    if not new:
        return results, []
    events, correlated = await _queue(conn, tenant, settings, new, ids, now)
    for (index, _, _), event in zip(new.values(), events, strict=True):
        results[index] = event
    return results, [*events, *correlated]


def numbers_of(view: TenantView) -> dict[str, str]:
    """Integration id (as Genesys names it) → the phone_number_id it serves."""
    ids = {integration.id: integration.integration_id for integration in view.integrations.values()}
    return {
        ids[account.genesys_integration_id]: account.phone_number_id
        for account in view.accounts.values()
        if account.genesys_integration_id in ids
    }


def refusal_of(message: OutboundMessage, conversation: Conversation, address: Address | None, now: datetime) -> Refusal | None:
    """Checked before sending: WhatsApp reports most of these only later, or not at all."""
    if message.unshowable is not None:
        return Refusal(Reason.INVALID_PAYLOAD, message.unshowable)
    if len(message.text or "") > TEXT_LIMIT:
        return Refusal(Reason.INVALID_PAYLOAD, f"WhatsApp takes {TEXT_LIMIT} characters of text; send it in parts.")
    match conversation.effective_status(now):
        case ConversationStatus.CLOSED:
            return Refusal(Reason.MAPPING_STATUS_CLOSED, "The conversation is closed; it opens again when the customer writes.")
        case ConversationStatus.EXPIRED:
            return Refusal(Reason.MAPPING_STATUS_EXPIRED, "The conversation expired; it opens again when the customer writes.")
    if not conversation.takes_free_text(now):
        return Refusal(
            Reason.WINDOW_CLOSED, "The customer's last message is more than 24 hours old: only a template may be sent now."
        )
    if address is None:
        return Refusal(
            Reason.RECIPIENT_MOVED,
            "The number that the customer wrote from is another customer's by now, and nothing else leads to them; wait until "
            "the customer writes again.",
        )
    return None


async def _find_conversations(
    conn: Connection, tenant: TenantId, messages: Sequence[OutboundMessage], numbers: dict[str, str]
) -> list[Conversation | None]:
    """By conversation id; else by the customer it is addressed to, since a message can overtake our own delivery's answer."""
    found = await conversation_store.find_many(conn, tenant, [message.conversation_id or "" for message in messages])
    addressed = {
        index: (numbers[message.integration_id or ""], message.recipient_id)
        for index, message in enumerate(messages)
        if found[index] is None and message.recipient_id and message.integration_id in numbers
    }
    if not addressed:
        return found
    identities = {recipient: identities_of(recipient) for _, recipient in addressed.values()}
    owners, _ = await contact_store.find_many(conn, tenant, sorted({each for group in identities.values() for each in group}))
    named = {recipient: contact for recipient in identities if (contact := find_uuid(recipient)) is not None}
    survivors = await contact_store.find_survivors(conn, tenant, named.values()) if named else {}
    keys: dict[int, Key] = {}
    for index, (number, recipient) in addressed.items():
        contact = next((owners[each] for each in identities[recipient] if each in owners), None) or named.get(recipient)
        if contact is not None:
            keys[index] = (number, survivors.get(contact, contact))
    latest = await conversation_store.find_latest_many(conn, tenant, list(keys.values()))
    for index, conversation in zip(keys, latest, strict=True):
        found[index] = conversation
    return found


def identities_of(recipient: str) -> list[Identity]:
    """What a recipient may be known by, the likeliest first: as it is written, then the phone that it writes in another way."""
    phones = [Identity(IdentityKind.WA_ID, each) for each in dict.fromkeys((recipient, _phone_of(recipient))) if each]
    return [*phones, Identity(IdentityKind.BSUID, recipient), *other_identities(phones).values()]


def _phone_of(written: str) -> str | None:
    """The digits of an international phone, as WhatsApp's ids are; None for what is none, or may lack its country.

    No country's code begins with 0, so 00 is the prefix of an international call.
    https://www.rfc-editor.org/rfc/rfc3966 (tel:), https://www.itu.int/rec/T-REC-E.164
    """
    bare = _PARAMETERS.sub("", _SCHEME.sub("", normalize("NFKC", written).strip()))
    if bare.startswith("("):
        return None  # an area's code
    digits = _BETWEEN_DIGITS.sub("", bare.replace("(0)", "") if bare.startswith(("+", "00")) else bare)
    digits = digits.removeprefix("+").removeprefix("00")
    return digits if _INTERNATIONAL.fullmatch(digits) else None


async def _follow_merges(
    conn: Connection, tenant: TenantId, messages: Sequence[OutboundMessage], found: Sequence[Conversation | None]
) -> tuple[Sequence[OutboundMessage], list[Conversation | None]]:
    """What is said in a conversation that ended with its contact goes to the one that stayed, which keeps Genesys' id of it."""
    ended = {index: each for index, each in enumerate(found) if each is not None and each.is_merged}
    if not ended:
        return messages, list(found)
    keys = [(each.phone_number_id, each.contact_id) for each in ended.values()]
    latest = dict(zip(ended, await conversation_store.find_latest_many(conn, tenant, keys), strict=True))
    stays = [latest.get(index, each) for index, each in enumerate(found)]
    return [
        replace(message, conversation_id=str(each.id)) if index in ended and each is not None else message
        for index, (message, each) in enumerate(zip(messages, stays, strict=True))
    ], stays


async def _queue(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    new: dict[str, tuple[int, OutboundMessage, UUID]],
    ids: dict[str, UUID],
    now: datetime,
) -> tuple[list[Event], list[Event]]:
    """Write the messages; their events, and those of correlations. Locked first, so what was checked still holds."""
    conversations = await conversation_store.lock_many(
        conn, tenant, sorted({conversation for _, _, conversation in new.values()})
    )
    recipients = await contact_store.find_recipients(conn, tenant, [each.contact_id for each in conversations.values()])
    copies = [_checked(message, conversations[conversation], recipients, now) for _, message, conversation in new.values()]
    rows = [_row(each, ids[each.message.genesys_message_id], now) for each in copies]
    await message_store.insert_many(conn, tenant, rows)
    await conversation_store.touch_many(conn, tenant, _activity(copies, now), ttl=settings.mapping_ttl)
    events = [_event(each, row.id, settings, now) for each, row in zip(copies, rows, strict=True)]
    return events, await correlate(conn, tenant, _learned(copies), now)


def _checked(
    message: OutboundMessage, conversation: Conversation, recipients: Mapping[UUID, Recipient], now: datetime
) -> _Checked:
    recipient = recipients.get(conversation.contact_id) or Recipient(None)
    address = recipient.find_address(conversation.wa_id, conversation.user_id)
    user_id = address.user_id if address is not None else None
    return _Checked(
        message,
        conversation,
        address,
        refusal_of(message, conversation, address, now),
        user_id or (recipient.user_ids[-1] if recipient.user_ids else None),
    )


def _row(checked: _Checked, message_id: UUID, now: datetime) -> MessageRow:
    message, conversation, refusal = checked.message, checked.conversation, checked.refusal
    return MessageRow(
        id=message_id,
        conversation_id=conversation.id,
        direction=Direction.OUTBOUND,
        status=Status.QUEUED if refusal is None else Status.FAILED,
        genesys_message_id=message.genesys_message_id,
        type=message.type,
        text=message.text,
        content=message.content,
        media=message.media,
        sender=message.integration_id,
        origin=message.origin,
        sent_at=message.sent_at,
        failed_at=None if refusal is None else now,
        error=None if refusal is None else {"code": refusal.reason, "title": refusal.message},
        metadata=message.metadata,
    )


def _event(checked: _Checked, message_id: UUID, settings: TenantSettings, now: datetime) -> Event:
    message, conversation, refusal = checked.message, checked.conversation, checked.refusal
    genesys_id = conversation.genesys_conversation_id or message.conversation_id
    public_id = public_conversation_id(settings.correlation, conversation.id, genesys_id)
    if refusal is not None:
        return OutboundRefused(
            mapping_id=conversation.id,
            contact_id=conversation.contact_id,
            phone_number_id=conversation.phone_number_id,
            at=now,
            wa_id=conversation.wa_id,
            message_id=message_id,
            genesys_message_id=message.genesys_message_id,
            conversation_id=public_id,
            code=refusal.reason,
            reason=refusal.message,
        )
    return OutboundProcessed(
        mapping_id=conversation.id,
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        at=now,
        message_id=message_id,
        genesys_message_id=message.genesys_message_id,
        # The id as the platform last gave it in this conversation is the one to answer to, never a normalised number.
        wa_id=checked.address.wa_id if checked.address is not None else None,
        user_id=checked.user_id,
        conversation_id=public_id,
        message_type=message.type,
        message_text=message.text,
        media=message.media,
        content=message.content,
    )


def _activity(copies: Sequence[_Checked], now: datetime) -> dict[UUID, Activity]:
    """Outbound messages are activity, but do not move the customer window. Refused ones are none."""
    return {
        each.conversation.id: Activity(
            contact_id=each.conversation.contact_id,
            phone_number_id=each.conversation.phone_number_id,
            wa_id=None,
            at=now,
            message_at=each.message.sent_at,
            message_id=each.message.genesys_message_id,
            preview=preview_of(each.message.text),
        )
        for each in copies
        if each.refusal is None
    }


def _learned(copies: Sequence[_Checked]) -> dict[UUID, tuple[str, str | None]]:
    """Conversations that this message, overtaking our delivery's answer, is the first to name by Genesys' id."""
    return {
        conversation.id: (message.conversation_id, None)
        for message, conversation in ((each.message, each.conversation) for each in copies)
        if message.conversation_id
        and conversation.genesys_conversation_id != message.conversation_id
        and str(conversation.id) != message.conversation_id
        and message.integration_id is not None
    }


def _unmatched(message: OutboundMessage) -> Rejected:
    if message.unshowable is not None:
        return Rejected(Reason.INVALID_PAYLOAD, message.unshowable)
    named = f"Genesys conversation {message.conversation_id}" if message.conversation_id else "a message that names none"
    return Rejected(
        Reason.MAPPING_NOT_FOUND,
        f"No conversation is known for {named}, and its recipient is no contact of the number that this integration serves.",
    )
