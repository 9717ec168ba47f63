"""A customer sees that what they wrote was read, and that an answer is being written."""

from datetime import datetime
from uuid import UUID

from waystate.db.pool import Connection
from waystate.errors import Conflict, NotFound
from waystate.events.model import MessageMarkedRead
from waystate.groups import store as group_store
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.model import Direction


async def mark_read(conn: Connection, tenant: TenantId, message_id: UUID, now: datetime, *, typing: bool) -> MessageMarkedRead:
    """The event, for the caller to append. It covers all that the customer wrote before.

    Nobody is shown typing to a group: WhatsApp documents no such sign there.
    """
    messages = await message_store.lock_many(conn, tenant, [message_id])
    message = messages.get(message_id)
    if message is None:
        raise NotFound("message_not_found", f"There is no message {message_id}.")
    if message.state.direction is not Direction.INBOUND or message.wamid is None:
        raise Conflict("not_inbound", "Only what a customer wrote can be shown as read; this is a message to them.")
    is_of_group = bool(await group_store.find_many(conn, tenant, [message.contact_id]))
    return MessageMarkedRead(
        mapping_id=message.conversation_id,
        contact_id=message.contact_id,
        phone_number_id=message.phone_number_id,
        at=now,
        wa_id=message.wa_id,
        message_id=message.id,
        wamid=message.wamid,
        typing=typing and not is_of_group,
    )
