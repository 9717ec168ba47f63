"""Reads conversations as they are shown: with their customer, window and group."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.conversations import store
from waystate.conversations.bodies import ConversationAnswer, render_conversation
from waystate.conversations.model import EVERYTHING, Sight
from waystate.conversations.sight import conversation_not_found, find_hidden
from waystate.db.pool import Connection
from waystate.groups import store as group_store
from waystate.groups.bodies import render_group
from waystate.ids import TenantId
from waystate.preferences import store as preference_store


async def read_many(
    conn: Connection, tenant: TenantId, names: Sequence[str], now: datetime, sight: Sight = EVERYTHING
) -> dict[UUID, ConversationAnswer]:
    """By Waystate's id, in the order asked for; without what is not there or out of sight. Names are either platform's."""
    found = {each.id: each for each in await store.find_many(conn, tenant, names) if each is not None}
    for hidden in await find_hidden(conn, tenant, sight, found):
        del found[hidden]
    if not found:
        return {}
    keys = {each.id: (each.phone_number_id, each.contact_id) for each in found.values()}
    windows = await store.find_windows(conn, tenant, set(keys.values()))
    said = await preference_store.find_many(conn, tenant, set(keys.values()))
    contacts = {each.contact_id for each in found.values()}
    groups = await group_store.find_many(conn, tenant, contacts)
    people = await group_store.list_participants(conn, tenant, groups) if groups else {}
    shown = {contact: render_group(group, people.get(contact, ())) for contact, group in groups.items()}
    return {
        each.id: render_conversation(each, windows, now, said.get(keys[each.id]), shown.get(each.contact_id))
        for each in found.values()
    }


async def get_one(
    conn: Connection, tenant: TenantId, name: str, now: datetime, sight: Sight = EVERYTHING
) -> ConversationAnswer:
    """Raises `conversation_not_found`, also of what is out of sight."""
    found = await read_many(conn, tenant, [name], now, sight)
    if not found:
        raise conversation_not_found(name)
    return next(iter(found.values()))
