"""The outbound pipeline: an agent's messages, checked against their conversation and queued for WhatsApp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Recipient
from waystate.conversations import control
from waystate.conversations import store as conversation_store
from waystate.conversations.control import Handover
from waystate.conversations.model import Activity, Conversation, ConversationStatus, preview_of, public_conversation_id
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.errors import Reason, Rejected
from waystate.events.model import Event, OutboundProcessed, OutboundRefused
from waystate.groups import store as group_store
from waystate.groups.model import Group
from waystate.ids import TenantId, new_id
from waystate.messages import closed_window
from waystate.messages import store as message_store
from waystate.messages.addressed import check_not_merged, find_conversations, follow_merges, open_for_agentless
from waystate.messages.correlate import correlate
from waystate.messages.model import AttachedFile, Direction, OutboundMessage, Status
from waystate.messages.split import split_text
from waystate.messages.store import MessageRow
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage, told_of_planned
from waystate.tenants.model import TenantSettings
from waystate.tenants.routing import TenantView

TEXT_LIMIT = 4096
"""Characters in a text message's body (WhatsApp Cloud API, text messages)."""
CAPTION_LIMIT = 1024
"""Characters below a file (WhatsApp Cloud API, media messages)."""
CAPTIONED = frozenset({"image", "video", "document"})
"""Types of files that WhatsApp shows words below."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an agent's message cannot go out: it is kept as `failed` with this code."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class _Copy:
    """A message at its place in the batch, with the ids of its parts."""

    index: int
    message: OutboundMessage
    conversation_id: UUID
    ids: list[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A message, or a part of one, with its conversation, where it goes, or why it does not."""

    index: int
    id: UUID
    message: OutboundMessage
    conversation: Conversation
    address: Address | None
    refusal: Refusal | None
    user_id: str | None
    change: Handover | None = None
    is_last: bool = True
    waits: bool = False
    """Until `due_at`; None: until the customer writes."""
    due_at: datetime | None = None

    @property
    def key(self) -> Key:
        return self.conversation.phone_number_id, self.conversation.contact_id


Result = Event | Rejected | None
"""The event of a message seen for the first time, None for a repeat, Rejected when no conversation is known."""


@dataclass(slots=True)
class Processed:
    """What messages came to, one result each, and the events to append: those of the results and what was learned on the way.

    `displaced`: (conversation, who had the word in it and lost it). `files`: what the caller is to have loaded.
    """

    results: list[Result]
    events: list[Event] = field(default_factory=list)
    displaced: list[tuple[UUID, str]] = field(default_factory=list)
    files: list[AttachedFile] = field(default_factory=list)


async def process(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    messages: Sequence[OutboundMessage],
    numbers: dict[str, str],
    now: datetime,
) -> Processed:
    """In the caller's transaction, which appends the events, and fails what those who lost the word said and is not sent yet.

    `numbers`: integration id → the phone_number_id it serves, for messages whose conversation is not correlated yet.
    """
    first = await find_conversations(conn, tenant, messages, numbers)
    first, opened = await open_for_agentless(conn, tenant, settings, messages, first, numbers, now)
    messages, found = await follow_merges(conn, tenant, messages, first)
    results: list[Result] = [
        None if each is not None else _unmatched(message) for message, each in zip(messages, found, strict=True)
    ]
    copies: dict[str, _Copy] = {}
    for index, (message, conversation) in enumerate(zip(messages, found, strict=True)):
        if conversation is not None and message.genesys_message_id not in copies:
            copies[message.genesys_message_id] = _Copy(index, message, conversation.id, [new_id() for _ in parts_of(message)])
    # Of what goes out in parts the last one has Genesys' id: with it the message has arrived whole.
    claimed = await message_store.claim_many(conn, tenant, "genesys", {key: each.ids[-1] for key, each in copies.items()})
    new = [copy for key, copy in copies.items() if key in claimed]
    processed = await _queue(conn, tenant, settings, results, new, now) if new else Processed(results)
    return replace(processed, events=[*opened, *processed.events]) if opened else processed


def numbers_of(view: TenantView) -> dict[str, str]:
    """Integration id (as Genesys names it) → the phone_number_id it serves."""
    ids = {integration.id: integration.integration_id for integration in view.integrations.values()}
    return {
        ids[account.genesys_integration_id]: account.phone_number_id
        for account in view.accounts.values()
        if account.genesys_integration_id in ids
    }


