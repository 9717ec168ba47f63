"""Conversations that end because Genesys ended them: once, and never one in which something was said since."""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import Enum
from uuid import UUID

from waystate.conversations import store
from waystate.conversations.control import goes_to_genesys
from waystate.conversations.model import Conversation, ConversationEnd
from waystate.db.pool import Connection
from waystate.events.model import ConversationClosed
from waystate.ids import TenantId


class NotClosed(Enum):
    """Why an end closes nothing, as a sentence."""

    UNKNOWN = "no conversation of this tenant is known by this id"
    DONE = "the conversation has ended already"
    NEWER = "something was said in the conversation since, so it goes on"
    ON_ITS_WAY = "a customer's message is still on its way to Genesys, so the conversation goes on"
    HELD_HERE = "a person here has the conversation, or a queue of people here, so it goes on"


async def close_ended(
    conn: Connection, tenant: TenantId, ends: Sequence[ConversationEnd], busy: Collection[UUID], now: datetime
) -> list[ConversationClosed | NotClosed]:
    """What each end comes to, in the caller's transaction, which appends the events.

    `busy`: conversations of which something has not reached Genesys yet.
    """
    found = await store.find_many(conn, tenant, [each.conversation_id for each in ends])
    locked = await store.lock_many(conn, tenant, sorted({each.id for each in found if each is not None}))
    latest: dict[UUID, ConversationEnd] = {}
    for end, each in zip(ends, found, strict=True):
        if each is None or each.id in busy or not _is_open(locked, each, now) or _is_held_here(locked, each):
            continue
        if each.id not in latest or end.ended_at > latest[each.id].ended_at:
            latest[each.id] = end
    closed = {row["id"]: row for row in await store.close_ended(conn, tenant, latest, now)} if latest else {}
    told: set[UUID] = set()
    results: list[ConversationClosed | NotClosed] = []
    for each in found:
        if each is None:
            results.append(NotClosed.UNKNOWN)
        elif each.id in closed and each.id not in told:
            told.add(each.id)
            results.append(_event(closed[each.id], latest[each.id], now))
        elif each.id in closed or not _is_open(locked, each, now):
            results.append(NotClosed.DONE)
        elif _is_held_here(locked, each):
            results.append(NotClosed.HELD_HERE)
        else:
            results.append(NotClosed.ON_ITS_WAY if each.id in busy else NotClosed.NEWER)
    return results


def _is_open(locked: dict[UUID, Conversation], conversation: Conversation, now: datetime) -> bool:
    """By what the lock found: it may have ended since it was looked for."""
    held = locked.get(conversation.id)
    return held is not None and held.is_open(now)


def _is_held_here(locked: dict[UUID, Conversation], conversation: Conversation) -> bool:
    """Genesys' conversation is over, as the one that somebody here took from it is not."""
    held = locked[conversation.id]
    return not goes_to_genesys(held.controller, is_queued_here=held.is_queued_here)


def _event(row: dict[str, object], end: ConversationEnd, now: datetime) -> ConversationClosed:
    return ConversationClosed.model_validate(
        {
            "mapping_id": row["id"],
            "contact_id": row["contact_id"],
            "phone_number_id": row["phone_number_id"],
            "wa_id": row["wa_id"],
            "at": now,
            "reason": end.reason,
            "genesys_conversation_id": row["genesys_conversation_id"],
            "ended_at": end.ended_at,
            "disconnect_type": end.disconnect_type,
        }
    )
