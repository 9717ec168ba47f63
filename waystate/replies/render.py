"""A ready answer for one customer: what is known of them, and of who answers, put in its places."""

from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.conversations.model import Sight
from waystate.conversations.read import get_shown
from waystate.customers import store as customer_store
from waystate.customers.edit import customer_not_found
from waystate.customers.model import Profile
from waystate.db.pool import Connection
from waystate.documents import JsonObject
from waystate.errors import Unprocessable
from waystate.ids import TenantId
from waystate.people import store as people_store
from waystate.queues import store as queue_store
from waystate.replies import store
from waystate.replies.filling import Filled, fill
from waystate.tenants import store as tenant_store


async def render(
    conn: Connection,
    tenant: TenantId,
    reply_id: UUID,
    *,
    conversation_id: str | None,
    customer_id: UUID | None,
    agent_id: UUID | None,
    sight: Sight,
) -> Filled:
    """For a conversation (ours or Genesys'), or for a customer. `agent_id` is who answers, if that is known."""
    reply = await store.get_one(conn, tenant, reply_id)
    talk = None
    if conversation_id is not None:
        talk = await store.get_talk(conn, tenant, (await get_shown(conn, tenant, conversation_id, sight)).id)
    wanted = talk.contact_id if talk is not None else customer_id
    assert wanted is not None
    profile = await _find_profile(conn, tenant, wanted)
    people = await people_store.find_colleagues(conn, [] if agent_id is None else [agent_id])
    if agent_id is not None and agent_id not in people:
        raise Unprocessable("not_a_colleague", f"Nobody who works here has the id {agent_id}. Take one from GET /v1/users.")
    queue_id = talk.queue_id if talk is not None and talk.queue_id is not None else reply.queue_id
    queues = await queue_store.find_many(conn, tenant, [] if queue_id is None else [queue_id])
    values: dict[str, JsonObject] = {
        "customer": _customer(profile),
        "agent": {} if agent_id is None else _person(people[agent_id].name),
        "conversation": {} if talk is None else {"subject": talk.subject, "number": talk.number},
        "queue": {} if queue_id is None else {"name": queues[queue_id].name},
        "business": {"name": (await tenant_store.get(conn, tenant)).name},
    }
    return fill(reply.text, values)


async def _find_profile(conn: Connection, tenant: TenantId, customer_id: UUID) -> Profile:
    survivors = await contact_store.find_survivors(conn, tenant, [customer_id])
    found = await customer_store.find_many(conn, tenant, [survivors.get(customer_id, customer_id)])
    if not found:
        raise customer_not_found(customer_id)
    return found[0]


def _customer(profile: Profile) -> JsonObject:
    return {
        **_person(profile.name or ""),
        "email": profile.email,
        "phone_number": profile.phone_number,
        "username": profile.username,
        "language": profile.language,
        "tags": sorted(profile.tags),
        "metadata": profile.metadata,
        "preferences": profile.preferences,
    }


def _person(name: str) -> JsonObject:
    return {"name": name, "first_name": name.split()[0] if name.strip() else ""}
