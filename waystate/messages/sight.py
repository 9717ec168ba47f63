"""Which messages a caller sees: those of the conversations that they see."""

from collections.abc import Collection, Sequence
from uuid import UUID

from waystate.conversations import store as conversation_store
from waystate.conversations.model import Sight
from waystate.conversations.sight import find_hidden
from waystate.db.pool import Connection
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.messages import store
from waystate.planned.model import PlannedMessage


async def find_hidden_messages(conn: Connection, tenant: TenantId, sight: Sight, ids: Collection[UUID]) -> set[UUID]:
    """Those of the messages whose conversations are out of sight."""
    if sight.viewer is None or not ids:
        return set()
    homes = await store.find_conversations(conn, tenant, list(ids))
    hidden = await find_hidden(conn, tenant, sight, set(homes.values()))
    return {message for message, conversation in homes.items() if conversation in hidden}


async def check_message(conn: Connection, tenant: TenantId, sight: Sight, message_id: UUID, name: str) -> None:
    """Raises what a message raises that is not there."""
    if await find_hidden_messages(conn, tenant, sight, [message_id]):
        raise NotFound("message_not_found", f"There is no message {name}.")


async def list_seen_plans(
    conn: Connection, tenant: TenantId, sight: Sight, planned: Sequence[PlannedMessage]
) -> list[PlannedMessage]:
    """What the viewer planned, and what goes to customers whose last conversation on the number they see."""
    if sight.viewer is None or not planned:
        return list(planned)
    latest = await conversation_store.find_latest_many(conn, tenant, [each.key for each in planned])
    hidden = await find_hidden(conn, tenant, sight, {each.id for each in latest if each is not None})
    return [
        each
        for each, home in zip(planned, latest, strict=True)
        if each.actor_id == sight.viewer or (home is not None and home.id not in hidden)
    ]
