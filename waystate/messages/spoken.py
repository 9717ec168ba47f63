"""What is written in a WhatsApp group is part of the group's conversation, and somebody's of the group."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from waystate.db.pool import Connection
from waystate.events.model import GroupSender
from waystate.groups import store as group_store
from waystate.groups.model import GroupWord, Spoken
from waystate.ids import TenantId
from waystate.messages.model import InboundMessage


async def hear_groups(
    conn: Connection, tenant: TenantId, written: Sequence[tuple[InboundMessage, UUID]], groups: Mapping[str, UUID]
) -> dict[str, Spoken]:
    """Wamid → group and writer, of the messages that were written in one; who writes in a group is in it.

    `written`: messages, each with its writer. `groups`: WhatsApp's id of a group → the contact that it is.
    """
    await group_store.found_many(conn, tenant, {contact: group_id for group_id, contact in groups.items()})
    locked = await group_store.lock_many(conn, tenant, groups.values())
    spoken: dict[str, Spoken] = {}
    words: dict[UUID, list[GroupWord]] = {}
    for message, writer in written:
        if message.group_id is not None:
            home = groups[message.group_id]
            spoken[message.wamid] = Spoken(locked[home], writer)
            words.setdefault(home, []).append(GroupWord(writer, message.sent_at, "wrote"))
    await group_store.hear_many(conn, tenant, words)
    return spoken


def sender_of(message: InboundMessage, spoken: Spoken) -> GroupSender:
    return GroupSender(
        contact_id=spoken.writer, name=message.contact_name, wa_id=message.wa_id or None, user_id=message.user_id or None
    )
