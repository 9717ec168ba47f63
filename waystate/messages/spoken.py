"""What is written in a WhatsApp group is part of the group's conversation, and somebody's of the group."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.events.model import GroupSender
from waystate.groups import store as group_store
from waystate.groups.model import GroupWord, Spoken
from waystate.ids import TenantId, find_uuid
from waystate.messages.model import InboundMessage

_WRITER = "writer_contact_id"


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


def about_writer(spoken: Spoken) -> JsonObject:
    """Metadata of a message that was written in a group."""
    return {_WRITER: str(spoken.writer)}


async def find_writers(conn: Connection, tenant: TenantId, metadata: Mapping[UUID, JsonObject]) -> dict[UUID, UUID]:
    """Message → the contact who wrote it, of messages that were written in groups."""
    said = {key: writer for key, each in metadata.items() if (writer := find_uuid(str(each.get(_WRITER)))) is not None}
    survivors = await contact_store.find_survivors(conn, tenant, set(said.values())) if said else {}
    return {key: survivors.get(writer, writer) for key, writer in said.items()}


def sender_of(message: InboundMessage, spoken: Spoken) -> GroupSender:
    return GroupSender(
        contact_id=spoken.writer, name=message.contact_name, wa_id=message.wa_id or None, user_id=message.user_id or None
    )
