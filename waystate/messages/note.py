"""What WhatsApp tells beside what customers write: kept with the conversation that is open, it opens and moves nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.lifecycle import IdentityChange
from waystate.contacts.model import PHONE, IdentityKind, Writer, group_of, person_of
from waystate.contacts.spellings import other_identities
from waystate.conversations import store as conversation_store
from waystate.conversations.merge import merge_many
from waystate.conversations.model import Conversation, OpenedConversation
from waystate.db.pool import Connection
from waystate.events.model import ContactUpdated, Event, InboundEnriched
from waystate.groups import store as group_store
from waystate.groups.model import Spoken
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.model import InboundMessage, Status
from waystate.messages.receive import first_copies, received, rows_of, writer_of
from waystate.planned import store as planned_store
from waystate.tenants.model import TenantSettings

NOTES = {
    "system": "WhatsApp says it of a customer, who wrote nothing",
    "request_welcome": "a customer opened the chat and wrote nothing",
    "edit": "a customer changed what they had written",
    "revoke": "a customer took back what they had written",
}
"""By the message's type, why it is no message of a customer: it moves no customer window and opens no conversation."""

_FOR_AGENTS = frozenset({"edit", "revoke"})
"""An agent who reads what the customer wrote is told that it holds no more."""


def is_note(message: InboundMessage) -> bool:
    return message.type in NOTES


async def find_writers(conn: Connection, tenant: TenantId, messages: Sequence[InboundMessage]) -> dict[str, UUID]:
    """wamid → the contact whose note it is, by the ids that they had then; of somebody unknown nothing is said.

    A change that WhatsApp tells is its person's by what they had before, or else by the new user id.
    """
    people: list[tuple[str, Writer]] = []
    for message in messages:
        change = change_of(message)
        if change is None:
            people.append((message.wamid, writer_of(message)))
        else:
            people.append((message.wamid, Writer(change.before, at=change.at)))
            users = tuple(each for each in change.after if each.kind is IdentityKind.BSUID)
            people.append((message.wamid, Writer(users, at=change.at)))
    past = await contact_store.find_past(conn, tenant, {each for _, person in people for each in person.identities})
    writers: dict[str, UUID] = {}
    for wamid, person in people:
        if wamid not in writers and (contact := past.find_writer(person)) is not None:
            writers[wamid] = contact
    return writers


async def find_spoken(
    conn: Connection, tenant: TenantId, messages: Sequence[InboundMessage], writers: Mapping[str, UUID]
) -> dict[str, Spoken]:
    """wamid → group and writer, of notes of the groups that are known; nobody becomes part of a group by a note."""
    named = {each.wamid: group_of(each.group_id).identities[0] for each in messages if each.group_id is not None}
    if not named:
        return {}
    owners, _ = await contact_store.find_many(conn, tenant, set(named.values()))
    groups = await group_store.find_many(conn, tenant, set(owners.values()))
    known = {wamid: groups[owners[each]] for wamid, each in named.items() if each in owners and owners[each] in groups}
    return {wamid: Spoken(group, writers[wamid]) for wamid, group in known.items() if wamid in writers}


async def note_many(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    messages: Sequence[InboundMessage],
    writers: Mapping[str, UUID],
    now: datetime,
    spoken: Mapping[str, Spoken] | None = None,
) -> tuple[list[UUID | None], list[InboundEnriched]]:
    """The conversation that each is kept with, None where the writer has none open on the number; and the events of it.

    `writers`: as `find_writers` says, asked before the changes that came behind were worked on; `spoken`: as `find_spoken`
    says, of what was said in groups, which is kept with the group's conversation.
    In the caller's transaction, which appends the events. What came before is kept once.
    """
    said = spoken or {}
    homes = {
        each.wamid: said[each.wamid].group.contact_id if each.wamid in said else writers[each.wamid]
        for each in messages
        if each.wamid in writers and (each.group_id is None or each.wamid in said)
    }
    found = await _find_conversations(conn, tenant, messages, homes, now)
    kept = [None if each is None else each.id for each in found]
    open_ones = {each.id: each for each in found if each is not None}
    if not open_ones:
        return kept, []
    at_home = {message.wamid: each for message, each in zip(messages, found, strict=True) if each is not None}
    copies = first_copies([message for message in messages if message.wamid in at_home])
    ids = {message.wamid: new_id() for message in copies}
    claimed = await message_store.claim_many(conn, tenant, "whatsapp", dict(sorted(ids.items())))
    # Events follow one another under the conversation's lock.
    locked = await conversation_store.lock_many(conn, tenant, sorted(open_ones))
    sent = [(message, at_home[message.wamid].contact_id) for message in copies if message.wamid in claimed]
    opened = {(message.phone_number_id, contact): _as_opened(locked[at_home[message.wamid].id]) for message, contact in sent}
    rows = rows_of(sent, opened, ids, said)
    for row in rows:
        row.status = Status.RECEIVED if row.type in _FOR_AGENTS else Status.PROCESSED
    if rows:
        await message_store.insert_many(conn, tenant, rows)
    told = [each for each in sent if each[0].type in _FOR_AGENTS]
    return kept, received(told, opened, ids, settings, now, said)


