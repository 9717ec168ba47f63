"""What customers choose of what agents and bots offer them: by a tap, or in writing, which counts for the newest offer alone.

An offer waits for one answer, for a day: a number that a customer writes later is a number. It ends too where a person, or
another service, says something else, for then it is that which is answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from waystate.channels.genesys.content import Unshowable, offer_of, parts_of
from waystate.channels.offers import ChosenOption, Offer, find_by_id, find_typed
from waystate.channels.whatsapp.choices import find_chosen_id, find_interactive
from waystate.conversations.model import CUSTOMER_WINDOW
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import OpenOffer
from waystate.documents import JsonObject
from waystate.events.model import ConversationMerged, InboundEnriched, OutboundProcessed
from waystate.events.outbox import Stamped
from waystate.ids import TenantId
from waystate.messages import store as message_store

LONGEST_TYPED = 100
"""Characters of a text that may be a choice."""
References = Mapping[UUID, str | None]
"""By message the wamid of what it replies to."""
Quoted = Mapping[str, Mapping[str, Any]]
"""By wamid the message, as `messages.store.list_quoted` tells it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An offer that waits, what it offers, and Genesys' id of its message."""

    row: OpenOffer
    offer: Offer
    said_in: str | None


def find_offer(type: str, content: JsonObject) -> Offer | None:
    """What a message lets its customer choose; None where it is no structured one, or cannot be shown as one."""
    if type != "structured":
        return None
    try:
        return offer_of(*parts_of(content))
    except Unshowable:
        return None


def _find_offered(type: str, content: JsonObject) -> Offer | None:
    """The same also of a text that offers something: the last part of a structured message that was too long for one."""
    is_last_part = type == "text" and bool(content.get("content"))
    return find_offer("structured" if is_last_part else type, content)


def _is_numbered(type: str, offer: Offer, group_id: str | None) -> bool:
    """Whether the options stand in a text, as numbers."""
    return type != "structured" or find_interactive(offer, may_be_interactive=group_id is None) is None


async def take_answers(
    conn: Connection, tenant: TenantId, stamped: Sequence[Stamped], references: References, quoted: Quoted
) -> dict[UUID, ChosenOption]:
    """By message what it chooses, of those that choose something; offers are written down, and ended, on the way."""
    events = [
        each.event for each in stamped if isinstance(each.event, InboundEnriched | OutboundProcessed | ConversationMerged)
    ]
    said = [event for event in events if not isinstance(event, ConversationMerged)]
    conversations = {event.mapping_id for event in said if _may_concern_an_offer(event)}
    for event in events:
        if isinstance(event, ConversationMerged):
            conversations |= {event.mapping_id, event.into_mapping_id}
    if not conversations:
        return {}
    before = await delivery_store.lock_offers(conn, tenant, sorted(conversations))
    asked = await _read_offers(conn, tenant, before)
    made = {
        event.message_id: offer
        for event in said
        if isinstance(event, OutboundProcessed) and (offer := _offer_of(event)) is not None and offer.options
    }
    over = await _find_over(conn, tenant, said, made) if asked or made else set()
    answers: dict[UUID, ChosenOption] = {}
    for event in events:
        if isinstance(event, ConversationMerged):
            _carry(asked, event)
        elif isinstance(event, OutboundProcessed):
            _go_on(asked, event, made, over)
        elif (answer := _answer_of(event, asked.get(event.mapping_id), references, quoted)) is not None:
            waits = asked.get(event.mapping_id)
            if waits is not None and waits.said_in == answer.offered_in:
                del asked[event.mapping_id]
            assert event.message_id is not None
            answers[event.message_id] = answer
    after = {key: each.row for key, each in asked.items()}
    await delivery_store.drop_offers(conn, tenant, sorted(before.keys() - after.keys()))
    await delivery_store.note_offers(conn, tenant, [each for key, each in after.items() if before.get(key) != each])
    return answers


