"""The correlation pipeline: attach Genesys' ids to the conversation that a message belongs to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.conversations import store as conversation_store
from waystate.db.pool import Connection
from waystate.errors import Reason, Rejected
from waystate.events.model import ConversationCorrelated, Event
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.model import Correlation


async def process(
    conn: Connection, tenant: TenantId, correlations: Sequence[Correlation], now: datetime
) -> tuple[list[list[Event] | Rejected], list[Event]]:
    """In the caller's transaction, which appends the events."""
    ids = await message_store.find_ids(conn, tenant, sorted({each.whatsapp_message_id for each in correlations}))
    conversation_of = await message_store.find_conversations(conn, tenant, sorted(set(ids.values())))
    targets = [conversation_of.get(ids.get(each.whatsapp_message_id, UUID(int=0))) for each in correlations]
    wanted = {
        target: (each.conversation_id, each.communication_id)
        for target, each in zip(targets, correlations, strict=True)
        if target is not None
    }
    changed = await correlate(conn, tenant, wanted, now)
    events = {event.mapping_id: event for event in changed if isinstance(event, ConversationCorrelated)}
    results: list[list[Event] | Rejected] = [
        _unknown(each) if target is None else [events.pop(target)] if target in events else []
        for target, each in zip(targets, correlations, strict=True)
    ]
    return results, changed


async def correlate(
    conn: Connection, tenant: TenantId, wanted: dict[UUID, tuple[str, str | None]], now: datetime
) -> list[Event]:
    """conversation id → (Genesys conversation id, communication id); the events of what changed, for the caller to append."""
    if not wanted:
        return []
    await conversation_store.lock_many(conn, tenant, sorted(wanted))
    changed = await conversation_store.correlate_many(conn, tenant, wanted)
    return [
        ConversationCorrelated(
            mapping_id=row["id"],
            contact_id=row["contact_id"],
            phone_number_id=row["phone_number_id"],
            at=now,
            genesys_conversation_id=row["genesys_conversation_id"],
            communication_id=row["communication_id"],
        )
        for row in changed
    ]


def _unknown(correlation: Correlation) -> Rejected:
    return Rejected(
        Reason.MAPPING_NOT_FOUND,
        f"No message with the wamid of this correlation is known, so conversation {correlation.conversation_id} has nothing to "
        "be attached to. Replay it after the message was tracked.",
    )
