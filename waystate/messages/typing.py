"""An agent or a bot types: the customer sees it, on the message that they wrote last, which is shown as read with it.

Not in a group, where WhatsApp documents no such sign. https://developers.facebook.com/docs/whatsapp/cloud-api/typing-indicators
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from waystate.conversations import control
from waystate.conversations import store as conversation_store
from waystate.conversations.control import Handover
from waystate.conversations.model import Conversation
from waystate.db.pool import Connection
from waystate.events.model import MessageMarkedRead
from waystate.groups import store as group_store
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.addressed import find_conversations
from waystate.messages.model import AgentTyping
from waystate.messages.send import lock_with_windows

SHOWN = timedelta(seconds=25)
"""How long WhatsApp shows it: what is later is of no use, and what comes within shows nothing new."""


async def show_many(
    conn: Connection, tenant: TenantId, typings: Sequence[AgentTyping], numbers: dict[str, str], now: datetime
) -> list[MessageMarkedRead | None]:
    """In the caller's transaction, which appends the events. None of one that is late, or that nobody could be shown."""
    fresh = [each for each in typings if now - each.typed_at < SHOWN]
    found = await find_conversations(conn, tenant, fresh, numbers) if fresh else []
    ids = sorted({each.id for each in found if each is not None})
    if not ids:
        return [None] * len(typings)
    locked = await lock_with_windows(conn, tenant, ids, now)
    groups = await group_store.find_many(conn, tenant, {each.contact_id for each in locked.values()})
    able = sorted(key for key, each in locked.items() if each.contact_id not in groups and _may_be_shown(each, now))
    last = await message_store.list_last_inbound(conn, tenant, able)
    shown = await conversation_store.note_typing(conn, tenant, sorted(last), now, before=now - SHOWN)
    events: dict[int, MessageMarkedRead] = {}
    for typing, conversation in zip(fresh, found, strict=True):
        if conversation is not None and conversation.id in shown:
            shown.discard(conversation.id)
            message_id, wamid = last[conversation.id]
            events[id(typing)] = MessageMarkedRead(
                mapping_id=conversation.id,
                contact_id=conversation.contact_id,
                phone_number_id=conversation.phone_number_id,
                at=now,
                wa_id=conversation.wa_id,
                message_id=message_id,
                wamid=wamid,
                typing=True,
            )
    return [events.get(id(each)) for each in typings]


def _may_be_shown(conversation: Conversation, now: datetime) -> bool:
    """Only of who could say something just now."""
    if not conversation.is_open(now) or not conversation.takes_free_text(now):
        return False
    return isinstance(control.speak(conversation, control.GENESYS), Handover | None)