def refusal_of(
    message: OutboundMessage, conversation: Conversation, address: Address | None, now: datetime, group: Group | None = None
) -> Refusal | None:
    """Checked before sending: WhatsApp reports most of these only later, or not at all."""
    if message.unshowable is not None:
        return Refusal(Reason.INVALID_PAYLOAD, message.unshowable)
    if len(message.words) > TEXT_LIMIT and not message.words.strip():
        return Refusal(Reason.INVALID_PAYLOAD, "The text has nothing but blanks, which WhatsApp refuses.")
    match conversation.effective_status(now):
        case ConversationStatus.CLOSED | ConversationStatus.EXPIRED if message.is_late:
            pass
        case ConversationStatus.CLOSED:
            return Refusal(Reason.MAPPING_STATUS_CLOSED, "The conversation is closed; it opens again when the customer writes.")
        case ConversationStatus.EXPIRED:
            return Refusal(Reason.MAPPING_STATUS_EXPIRED, "The conversation expired; it opens again when the customer writes.")
    if group is not None and (gone := group.refusal()) is not None:
        return Refusal(gone.reason, gone.message)
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


async def _queue(
    conn: Connection, tenant: TenantId, settings: TenantSettings, results: list[Result], new: Sequence[_Copy], now: datetime
) -> Processed:
    """Write the messages. Their conversations are locked first, so what was checked still holds."""
    conversations = await lock_with_windows(conn, tenant, sorted({each.conversation_id for each in new}), now)
    await check_not_merged(conn, tenant, list(conversations.values()))
    recipients = await contact_store.find_recipients(conn, tenant, [each.contact_id for each in conversations.values()])
    groups = await group_store.find_many(conn, tenant, [key for key, each in recipients.items() if each.group_id is not None])
    checked = [each for copy in new for each in _check(copy, conversations, recipients, groups, settings, now)]
    checked = await _behind_what_waits(conn, tenant, checked, now)
    asks: dict[Key, UUID] = {}
    if settings.window_policy == "template" and any(each.waits for each in checked):
        checked, asks = await _with_announcements(conn, tenant, settings, checked)
    plans = {each.id: _plan(each, asks.get(each.key), settings, now) for each in checked if each.waits}
    await planned_store.insert_many(conn, tenant, list(plans.values()))
    await message_store.insert_many(conn, tenant, [_row(each, now) for each in checked])
    await conversation_store.touch_many(conn, tenant, _activity(checked, now), ttl=settings.mapping_ttl, now=now)
    changes = [(each.conversation, each.change) for each in checked if each.change is not None]
    events: list[Event] = [*control.changes_of(changes, now)]
    for each in checked:
        events += told_of_planned([plans[each.id]], now) if each.waits else [_event(each, settings, now)]
        results[each.index] = events[-1]
    events += await correlate(conn, tenant, _learned(checked), now)
    return Processed(results, events, control.displaced(changes), _files(checked))


def parts_of(message: OutboundMessage) -> list[OutboundMessage]:
    """The message, in as many as WhatsApp takes of a long text, in order; the last one keeps Genesys' id."""
    if message.files and message.unshowable is None:
        return _numbered(message, _parts_with_files(message))
    text = message.words
    if len(text) <= TEXT_LIMIT or message.unshowable is not None:
        return [message]
    return _numbered(message, _texts(message, text)) or [message]


def _texts(message: OutboundMessage, text: str) -> list[OutboundMessage]:
    """What a structured one offers stays with its last part, for that is answered."""
    # A part of blanks alone would be refused, and its whole with it.
    texts = [part for part in split_text(text, TEXT_LIMIT) if part.strip()]
    offered = message.content if message.type == "structured" else {}
    return [
        replace(message, type="text", text=part, content=offered if place == len(texts) else {}, media=None, files=())
        for place, part in enumerate(texts, 1)
    ]


def _parts_with_files(message: OutboundMessage) -> list[OutboundMessage]:
    """The words stand below the first file where WhatsApp shows them there, and else before it."""
    words, first = message.text or "", message.files[0]
    is_caption = len(words) <= CAPTION_LIMIT and first["type"] in CAPTIONED
    parts = [] if is_caption else _texts(message, words)
    for file in message.files:
        said = words if is_caption and file is first else ""
        parts.append(replace(message, type=file["type"], text=said or None, media=file, files=(file,)))
    return parts


