"""Takes what a business says: addressed, allowed, and queued for WhatsApp, or planned."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.channels.whatsapp.outgoing import is_free_form
from waystate.channels.whatsapp.render import render_composed, render_outbound
from waystate.channels.whatsapp.template import has_code
from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Recipient
from waystate.conversations import control
from waystate.conversations import store as conversation_store
from waystate.conversations.control import Controller, Handover, SpeakerKind
from waystate.conversations.model import (
    EVERYTHING,
    Activity,
    Conversation,
    Sight,
    is_window_open,
    preview_of,
    public_conversation_id,
)
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.deliveries.withdraw import fail_displaced
from waystate.documents import JsonObject
from waystate.errors import Conflict, Refused, Rejected, Unprocessable
from waystate.events.model import Event, OutboundProcessed
from waystate.groups import store as group_store
from waystate.groups.model import Group
from waystate.ids import TenantId, find_uuid, new_id
from waystate.keys import store as key_store
from waystate.messages import store as message_store
from waystate.messages.model import Direction, Status
from waystate.messages.store import SAID, MessageRow
from waystate.people import store as people_store
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage, told_of_planned
from waystate.sends.addressees import Addressee, find_addressees, find_named_address, refuse_hidden, window_closed
from waystate.sends.approved import Missed, judge_templates, refuse_unwanted
from waystate.sends.files import judge_files
from waystate.sends.model import Draft, Posted, SendOutcome, Waiting
from waystate.sends.opening import OpenedMany, open_and_lock_many
from waystate.tenants.routing import TenantView

LONGEST_PLAN = timedelta(days=30)
"""How far ahead a message may be planned."""
LATE = timedelta(minutes=5)
"""A time that passed no longer ago means now: clocks differ, and requests take their time."""


@dataclass(slots=True)
class PostedMany:
    """One result a draft, in their order, the events to append, and templates that are worth another look."""

    results: list[SendOutcome | Refused]
    events: list[Event]
    missed: Missed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Allowed:
    """A draft that may be sent, in a conversation that is locked."""

    place: int
    id: UUID
    draft: Draft
    conversation: Conversation
    address: Address
    change: Handover | None
    reply_to: str | None


async def post_many(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    drafts: Sequence[Draft],
    now: datetime,
    sight: Sight = EVERYTHING,
) -> PostedMany:
    """In the caller's transaction, which appends the events. What is refused has no effect; the rest goes out in its order."""
    addressees = await find_addressees(conn, tenant, view, drafts, now)
    addressees = await refuse_hidden(conn, tenant, drafts, addressees, sight, now)
    results: list[SendOutcome | Refused | None] = [each if isinstance(each, Refused) else None for each in addressees]
    wamids = await _find_wamids(conn, tenant, drafts)
    windows = await _find_windows(conn, tenant, addressees)
    templates = await judge_templates(conn, tenant, view, drafts, addressees, now)
    unwanted = await refuse_unwanted(conn, tenant, addressees, templates.categories)
    unusable = {**unwanted, **await judge_files(conn, tenant, drafts), **templates.refused}
    waiting: dict[int, PlannedMessage] = {}
    sendable: dict[int, Addressee] = {}
    for place, (draft, addressee) in enumerate(zip(drafts, addressees, strict=True)):
        if isinstance(addressee, Refused):
            continue
        judged = unusable.get(place) or _judge(draft, addressee.key, windows, wamids, view, now)
        match judged:
            case Refused():
                results[place] = judged
            case PlannedMessage():
                waiting[place] = judged
            case None:
                sendable[place] = addressee
    await planned_store.insert_many(conn, tenant, list(waiting.values()))
    results = [_planned(waiting[place]) if place in waiting else each for place, each in enumerate(results)]
    events = []
    if sendable:
        events = await _queue(conn, tenant, view, drafts, sendable, results, wamids, templates.categories, now)
    told = told_of_planned(waiting.values(), now)
    return PostedMany([each for each in results if each is not None], [*told, *events], templates.missed)