def change_of(message: InboundMessage) -> IdentityChange | None:
    """The change of ids that a system message tells: of the phone (`wa_id`, once `new_wa_id`), or of the user id, or of both.

    Types that are not known yet are read alike where they name a user id before and one from then on. All fields but the new id
    may be missing. https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages/system
    """
    if message.type != "system":
        return None
    told = {key: value for key, value in message.content.items() if isinstance(value, str) and value}
    is_of_phone = "new_wa_id" in told or told.get("type", "").endswith("changed_number")
    phone = (told.get("wa_id") or told.get("new_wa_id")) if is_of_phone else None
    is_of_user = is_of_phone or "previous_user_id" in told or told.get("type", "").endswith("changed_user_id")
    user = told.get("user_id") if is_of_user else None
    after = person_of(phone if phone and PHONE.fullmatch(phone) else None, user).identities
    before = (
        *person_of(message.wa_id, told.get("previous_user_id")).identities,
        *person_of(told.get("customer"), message.user_id).identities,
    )
    spelled = other_identities(before).values()
    before = tuple(dict.fromkeys(each for each in (*before, *spelled) if each not in after))
    return IdentityChange(before, after, message.sent_at) if before and after else None


async def change_many(conn: Connection, tenant: TenantId, messages: Sequence[InboundMessage], now: datetime) -> list[Event]:
    """Give customers the ids that they have from then on, in the caller's transaction, which appends the events.

    Of somebody who is not known nothing is made. What came before has no effect again.
    """
    changes = {message.wamid: (message, change) for message in messages if (change := change_of(message)) is not None}
    before = {each for _, change in changes.values() for each in change.before}
    known, _ = await contact_store.find_many(conn, tenant, before) if before else ({}, {})
    keys = {f"change:{wamid}": each for wamid, each in changes.items() if any(before in known for before in each[1].before)}
    claimed = (
        await message_store.claim_many(conn, tenant, "whatsapp", {key: new_id() for key in sorted(keys)}) if keys else set()
    )
    events: list[Event] = []
    for key, (message, change) in keys.items():
        if key in claimed:
            events += await _change(conn, tenant, message.phone_number_id, change, now)
    return events


async def _change(
    conn: Connection, tenant: TenantId, phone_number_id: str, change: IdentityChange, now: datetime
) -> list[Event]:
    owners = await contact_store.lock_identities(conn, tenant, change.before)
    known = change.find_known(owners, await contact_store.find_leading(conn, tenant, owners.values()))
    if known is None:
        return []
    person = Writer((known, *change.after), at=change.at, attested=frozenset(change.after))
    heard = partial(conversation_store.find_last_heard, conn, tenant)
    resolved = await contact_store.upsert_many(
        conn, tenant, [person], now, partial(message_store.find_last_written, conn, tenant), heard
    )
    (contact,) = resolved.contacts
    events: list[Event] = []
    if resolved.merged:
        events = await merge_many(conn, tenant, resolved.merged, phone_number_id, now, planned_store.move_many)
    if left := {(owner, phone.external_id) for owner, phone in resolved.left}:
        await conversation_store.leave_phones(conn, tenant, left, [contact])
    held = (await contact_store.find_recipients(conn, tenant, [contact]))[contact]
    phone = next((each.external_id for each in change.after if each.external_id in held.wa_ids), None)
    user = next((each.external_id for each in change.after if each.external_id in held.user_ids), None)
    ended = change.ended(held.identities)
    await contact_store.close_many(conn, tenant, contact, ended, change.at, phone)
    await conversation_store.readdress(conn, tenant, contact, ended=ended, wa_id=phone, user_id=user)
    return [*events, ContactUpdated(contact_id=contact, phone_number_id=phone_number_id, at=now, wa_id=phone, user_id=user)]


async def _find_conversations(
    conn: Connection,
    tenant: TenantId,
    messages: Sequence[InboundMessage],
    homes: Mapping[str, UUID],
    now: datetime,
) -> list[Conversation | None]:
    """The open one on the number of whose it is (`homes`)."""
    if not homes:
        return [None] * len(messages)
    merged = await contact_store.find_survivors(conn, tenant, set(homes.values()))
    keys = [
        (message.phone_number_id, merged.get(home, home)) if (home := homes.get(message.wamid)) is not None else None
        for message in messages
    ]
    wanted = sorted({key for key in keys if key is not None})
    rows = await conversation_store.find_latest_many(conn, tenant, wanted)
    open_of = {key: row for key, row in zip(wanted, rows, strict=True) if row is not None and row.is_open(now)}
    return [None if key is None else open_of.get(key) for key in keys]


def _as_opened(conversation: Conversation) -> OpenedConversation:
    return OpenedConversation(
        id=conversation.id,
        genesys_conversation_id=conversation.genesys_conversation_id,
        is_new=False,
        controller=conversation.controller,
        control_epoch=conversation.control_epoch,
        is_queued_here=conversation.is_queued_here,
    )