def _numbered(message: OutboundMessage, parts: list[OutboundMessage]) -> list[OutboundMessage]:
    if len(parts) == 1:
        return parts
    return [
        replace(part, metadata=part.metadata | {"part": place, "parts": len(parts), "part_of": message.genesys_message_id})
        for place, part in enumerate(parts, 1)
    ]


def _kept(part: OutboundMessage) -> OutboundMessage:
    """Its file gets an id, by which whoever sends it finds it."""
    return replace(part, media={**part.files[0], "file_id": str(new_id())}) if part.files else part


def _files(checked: Sequence[_Checked]) -> list[AttachedFile]:
    """Those that are to be loaded: of a message that waits, too."""
    return [
        AttachedFile(
            id=UUID(each.message.media["file_id"]),
            message_id=each.id,
            phone_number_id=each.conversation.phone_number_id,
            url=each.message.media["url"],
            mime_type=each.message.media.get("mime_type"),
            filename=each.message.media.get("filename"),
        )
        for each in checked
        if each.refusal is None and each.message.files and each.message.media
    ]


async def lock_with_windows(conn: Connection, tenant: TenantId, ids: Sequence[UUID], now: datetime) -> dict[UUID, Conversation]:
    """With the customers' windows on their numbers, should another conversation of theirs have a newer one."""
    conversations = await conversation_store.lock_many(conn, tenant, ids)
    keys = {(each.phone_number_id, each.contact_id) for each in conversations.values() if not each.takes_free_text(now)}
    windows = await conversation_store.find_windows(conn, tenant, sorted(keys)) if keys else {}
    return {
        key: replace(each, window_from=windows.get((each.phone_number_id, each.contact_id), each.window_from))
        for key, each in conversations.items()
    }


async def _behind_what_waits(conn: Connection, tenant: TenantId, checked: Sequence[_Checked], now: datetime) -> list[_Checked]:
    """What was held leaves a moment after its customer wrote: what is said in that moment must not overtake it."""

    def may_overtake(each: _Checked) -> bool:
        return each.refusal is None and not each.waits and each.message.type != "template"

    keys = {each.key for each in checked if may_overtake(each)}
    queues = await planned_store.find_queues(conn, tenant, sorted(keys), now) if keys else {}
    if not queues:
        return list(checked)
    return [
        replace(each, waits=True, due_at=queues[each.key]) if may_overtake(each) and each.key in queues else each
        for each in checked
    ]


async def _with_announcements(
    conn: Connection, tenant: TenantId, settings: TenantSettings, checked: Sequence[_Checked]
) -> tuple[list[_Checked], dict[Key, UUID]]:
    """Before the first of what waits for a customer, the template that asks them to write; once, however much waits.

    With the message that asks each of them.
    """
    template = settings.window_template
    assert template is not None, "the settings are checked so"
    keys = {each.key for each in checked if each.waits and each.due_at is None}
    asks = await planned_store.find_asked(conn, tenant, sorted(keys)) if keys else {}
    found: list[_Checked] = []
    for each in checked:
        if each.waits and each.due_at is None and each.key not in asks:
            asks[each.key] = new_id()
            message = closed_window.announcement(each.message, template)
            found.append(replace(each, id=asks[each.key], message=message, is_last=False, waits=False))
            found.append(replace(each, change=None))
        else:
            found.append(each)
    return found, asks


def _plan(checked: _Checked, asked_by: UUID | None, settings: TenantSettings, now: datetime) -> PlannedMessage:
    planned = closed_window.plan_of(checked.id, checked.message, checked.conversation, settings.hold_ttl, now)
    if checked.due_at is not None:
        return replace(planned, due_at=checked.due_at)
    return planned if asked_by is None else replace(planned, request=planned.request | {"asked_by": str(asked_by)})