def _planned(planned: PlannedMessage) -> Waiting:
    return Waiting(
        planned_id=planned.id,
        contact_id=planned.contact_id,
        phone_number_id=planned.phone_number_id,
        send_at=planned.send_at,
        expires_at=planned.expires_at,
    )


def _judge(
    draft: Draft, key: Key, windows: Mapping[Key, datetime], wamids: Mapping[UUID, str], view: TenantView, now: datetime
) -> Refused | PlannedMessage | None:
    """What can be said before anything is locked: refused, to be planned, or None: to be sent now."""
    if refused := _find_fault(draft, view, wamids, now):
        return refused
    if draft.send_at is not None and draft.send_at > now:
        return _plan(draft, key, now, send_at=draft.send_at, expires_at=draft.send_at + view.settings.hold_ttl)
    if is_window_open(windows.get(key), now) or not is_free_form(draft.type):
        return None
    if draft.may_wait and (draft.holds or view.settings.window_policy == "hold"):
        return _plan(draft, key, now, send_at=None, expires_at=now + view.settings.hold_ttl)
    return window_closed()


def _find_fault(draft: Draft, view: TenantView, wamids: Mapping[UUID, str], now: datetime) -> Refused | None:
    if draft.send_at is not None and draft.send_at > now + LONGEST_PLAN:
        return Unprocessable("plan_too_far", f"`sendAt` may be {LONGEST_PLAN.days} days ahead at most. Choose a nearer time.")
    if draft.send_at is not None and draft.send_at < now - LATE:
        return Unprocessable("plan_in_the_past", "`sendAt` has passed. Leave it out to send now, or correct it and its zone.")
    for field, named in (("replyTo", draft.reply_to), ("reaction.messageId", draft.reacts_to)):
        own = find_uuid(named) if named is not None else None
        if own is not None and own not in wamids:
            return Unprocessable(
                "message_unknown_at_whatsapp",
                f"`{field}` names message {own}, which WhatsApp does not know (yet). Name one that was sent or received.",
            )
    return None


def _plan(draft: Draft, key: Key, now: datetime, *, send_at: datetime | None, expires_at: datetime) -> PlannedMessage:
    number, contact = key
    return PlannedMessage(
        id=new_id(),
        contact_id=contact,
        phone_number_id=number,
        send_at=send_at,
        due_at=send_at,
        expires_at=expires_at,
        request={
            "to": draft.to,
            "type": draft.type,
            "content": draft.content,
            "text": draft.text,
            "reply_to": draft.reply_to,
            "reacts_to": draft.reacts_to,
            "metadata": draft.metadata,
            **({} if draft.media is None else {"media": draft.media}),
            **({} if draft.is_composed else {"is_composed": False}),
            **({"holds": True} if draft.holds else {}),
        },
        actor_kind=draft.actor.kind,
        actor_id=draft.actor.id,
        created_at=now,
    )


async def _find_wamids(conn: Connection, tenant: TenantId, drafts: Sequence[Draft]) -> dict[UUID, str]:
    """Of our ids that drafts name as what they quote or react to."""
    named = {each for draft in drafts for name in (draft.reply_to, draft.reacts_to) if name and (each := find_uuid(name))}
    return await message_store.find_wamids(conn, tenant, named) if named else {}


async def _find_windows(conn: Connection, tenant: TenantId, addressees: Sequence[Addressee | Refused]) -> dict[Key, datetime]:
    keys = {each.key for each in addressees if isinstance(each, Addressee)}
    return await conversation_store.find_windows(conn, tenant, sorted(keys)) if keys else {}