def _may_concern_an_offer(event: InboundEnriched | OutboundProcessed) -> bool:
    if isinstance(event, OutboundProcessed):
        return True
    return find_chosen_id(event.message_type, event.content) is not None or _is_short(event)


def _is_short(event: InboundEnriched) -> bool:
    return event.message_type == "text" and 0 < len(event.message_text or "") <= LONGEST_TYPED


def _offer_of(event: OutboundProcessed) -> Offer | None:
    return None if event.composed else _find_offered(event.message_type, event.content)


async def _read_offers(conn: Connection, tenant: TenantId, rows: Mapping[UUID, OpenOffer]) -> dict[UUID, _Asked]:
    contents = await message_store.list_said(conn, tenant, [each.message_id for each in rows.values()]) if rows else {}
    asked: dict[UUID, _Asked] = {}
    for key, row in rows.items():
        message = contents.get(row.message_id)
        offer = _find_offered(message["type"], message["content"]) if message is not None else None
        if message is not None and offer is not None:
            asked[key] = _Asked(row, offer, message["said_in"])
    return asked


async def _find_over(
    conn: Connection, tenant: TenantId, said: Sequence[InboundEnriched | OutboundProcessed], made: Mapping[UUID | None, Offer]
) -> set[UUID]:
    """Messages after which nobody's number answers an earlier offer: a person wrote them, or a service offers something."""
    others = {
        event.message_id: event
        for event in said
        if isinstance(event, OutboundProcessed) and event.message_id is not None and event.message_id not in made
    }
    about = await message_store.list_surroundings(conn, tenant, list(others)) if others else {}
    return {
        key
        for key, event in others.items()
        if (event.composed and event.message_type in ("interactive", "template"))
        or str((about.get(key) or {}).get("originatingEntity", "")).casefold() == "human"
    }


def _carry(asked: dict[UUID, _Asked], event: ConversationMerged) -> None:
    """What waits in a conversation that ended with its contact waits in the one that stays; of both the newer offer does."""
    waits, there = asked.pop(event.mapping_id, None), asked.get(event.into_mapping_id)
    if waits is not None and (there is None or there.row.at < waits.row.at):
        row = waits.row._replace(conversation_id=event.into_mapping_id)
        asked[event.into_mapping_id] = replace(waits, row=row)


def _go_on(asked: dict[UUID, _Asked], event: OutboundProcessed, made: Mapping[UUID | None, Offer], over: set[UUID]) -> None:
    """What is offered after this message."""
    offer = made.get(event.message_id)
    if offer is not None and event.message_id is not None:
        is_numbered = _is_numbered(event.message_type, offer, event.group_id)
        row = OpenOffer(event.mapping_id, event.message_id, is_numbered, event.at)
        asked[event.mapping_id] = _Asked(row, offer, event.genesys_message_id)
    elif event.message_id in over:
        asked.pop(event.mapping_id, None)


def _answer_of(event: InboundEnriched, asked: _Asked | None, references: References, quoted: Quoted) -> ChosenOption | None:
    """Of the message that it names; of the newest offer where it names none."""
    identifier = find_chosen_id(event.message_type, event.content)
    reference = references.get(event.message_id) if event.message_id is not None else None
    if reference is not None:
        message = quoted.get(reference)
        offer = _find_offered(message["type"], message["content"]) if message is not None else None
        said_in = message["said_in"] if message is not None else None
        is_numbered = message is not None and offer is not None and _is_numbered(message["type"], offer, event.group_id)
    else:
        offer, said_in = (asked.offer, asked.said_in) if asked is not None else (None, None)
        is_numbered = asked is not None and asked.row.is_numbered
        if identifier is None and asked is not None and event.at - asked.row.at > CUSTOMER_WINDOW:
            return None
    if offer is None:
        return None
    if identifier is not None:
        option = find_by_id(offer.options, identifier)
    else:
        option = find_typed(offer.options, event.message_text or "", is_numbered=is_numbered) if _is_short(event) else None
    return None if option is None else ChosenOption(option, said_in)
