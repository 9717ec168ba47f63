"""What customers wrote to people here goes to Genesys after all, once nobody here has it and it is not answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.conversations.model import public_conversation_id
from waystate.db.pool import Connection
from waystate.events.model import Event, HandedOver, InboundEnriched
from waystate.events.outbox import Stamped
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.tenants.model import TenantSettings


async def list_kept_back(
    conn: Connection, tenant: TenantId, settings: TenantSettings, stamped: Sequence[Stamped]
) -> list[Stamped]:
    """As if it came just now, behind the hand-over, in the order in which it was written.

    Its id is that of the message, so that it is passed on once however often it is handed over.
    """
    behind: dict[UUID, tuple[Event, int, datetime]] = {}
    for each in stamped:
        event = each.event
        if isinstance(event, HandedOver) and event.genesys_gets_since is not None:
            behind[event.mapping_id] = (event, each.position, event.genesys_gets_since)
    if not behind:
        return []
    rows = await message_store.list_kept_here(conn, tenant, {key: since for key, (_, _, since) in behind.items()})
    recipients = await contact_store.find_recipients(conn, tenant, [row["contact_id"] for row in rows])
    kept = []
    for row in rows:
        event, position, _ = behind[row["conversation_id"]]
        recipient = recipients.get(row["contact_id"])
        received = _received(row, None if recipient is None else recipient.group_id, settings, event.at)
        kept.append(Stamped(row["id"], position, received.type, received.model_dump_json()))
    return kept


def _received(row: dict[str, Any], group_id: str | None, settings: TenantSettings, now: datetime) -> InboundEnriched:
    conversation, genesys_id = row["conversation_id"], row["genesys_conversation_id"]
    return InboundEnriched(
        mapping_id=conversation,
        contact_id=row["contact_id"],
        phone_number_id=row["phone_number_id"],
        at=now,
        wa_id=row["wa_id"] if group_id is None else None,
        user_id=row["user_id"] if group_id is None else None,
        message_id=row["id"],
        wamid=row["wamid"] or "",
        contact_name=row["contact_name"],
        timestamp=row["sent_at"],
        message_type=row["type"],
        message_text=row["text"],
        media=row["media"],
        content=row["content"],
        conversation_id=public_conversation_id(settings.correlation, conversation, genesys_id),
        is_new_conversation=genesys_id is None,
        group_id=group_id,
    )