async def _queue(
    conn: Connection,
    tenant: TenantId,
    view: TenantView,
    drafts: Sequence[Draft],
    sendable: Mapping[int, Addressee],
    results: list[SendOutcome | Refused | None],
    wamids: Mapping[UUID, str],
    categories: Mapping[int, str],
    now: datetime,
) -> list[Event]:
    """Write the messages in the conversations that are open by then; `results` are filled in. Returns the events."""
    wanted = {each.key: drafts[place].to for place, each in sendable.items()}
    opened = await open_and_lock_many(conn, tenant, view, wanted, [each.conversation for each in sendable.values()], now)
    conversations = opened.conversations
    epochs = {key: each.control_epoch for key, each in conversations.items()}
    drafts = await _with_former_keys(conn, tenant, drafts, conversations.values())
    queues = await _find_queues(conn, tenant, drafts, sendable, now)
    behind: list[PlannedMessage] = []
    recipients = await contact_store.find_recipients(conn, tenant, [each.contact_id for each in conversations.values()])
    groups = await group_store.find_many(conn, tenant, [key for key, each in recipients.items() if each.group_id is not None])
    allowed: list[_Allowed] = []
    for place, addressee in sendable.items():
        conversation = conversations[addressee.key]
        recipient = recipients.get(conversation.contact_id) or Recipient(None)
        stands_behind = addressee.key in queues and _may_overtake(drafts[place])
        judged = _find_gone(groups.get(conversation.contact_id)) or _allow(
            place, _still_taking(drafts[place], epochs[addressee.key]), conversation, recipient, wamids, categories
        )
        if stands_behind and not drafts[place].may_wait:
            judged = _others_wait()
        if isinstance(judged, Refused):
            results[place] = judged
            continue
        if stands_behind:
            behind.append(_plan_behind(drafts[place], addressee.key, epochs[addressee.key], view, queues[addressee.key], now))
            results[place] = _planned(behind[-1])
            continue
        if judged.change is not None:
            conversations[addressee.key] = judged.change.made_in(conversation)
        allowed.append(judged)
        results[place] = _posted(judged, opened)
    await _name_agents(conn, results)
    await planned_store.insert_many(conn, tenant, behind)
    written = await _write(conn, tenant, view, allowed, now) if allowed else []
    return [*opened.events, *told_of_planned(behind, now), *written]


async def _name_agents(conn: Connection, results: Iterable[SendOutcome | Refused | None]) -> None:
    """Whoever is refused because a person here has the conversation is told that person's name."""
    refused = [each for each in results if isinstance(each, Refused) and each.extra.get("controller") == Controller.AGENT]
    held = [(each, find_uuid(str(each.extra["holder"]).partition(":")[2])) for each in refused]
    people = {user for _, user in held if user is not None}
    found = await people_store.find_colleagues(conn, people) if people else {}
    for each, user in held:
        person = found.get(user) if user is not None else None
        each.extra["assignee"] = None if person is None else {"id": str(person.id), "name": person.name}
        if person is not None:
            each.detail = each.detail.replace(f" ({each.extra['holder']})", f" ({person.name})")


def _find_gone(group: Group | None) -> Refused | None:
    gone = group.refusal() if group is not None else None
    return None if gone is None else Conflict(gone.reason, gone.message)


async def _with_former_keys(
    conn: Connection, tenant: TenantId, drafts: Sequence[Draft], conversations: Iterable[Conversation]
) -> Sequence[Draft]:
    """A key that replaces another one is the same service, which keeps its word."""
    keys = {each.speaker.id for each in drafts if each.speaker.kind is SpeakerKind.KEY and each.speaker.id is not None}
    holders = {key for each in conversations if (key := control.key_of(each)) is not None} - keys
    if not keys or not holders:
        return drafts
    related = await key_store.find_replaced(conn, tenant, keys | holders)
    return [replace(each, speaker=control.with_keys(each.speaker, related)) for each in drafts]


async def _find_queues(
    conn: Connection, tenant: TenantId, drafts: Sequence[Draft], sendable: Mapping[int, Addressee], now: datetime
) -> dict[Key, datetime]:
    """What was held leaves a moment after its customer wrote: what is said in that moment must not overtake it."""
    keys = {addressee.key for place, addressee in sendable.items() if _may_overtake(drafts[place])}
    return await planned_store.find_queues(conn, tenant, sorted(keys), now) if keys else {}


