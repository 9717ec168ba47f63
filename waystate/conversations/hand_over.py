"""A conversation goes into other hands: one lock, one event, one controller, and nothing that its former holder said leaves."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from waystate.conversations import store
from waystate.conversations.control import Controller, SpeakerKind, goes_to_genesys
from waystate.conversations.model import Conversation, ConversationStatus, Placed
from waystate.db.pool import Connection
from waystate.events.model import ConversationAssigned, ConversationReleased, ConversationTransferred, Event
from waystate.ids import TenantId
from waystate.people import store as people_store

Silence = Callable[[Connection, TenantId, Collection[tuple[UUID, str]], datetime], Awaitable[list[Event]]]
"""Fails what is not under way of what was said in conversations by those who lost the word there; the events."""
BY_TIME = "system"
"""Whose deed it is that nobody did."""


@dataclass(frozen=True, slots=True)
class HandedOn:
    """A conversation that is locked, how it stands from now on, and the event of that."""

    conversation: Conversation
    placed: Placed
    event: ConversationAssigned | ConversationTransferred | ConversationReleased


def with_person(conversation: Conversation, user_id: UUID) -> Placed:
    """A person has it, whatever queue it came from."""
    holder = f"{SpeakerKind.PERSON}:{user_id}"
    return _placed(conversation, Controller.AGENT, holder, user_id, conversation.queue_id, ConversationStatus.ACTIVE)


def in_queue(conversation: Conversation, queue_id: UUID) -> Placed:
    """Nobody has it, and it waits for one of the queue."""
    return _placed(conversation, Controller.NONE, None, None, queue_id, ConversationStatus.WAITING)


def at_genesys(conversation: Conversation) -> Placed:
    """Genesys has it, and no queue of people here."""
    return _placed(conversation, Controller.EXTERNAL, SpeakerKind.GENESYS.value, None, None, ConversationStatus.ACTIVE)


def with_nobody(conversation: Conversation) -> Placed:
    """It waits where it came from."""
    if conversation.queue_id is not None:
        return in_queue(conversation, conversation.queue_id)
    return _placed(conversation, Controller.NONE, None, None, None, ConversationStatus.ACTIVE)


def is_so(conversation: Conversation, placed: Placed) -> bool:
    """Whether it stands like that already."""
    return (conversation.controller, conversation.control_holder, conversation.queue_id) == (
        placed.controller,
        placed.holder,
        placed.queue_id,
    )


def describe(
    conversation: Conversation, placed: Placed, by: str, now: datetime, *, is_queued_here: bool, is_for_genesys: bool = False
) -> dict[str, Any]:
    """The fields of a `HandedOver`. `is_queued_here`: of the queue in which it is from now on.

    `is_for_genesys`: it was passed on to Genesys, which is to hear of the customer even if they wait for no answer."""
    before = goes_to_genesys(conversation.controller, is_queued_here=conversation.is_queued_here)
    after = goes_to_genesys(placed.controller, is_queued_here=is_queued_here)
    since = conversation.waiting_since or (conversation.last_customer_message_at if is_for_genesys else None)
    return {
        "mapping_id": conversation.id,
        "contact_id": conversation.contact_id,
        "phone_number_id": conversation.phone_number_id,
        "at": now,
        "wa_id": conversation.wa_id,
        "by": by,
        "controller": placed.controller,
        "holder": placed.holder,
        "former_holder": conversation.control_holder,
        "control_epoch": placed.epoch,
        "assignee_id": placed.assignee_id,
        "queue_id": placed.queue_id,
        "genesys_gets_since": since if after and not before else None,
    }


async def hand_over(
    conn: Connection, tenant: TenantId, handed: Sequence[HandedOn], silence: Silence, now: datetime
) -> list[Event]:
    """In the caller's transaction, which appends the events."""
    await store.place_many(conn, tenant, [each.placed for each in handed], now)
    lost = [
        (each.conversation.id, former)
        for each in handed
        if (former := each.conversation.control_holder) is not None and former != each.placed.holder
    ]
    silenced = await silence(conn, tenant, lost, now) if lost else []
    return [*(each.event for each in handed), *silenced]


async def end_leases(
    conn: Connection, tenant: TenantId, lease: timedelta, silence: Silence, now: datetime, batch: int
) -> tuple[list[Event], int]:
    """Whoever did nothing for so long, or is nobody here any more, has their conversations no more.

    In the caller's transaction, which appends the events. Returns how many conversations that were, at most `batch`.
    """
    ids = await store.lock_leases(conn, tenant, now - lease, batch)
    locked = await store.lock_many(conn, tenant, ids) if ids else {}
    people = {each.assigned_user_id for each in locked.values() if each.assigned_user_id is not None}
    here = await people_store.find_colleagues(conn, people)
    handed = []
    for each in locked.values():
        placed = with_nobody(each)
        reason: Literal["lease_ended", "left"] = "lease_ended" if each.assigned_user_id in here else "left"
        said = describe(each, placed, BY_TIME, now, is_queued_here=each.is_queued_here)
        handed.append(HandedOn(each, placed, ConversationReleased(**said, reason=reason)))
    return (await hand_over(conn, tenant, handed, silence, now) if handed else []), len(ids)


def _placed(
    conversation: Conversation,
    controller: Controller,
    holder: str | None,
    assignee_id: UUID | None,
    queue_id: UUID | None,
    status: ConversationStatus,
) -> Placed:
    """An error of the platform stays until somebody says that it is over."""
    return Placed(
        id=conversation.id,
        controller=controller,
        holder=holder,
        epoch=conversation.control_epoch + 1,
        assignee_id=assignee_id,
        queue_id=queue_id,
        status=ConversationStatus.ERROR if conversation.status is ConversationStatus.ERROR else status,
    )
