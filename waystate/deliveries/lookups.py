"""Which of Genesys' conversations a customer's message is in, where Genesys is not asked to say so with its answer.

An agent's first message tells it too; whichever comes first ends the search.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from waystate.conversations.model import Conversation
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import TO_AGENTS, Claimed, Delivery, Finished, State, Target
from waystate.events import outbox
from waystate.ids import TenantId, new_id

SOON = timedelta(seconds=1)
"""How long Genesys is left alone after it took a message: before that it knows of no conversation."""


async def look_up_many(
    conn: Connection, tenant: TenantId, finished: Sequence[Finished], conversations: Mapping[UUID, Conversation]
) -> None:
    """One look-up for each conversation that Genesys just took a message of, and that it has not told us its own of.

    In the transaction that settles them and holds the locks of their `conversations`, so that a second one sees the first.
    """
    wanted = find_wanted(finished, conversations)
    if not wanted:
        return
    position = await outbox.get_head(conn, tenant)
    asked = await delivery_store.find_looked_up(conn, tenant, list(wanted))
    lookups = [lookup_of(each, position) for key, each in wanted.items() if key not in asked]
    if lookups:
        await delivery_store.insert_many(conn, tenant, lookups)


def find_wanted(finished: Sequence[Finished], conversations: Mapping[UUID, Conversation]) -> dict[UUID, Finished]:
    """By conversation, its first message of these that Genesys knows by an id, unless one tells the conversation."""
    told = {each.claimed.conversation_id for each in finished if each.result.conversation_id}
    wanted: dict[UUID, Finished] = {}
    for each in finished:
        key = each.claimed.conversation_id
        conversation = conversations.get(key)
        is_taken = each.state is State.SENT and each.claimed.target in TO_AGENTS and each.result.external_id
        is_unknown = conversation is not None and conversation.genesys_conversation_id is None and key not in told
        if is_taken and is_unknown:
            wanted.setdefault(key, each)
    return wanted


def lookup_of(finished: Finished, position: int) -> Delivery:
    claimed: Claimed = finished.claimed
    return Delivery(
        event_id=new_id(),
        target=Target.GENESYS_LOOKUP,
        message_id=claimed.message_id,
        conversation_id=claimed.conversation_id,
        account=claimed.account,
        lane=claimed.lane,
        order_key=f"l:{claimed.conversation_id}",
        position=position,
        created_at=finished.ended_at,
        request={"message_id": finished.result.external_id},
        due_at=finished.ended_at + SOON,
    )
