"""Reads conversations as they are shown, by either platform's id: with their customer, window and group."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from waystate.conversations import store
from waystate.conversations.bodies import ConversationAnswer, render_conversation
from waystate.conversations.model import EVERYTHING, Conversation, Described, Sight, conversation_not_found
from waystate.db.pool import Connection
from waystate.documents import dump
from waystate.groups import store as group_store
from waystate.groups.bodies import render_group
from waystate.ids import TenantId
from waystate.preferences import store as preference_store


async def get_shown(conn: Connection, tenant: TenantId, name: str, sight: Sight = EVERYTHING) -> Conversation:
    """Raises `conversation_not_found`, also of what is out of sight."""
    (found,) = await store.find_shown(conn, tenant, [name])
    if found is None or not sight.shows_one(found):
        raise conversation_not_found(name)
    return found


async def render_shown(conn: Connection, tenant: TenantId, shown: Conversation, now: datetime) -> ConversationAnswer:
    """With the customer's window, what they want of marketing, and whether they are a group."""
    (answer,) = await _render_many(conn, tenant, [shown], now)
    return answer


async def read_many(
    conn: Connection, tenant: TenantId, names: Sequence[str], now: datetime, sight: Sight = EVERYTHING
) -> dict[UUID, ConversationAnswer]:
    """By Waystate's id, in the order asked for; without what is not there or out of sight. Names are either platform's."""
    found = await store.find_shown(conn, tenant, names)
    shown = {each.id: each for each in found if each is not None and sight.shows_one(each)}
    return {each.id: each for each in await _render_many(conn, tenant, list(shown.values()), now)}


def etag_of(conversation: Conversation, now: datetime) -> str:
    """Of what may be edited alone: a message changes it not, unless by it a conversation waits no more."""
    shown = conversation.shown or Described()
    fields = [shown.subject, shown.tags, shown.metadata, conversation.effective_status(now)]
    return f'"{sha256(dump(fields).encode()).hexdigest()[:20]}"'


async def _render_many(
    conn: Connection, tenant: TenantId, shown: Sequence[Conversation], now: datetime
) -> list[ConversationAnswer]:
    if not shown:
        return []
    keys = {each.id: (each.phone_number_id, each.contact_id) for each in shown}
    windows = await store.find_windows(conn, tenant, set(keys.values()))
    said = await preference_store.find_many(conn, tenant, set(keys.values()))
    groups = await group_store.find_many(conn, tenant, {each.contact_id for each in shown})
    people = await group_store.list_participants(conn, tenant, groups) if groups else {}
    rendered = {contact: render_group(group, people.get(contact, ())) for contact, group in groups.items()}
    return [render_conversation(each, windows, now, said.get(keys[each.id]), rendered.get(each.contact_id)) for each in shown]