def _check(
    copy: _Copy,
    conversations: dict[UUID, Conversation],
    recipients: Mapping[UUID, Recipient],
    groups: Mapping[UUID, Group],
    settings: TenantSettings,
    now: datetime,
) -> list[_Checked]:
    """The parts of a message with what is to become of them; who speaks in its conversation from here on is written there."""
    conversation = conversations[copy.conversation_id]
    recipient = recipients.get(conversation.contact_id) or Recipient(None)
    address = recipient.find_address(conversation.wa_id, conversation.user_id)
    user_id = address.user_id if address is not None else None
    user_id = user_id or (recipient.user_ids[-1] if recipient.user_ids else None)
    message, waits = copy.message, False
    refusal = refusal_of(message, conversation, address, now, groups.get(conversation.contact_id))
    if refusal is not None and refusal.reason is Reason.WINDOW_CLOSED and address is not None:
        message, waits, refusal = _outside_window(message, settings, refusal)
    change: Handover | None = None
    if refusal is None:
        match control.speak(conversation, control.GENESYS):
            case Rejected() as error:
                refusal = Refusal(error.reason, error.message)
            case Handover() as change:
                conversations[copy.conversation_id] = change.made_in(conversation)
    parts = [_kept(each) for each in parts_of(message)] if refusal is None else [message]
    return [
        _Checked(
            index=copy.index,
            id=message_id,
            message=part,
            conversation=conversation,
            address=address,
            refusal=refusal,
            user_id=user_id,
            change=change if part is parts[0] else None,
            is_last=part is parts[-1],
            waits=waits,
        )
        for part, message_id in zip(parts, copy.ids[-len(parts) :], strict=True)
    ]


def _outside_window(
    message: OutboundMessage, settings: TenantSettings, refusal: Refusal
) -> tuple[OutboundMessage, bool, Refusal | None]:
    """The message as it goes out, whether it waits for the customer instead, or why neither."""
    if settings.window_policy == "hold":
        return message, True, None
    template = settings.window_template if settings.window_policy == "template" else None
    if template is None:
        return message, False, refusal
    if not closed_window.takes_text(template):
        return message, True, None
    said = closed_window.in_template(message, template)
    return (message, False, refusal) if said is None else (said, False, None)


def _row(checked: _Checked, now: datetime) -> MessageRow:
    message, conversation, refusal = checked.message, checked.conversation, checked.refusal
    return MessageRow(
        id=checked.id,
        conversation_id=conversation.id,
        direction=Direction.OUTBOUND,
        status=Status.QUEUED if refusal is None else Status.FAILED,
        genesys_message_id=message.genesys_message_id if checked.is_last else None,
        type=message.type,
        text=message.text,
        content=message.content,
        media=message.media,
        sender=message.integration_id,
        origin=message.origin,
        sent_at=message.sent_at,
        failed_at=None if refusal is None else now,
        error=None if refusal is None else {"code": refusal.reason, "title": refusal.message},
        metadata=message.metadata | ({"composed": True} if message.composed else {}),
    )


def _event(checked: _Checked, settings: TenantSettings, now: datetime) -> Event:
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
            message_id=checked.id,
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
        message_id=checked.id,
        genesys_message_id=message.genesys_message_id if checked.is_last else None,
        # The id as the platform last gave it in this conversation is the one to answer to, never a normalised number.
        wa_id=checked.address.wa_id if checked.address is not None else None,
        user_id=checked.user_id,
        group_id=checked.address.group_id if checked.address is not None else None,
        conversation_id=public_id,
        message_type=message.type,
        message_text=message.text,
        media=message.media,
        content=message.content,
        composed=message.composed,
    )


def _activity(checked: Sequence[_Checked], now: datetime) -> dict[UUID, Activity]:
    """Outbound messages are activity, but do not move the customer window. Refused ones are none."""
    activity: dict[UUID, Activity] = {}
    for each in checked:
        if each.refusal is not None:
            continue
        before = activity.get(each.conversation.id)
        change = each.change
        activity[each.conversation.id] = Activity(
            contact_id=each.conversation.contact_id,
            phone_number_id=each.conversation.phone_number_id,
            wa_id=None,
            at=now,
            message_at=each.message.sent_at,
            message_id=each.message.genesys_message_id,
            preview=preview_of(each.message.text),
            controller=change.controller if change is not None else before.controller if before is not None else None,
            control_holder=change.holder if change is not None else before.control_holder if before is not None else None,
            control_epoch=change.epoch if change is not None else before.control_epoch if before is not None else None,
        )
    return activity


def _learned(checked: Sequence[_Checked]) -> dict[UUID, tuple[str, str | None]]:
    """Conversations that this message, overtaking our delivery's answer, is the first to name by Genesys' id."""
    return {
        conversation.id: (message.conversation_id, None)
        for message, conversation in ((each.message, each.conversation) for each in checked)
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