def _others_wait() -> Refused:
    return Conflict(
        "others_wait",
        "Messages that were held for this customer are leaving just now, and this one must not overtake them. Repeat it in a "
        "moment, or POST /v1/messages, where it waits behind them.",
    )


def _may_overtake(draft: Draft) -> bool:
    return is_free_form(draft.type) and not draft.has_waited


def _plan_behind(draft: Draft, key: Key, epoch: int, view: TenantView, due_at: datetime, now: datetime) -> PlannedMessage:
    """Whoever speaks is known still when its turn comes, and takes the word then, unless somebody took it since (`epoch`)."""
    planned = _plan(draft, key, now, send_at=None, expires_at=now + view.settings.hold_ttl)
    who = draft.speaker
    speaker = {"kind": who.kind, "id": who.id and str(who.id), "takes": who.takes, "leads": who.leads, "epoch": epoch}
    return replace(planned, due_at=due_at, request=planned.request | {"speaker": speaker})


def _posted(allowed: _Allowed, opened: OpenedMany) -> Posted:
    conversation = allowed.conversation
    return Posted(
        message_id=allowed.id,
        conversation_id=conversation.id,
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        is_new_conversation=conversation.id in opened.new,
    )


async def _write(
    conn: Connection, tenant: TenantId, view: TenantView, allowed: Sequence[_Allowed], now: datetime
) -> list[Event]:
    await message_store.insert_many(conn, tenant, [_row(each, now) for each in allowed])
    await conversation_store.touch_many(conn, tenant, _activity(allowed, now), ttl=view.settings.mapping_ttl, now=now)
    changes = [(each.conversation, each.change) for each in allowed if each.change is not None]
    displaced = control.displaced(changes)
    silenced = await fail_displaced(conn, tenant, displaced, now) if displaced else []
    await audit_store.append_many(conn, tenant, _taken(allowed, now))
    return [*control.changes_of(changes, now), *silenced, *[_event(each, view, now) for each in allowed]]


def _taken(allowed: Sequence[_Allowed], now: datetime) -> list[Entry]:
    """For the audit log: of conversations that a person took from another one."""
    return [
        Entry(
            actor=each.draft.actor,
            action="conversation.taken",
            subject=f"conversation:{each.conversation.id}",
            at=now,
            details={"former": each.change.former},
        )
        for each in allowed
        if each.change is not None and each.change.controller is Controller.AGENT and each.change.former is not None
    ]


def _still_taking(draft: Draft, epoch: int) -> Draft:
    """Somebody who took the word, and then waited while another one took it, has it no more."""
    if draft.said_in_epoch in (None, epoch):
        return draft
    return replace(draft, speaker=replace(draft.speaker, takes=False))


def _allow(
    place: int,
    draft: Draft,
    conversation: Conversation,
    recipient: Recipient,
    wamids: Mapping[UUID, str],
    categories: Mapping[int, str],
) -> _Allowed | Refused:
    category = categories.get(place)
    address = find_named_address(draft.to, recipient) or recipient.find_address(conversation.wa_id, conversation.user_id)
    if draft.type == "template" and recipient.wa_ids and has_code(draft.content, category):
        # WhatsApp delivers codes to phones alone.
        address = Address(wa_id=address.wa_id if address is not None and address.wa_id else recipient.wa_ids[-1])
    if address is None:
        return Conflict("recipient_moved", "The customer's number is another customer's by now. Wait until they write again.")
    speaker = draft.speaker if is_free_form(draft.type) else control.SYSTEM
    change = control.speak(conversation, speaker)
    if isinstance(change, Rejected):
        return Conflict(change.reason, change.message, controller=conversation.controller, holder=conversation.control_holder)
    reply_to = _wamid_of(draft.reply_to, wamids)
    if draft.reacts_to is not None:
        draft = replace(draft, content=draft.content | {"message_id": _wamid_of(draft.reacts_to, wamids)})
    allowed = _Allowed(
        place=place, id=new_id(), draft=draft, conversation=conversation, address=address, change=change, reply_to=reply_to
    )
    return _find_unsendable(allowed, category) or allowed


