"""A conversation as people see it, read by either platform's id."""

from datetime import datetime
from hashlib import sha256

from waystate.conversations import store
from waystate.conversations.bodies import ConversationAnswer, render_conversation
from waystate.conversations.model import Conversation, Described, conversation_not_found
from waystate.db.pool import Connection
from waystate.documents import dump
from waystate.groups import store as group_store
from waystate.groups.bodies import render_group
from waystate.ids import TenantId
from waystate.preferences import store as preference_store


async def get_shown(conn: Connection, tenant: TenantId, name: str) -> Conversation:
    (found,) = await store.find_shown(conn, tenant, [name])
    if found is None:
        raise conversation_not_found(name)
    return found


async def render_shown(conn: Connection, tenant: TenantId, shown: Conversation, now: datetime) -> ConversationAnswer:
    """With the customer's window, what they want of marketing, and whether they are a group."""
    key = (shown.phone_number_id, shown.contact_id)
    windows = await store.find_windows(conn, tenant, [key])
    said = (await preference_store.find_many(conn, tenant, [key])).get(key)
    group = await group_store.find_with_participants(conn, tenant, shown.contact_id)
    return render_conversation(shown, windows, now, said, None if group is None else render_group(*group))


def etag_of(conversation: Conversation, now: datetime) -> str:
    """Of what may be edited alone: a message changes it not, unless by it a conversation waits no more."""
    shown = conversation.shown or Described()
    fields = [shown.subject, shown.tags, shown.metadata, conversation.effective_status(now)]
    return f'"{sha256(dump(fields).encode()).hexdigest()[:20]}"'
