"""Who takes part in a conversation: by themselves, or because somebody added them."""

from uuid import UUID

from waystate.conversations.desk import store
from waystate.conversations.desk.model import AddedParty, Involved, PartSource, TakesPart, joined
from waystate.conversations.model import Conversation
from waystate.db.pool import Connection
from waystate.groups import store as group_store
from waystate.ids import TenantId
from waystate.people import store as people_store


async def list_involved(conn: Connection, tenant: TenantId, held: Conversation) -> tuple[list[Involved], list[AddedParty]]:
    """The customer, or the people of a group; who has the conversation; who was added. And these last as they are stored."""
    assignee = (await store.get_held(conn, tenant, held.id)).assigned_user_id
    added = await store.list_participants(conn, tenant, held.id)
    users = {each.id for each in added if not each.is_contact} | ({assignee} if assignee is not None else set())
    people = await people_store.find_colleagues(conn, users)
    names = await store.name_contacts(conn, tenant, [each.id for each in added if each.is_contact])
    own = await _customers(conn, tenant, held)
    if assignee is not None:
        own.append(Involved(assignee, False, TakesPart.AGENT, PartSource.ASSIGNMENT, _name(people, assignee)))
    others = [
        Involved(
            each.id,
            each.is_contact,
            each.role,
            PartSource.ADDED,
            names.get(each.id) if each.is_contact else _name(people, each.id),
            each.added_at,
        )
        for each in added
    ]
    return joined(own, others), added


async def _customers(conn: Connection, tenant: TenantId, held: Conversation) -> list[Involved]:
    group = await group_store.find_with_participants(conn, tenant, held.contact_id)
    if group is None:
        return [Involved(held.contact_id, True, TakesPart.CUSTOMER, PartSource.CONVERSATION, held.contact_name)]
    return [
        Involved(each.contact_id, True, TakesPart.CUSTOMER, PartSource.GROUP, each.name, each.joined_at)
        for each in group[1]
        if each.left_at is None
    ]


def _name(people: dict[UUID, people_store.Colleague], user_id: UUID) -> str | None:
    return people[user_id].name if user_id in people else None