def _wamid_of(named: str | None, wamids: Mapping[UUID, str]) -> str | None:
    own = find_uuid(named) if named is not None else None
    return wamids[own] if own is not None else named


def _find_unsendable(allowed: _Allowed, category: str | None) -> Refused | None:
    """What cannot be said to that address, such as a code to somebody without a phone, or not in one message."""
    draft = allowed.draft
    said: dict[str, Any] = {
        "wa_id": allowed.address.wa_id,
        "user_id": allowed.address.user_id,
        "group_id": allowed.address.group_id,
        "message_id": allowed.id,
        "type": draft.type,
        "reply_to": allowed.reply_to,
    }
    try:
        if draft.is_composed:
            render_composed(**said, content=draft.content, category=category)
        else:
            render_outbound(**said, text=draft.text, media=draft.media)
    except Rejected as error:
        return Unprocessable(error.reason, error.message)
    return None


def _row(allowed: _Allowed, now: datetime) -> MessageRow:
    draft = allowed.draft
    return MessageRow(
        id=allowed.id,
        conversation_id=allowed.conversation.id,
        direction=Direction.OUTBOUND,
        status=Status.QUEUED,
        type=draft.type,
        text=draft.text,
        content=draft.content,
        media=draft.media,
        sender=draft.speaker.holder,
        sender_user_id=draft.actor.id if draft.actor.kind == "user" else None,
        origin=SAID,
        sent_at=now,
        metadata=draft.metadata | _about(allowed),
    )


def _about(allowed: _Allowed) -> JsonObject:
    """What it quotes; and who asked for what is said by the system."""
    actor = allowed.draft.actor
    about: JsonObject = {"reply_to": allowed.reply_to} if allowed.reply_to else {}
    if not allowed.draft.is_composed:
        about["composed"] = False
    if allowed.draft.speaker.kind is SpeakerKind.SYSTEM and actor.id is not None:
        about["asked_by"] = f"{'person' if actor.kind == 'user' else actor.kind}:{actor.id}"
    return about


def _activity(allowed: Sequence[_Allowed], now: datetime) -> dict[UUID, Activity]:
    activity: dict[UUID, Activity] = {}
    for each in allowed:
        before = activity.get(each.conversation.id)
        activity[each.conversation.id] = Activity(
            contact_id=each.conversation.contact_id,
            phone_number_id=each.conversation.phone_number_id,
            wa_id=None,
            at=now,
            message_at=now,
            message_id=str(each.id),
            preview=preview_of(each.draft.text),
            controller=each.change.controller if each.change else before.controller if before else None,
            control_holder=each.change.holder if each.change else before.control_holder if before else None,
            control_epoch=each.change.epoch if each.change else before.control_epoch if before else None,
            acted_at=now if _is_act(each) else before.acted_at if before else None,
        )
    return activity


def _is_act(allowed: _Allowed) -> bool:
    """Whether the person who has the conversation says it themselves: their lease counts from then on."""
    holder = allowed.change.holder if allowed.change else allowed.conversation.control_holder
    speaker = allowed.draft.speaker
    return speaker.kind is SpeakerKind.PERSON and speaker.holder == holder


def _event(allowed: _Allowed, view: TenantView, now: datetime) -> OutboundProcessed:
    draft, conversation = allowed.draft, allowed.conversation
    return OutboundProcessed(
        mapping_id=conversation.id,
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        at=now,
        wa_id=allowed.address.wa_id,
        user_id=allowed.address.user_id,
        group_id=allowed.address.group_id,
        message_id=allowed.id,
        conversation_id=public_conversation_id(
            view.settings.correlation, conversation.id, conversation.genesys_conversation_id
        ),
        message_type=draft.type,
        message_text=draft.text,
        content=draft.content,
        media=draft.media,
        reply_to=allowed.reply_to,
        composed=draft.is_composed,
    )
