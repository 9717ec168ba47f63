"""Whose conversation an agent's or bot's message belongs to: by its id, else by the customer it is addressed to."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from unicodedata import normalize
from uuid import UUID

import asyncpg

from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Identity, IdentityKind, Recipient
from waystate.contacts.spellings import other_identities
from waystate.conversations import store as conversation_store
from waystate.conversations.model import OPEN, Activity, Conversation
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.events.model import ConversationOpened, Event
from waystate.ids import TenantId, find_uuid
from waystate.messages import store as message_store
from waystate.messages.model import AgentTyping, OutboundMessage
from waystate.messages.receive import expired
from waystate.tenants.model import TenantSettings

_SCHEME = re.compile(r"^(?:whatsapp|tel|sms|phone)\s*:\s*(?://)?", re.IGNORECASE)
_PARAMETERS = re.compile(r";.*$", re.DOTALL)
_BETWEEN_DIGITS = re.compile(r"[\s().\-/\u2010-\u2015\u200e\u200f\u202a-\u202e\u2060-\u2069]")
_INTERNATIONAL = re.compile(r"[1-9][0-9]{6,14}")


async def find_conversations(
    conn: Connection, tenant: TenantId, messages: Sequence[OutboundMessage | AgentTyping], numbers: dict[str, str]
) -> list[Conversation | None]:
    """By conversation id; else by the customer it is addressed to, since a message can overtake our own delivery's answer."""
    found = await conversation_store.find_many(conn, tenant, [message.conversation_id or "" for message in messages])
    keys = await _find_addressed(conn, tenant, messages, found, numbers)
    latest = await conversation_store.find_latest_many(conn, tenant, list(keys.values())) if keys else []
    for index, conversation in zip(keys, latest, strict=True):
        found[index] = conversation
    return found


async def _find_addressed(
    conn: Connection,
    tenant: TenantId,
    messages: Sequence[OutboundMessage | AgentTyping],
    found: Sequence[Conversation | None],
    numbers: dict[str, str],
) -> dict[int, Key]:
    """By place the number and the contact of those that are not `found`, whose recipient is a contact."""
    addressed = {
        index: (numbers[message.integration_id or ""], message.recipient_id)
        for index, message in enumerate(messages)
        if found[index] is None and message.recipient_id and message.integration_id in numbers
    }
    if not addressed:
        return {}
    identities = {recipient: identities_of(recipient) for _, recipient in addressed.values()}
    owners, _ = await contact_store.find_many(conn, tenant, sorted({each for group in identities.values() for each in group}))
    named = {recipient: contact for recipient in identities if (contact := find_uuid(recipient)) is not None}
    survivors = await contact_store.find_survivors(conn, tenant, named.values()) if named else {}
    keys: dict[int, Key] = {}
    for index, (number, recipient) in addressed.items():
        contact = next((owners[each] for each in identities[recipient] if each in owners), None) or named.get(recipient)
        if contact is not None:
            keys[index] = (number, survivors.get(contact, contact))
    return keys


async def open_for_agentless(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    messages: Sequence[OutboundMessage],
    found: list[Conversation | None],
    numbers: dict[str, str],
    now: datetime,
) -> tuple[list[Conversation | None], list[Event]]:
    """A message to somebody known, in a conversation that is new at Genesys, opens one here where none is open.

    Of one that names a conversation that ended here, its agent is told so. A repeat opens nothing.
    """
    ended = [each is None or not each.is_open(now) for each in found]
    places = [place for place, each in enumerate(messages) if ended[place] and each.unshowable is None]
    named = await conversation_store.find_many(conn, tenant, [messages[each].conversation_id or "" for each in places])
    new = [place for place, each in zip(places, named, strict=True) if each is None]
    if not new:
        return found, []
    keys = await _find_addressed(conn, tenant, [messages[each] for each in new], [None] * len(new), numbers)
    known = await message_store.find_ids(conn, tenant, [messages[each].genesys_message_id for each in new], sources=["genesys"])
    wanted = {new[place]: key for place, key in keys.items() if messages[new[place]].genesys_message_id not in known}
    people = await contact_store.find_recipients(conn, tenant, {contact for _, contact in wanted.values()}) if wanted else {}
    wanted = {place: key for place, key in wanted.items() if key[1] in people}
    if not wanted:
        return found, []
    opened, events = await _open_many(conn, tenant, settings, set(wanted.values()), people, now)
    made = await conversation_store.find_many(conn, tenant, [str(opened[key]) for key in wanted.values()])
    by_place = dict(zip(wanted, made, strict=True))
    return [by_place.get(place, each) for place, each in enumerate(found)], events


async def _open_many(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    keys: set[Key],
    people: Mapping[UUID, Recipient],
    now: datetime,
) -> tuple[dict[Key, UUID], list[Event]]:
    addresses = {contact: people[contact].find_address(None, None) or Address() for _, contact in keys}
    activity = [
        Activity(
            contact_id=contact,
            phone_number_id=number,
            wa_id=addresses[contact].wa_id,
            user_id=addresses[contact].user_id,
            at=now,
        )
        for number, contact in sorted(keys)
    ]
    opened, overdue = await conversation_store.open_many(conn, tenant, activity, ttl=settings.mapping_ttl, now=now)
    events: list[Event] = [
        *expired(overdue, now),
        *(
            ConversationOpened(mapping_id=each.id, contact_id=contact, phone_number_id=number, at=now)
            for (number, contact), each in opened.items()
            if each.is_new
        ),
    ]
    return {key: each.id for key, each in opened.items()}, events


def identities_of(recipient: str) -> list[Identity]:
    """What a recipient may be known by, the likeliest first: as it is written, then the phone that it writes in another way."""
    phones = [Identity(IdentityKind.WA_ID, each) for each in dict.fromkeys((recipient, phone_of(recipient))) if each]
    return [*phones, Identity(IdentityKind.BSUID, recipient), *other_identities(phones).values()]


def phone_of(written: str) -> str | None:
    """Returns the digits of an international phone, as WhatsApp's ids are; None for what is none, or may lack its country.

    No country's code begins with 0, so 00 is the prefix of an international call.
    https://www.rfc-editor.org/rfc/rfc3966 (tel:), https://www.itu.int/rec/T-REC-E.164
    """
    bare = _PARAMETERS.sub("", _SCHEME.sub("", normalize("NFKC", written).strip()))
    if bare.startswith("("):
        return None  # an area's code
    digits = _BETWEEN_DIGITS.sub("", bare.replace("(0)", "") if bare.startswith(("+", "00")) else bare)
    digits = digits.removeprefix("+").removeprefix("00")
    return digits if _INTERNATIONAL.fullmatch(digits) else None


async def follow_merges(
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


async def check_not_merged(conn: Connection, tenant: TenantId, locked: Sequence[Conversation]) -> None:
    """Raises asyncpg.SerializationError, for the transaction to be run again, where one ended with its contact while it was
    waited for, and another one goes on."""
    ended = [each for each in locked if each.is_merged]
    keys = [(each.phone_number_id, each.contact_id) for each in ended]
    latest = await conversation_store.find_latest_many(conn, tenant, keys) if ended else []
    if any(each is not None and each.status in OPEN for each in latest):
        raise asyncpg.SerializationError("a conversation ended with its contact meanwhile; run it again")
