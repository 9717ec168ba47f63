"""What WhatsApp takes no more, since the customer's window closed while it waited, waits for the customer to write."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from waystate.channels.attempts import FailureKind
from waystate.conversations.model import Conversation
from waystate.db.pool import Connection
from waystate.deliveries.model import Finished, State, Target
from waystate.events.model import Event
from waystate.ids import TenantId, new_id
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage, told_of_planned
from waystate.tenants.model import TenantSettings


def find_held(finished: Sequence[Finished], settings: TenantSettings) -> list[Finished]:
    """Those that `settings.window_policy` holds: refused for the window alone, so certainly not sent."""
    if settings.window_policy != "hold":
        return []
    return [
        each
        for each in finished
        if each.claimed.target is Target.WHATSAPP
        and each.state is State.FAILED
        and (each.result.error or {}).get("kind") == FailureKind.WINDOW
    ]


async def hold_many(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    held: Sequence[Finished],
    conversations: Mapping[UUID, Conversation],
    now: datetime,
) -> list[Event]:
    """Their messages stay `queued` and are planned. In the transaction that settles their deliveries; returns the events."""
    plans = [
        PlannedMessage(
            id=new_id(),
            contact_id=conversations[each.claimed.conversation_id].contact_id,
            phone_number_id=each.claimed.phone_number_id,
            message_id=each.claimed.message_id,
            expires_at=now + settings.hold_ttl,
            request={"type": each.claimed.request.get("type", "text")},
            actor_kind="system",
            created_at=now,
        )
        for each in held
        if each.claimed.conversation_id in conversations
    ]
    await planned_store.insert_many(conn, tenant, plans)
    return told_of_planned(plans, now)
