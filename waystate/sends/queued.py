"""Messages that are queued already and wait by a planned one, agents' above all: they go where the customer talks by then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from waystate.contacts import store as contact_store
from waystate.contacts.model import Address, Recipient
from waystate.conversations import store as conversation_store
from waystate.conversations.model import Activity, Conversation, preview_of, public_conversation_id
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.deliveries.withdraw import withdraw_many
from waystate.documents import JsonObject
from waystate.errors import Rejected
from waystate.events.model import Event, OutboundProcessed
from waystate.groups import store as group_store
from waystate.ids import TenantId
from waystate.messages import store as message_store
from waystate.messages.store import SAID, is_composed
from waystate.planned.model import PlannedMessage, PlannedState, PlanOutcome
from waystate.sends.opening import open_and_lock_many
from waystate.tenants.model import TenantSettings
from waystate.tenants.routing import TenantView

RECIPIENT_MOVED: JsonObject = {
    "code": "recipient_moved",
    "title": "Not sent: the customer's number is another customer's by now. Wait until they write again.",
}


@dataclass(slots=True)
class SentQueued:
    """What became of each, and the events to append."""

    outcomes: list[PlanOutcome] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


async def send_queued(
    conn: Connection, tenant: TenantId, view: TenantView, planned: Sequence[PlannedMessage], now: datetime
) -> SentQueued:
    """In the caller's transaction, which has the conversations locked that there are."""
    done = SentQueued()
    if not planned:
        return done
    keys = list({each.key for each in planned})
    latest = await conversation_store.find_latest_many(conn, tenant, keys)
    opened = await open_and_lock_many(conn, tenant, view, dict.fromkeys(keys), latest, now)
    conversations = opened.conversations
    done.events += opened.events
    recipients = await contact_store.find_recipients(conn, tenant, [contact for _, contact in conversations])
    addresses = {key: _address_of(each, recipients.get(key[1])) for key, each in conversations.items()}
    groups = await group_store.find_many(conn, tenant, [key for key, each in recipients.items() if each.group_id is not None])
    gone = {key: error for key, each in groups.items() if (error := each.refusal()) is not None}
    for each in planned:
        if each.contact_id in gone:
            addresses[each.key] = None
    await _fail(conn, tenant, [each for each in planned if addresses[each.key] is None], gone, done, now)
    targets = {
        each.message_id: conversations[each.key].id
        for each in planned
        if each.message_id is not None and addresses[each.key] is not None
    }
    rows = await message_store.move_queued(conn, tenant, targets) if targets else {}
    for each in planned:
        address = addresses[each.key]
        if address is None:
            continue
        row = rows.get(each.message_id) if each.message_id is not None else None
        if row is None:  # it was withdrawn, or failed, by its own id
            done.outcomes.append(PlanOutcome(planned=each, state=PlannedState.WITHDRAWN))
            continue
        done.outcomes.append(PlanOutcome(planned=each, state=PlannedState.RELEASED, message_id=row["id"]))
        done.events.append(_event(row, conversations[each.key], address, recipients.get(each.contact_id), view.settings, now))
    activity = _activity(planned, rows, conversations, now)
    if activity:
        await conversation_store.touch_many(conn, tenant, activity, ttl=view.settings.mapping_ttl, now=now)
    return done


def _address_of(conversation: Conversation, recipient: Recipient | None) -> Address | None:
    return (recipient or Recipient(None)).find_address(conversation.wa_id, conversation.user_id)


async def _fail(
    conn: Connection,
    tenant: TenantId,
    planned: Sequence[PlannedMessage],
    gone: Mapping[UUID, Rejected],
    done: SentQueued,
    now: datetime,
) -> None:
    """What leads to nobody any more, or to a group that takes nothing (`gone`, by contact)."""
    together: dict[str, tuple[JsonObject, list[PlannedMessage]]] = {}
    for each in planned:
        refused = gone.get(each.contact_id)
        error = RECIPIENT_MOVED if refused is None else {"code": refused.reason, "title": refused.message}
        together.setdefault(error["title"], (error, []))[1].append(each)
    for error, several in together.values():
        ids = [each.message_id for each in several if each.message_id is not None]
        _, failed = await withdraw_many(conn, tenant, ids, now, error=error)
        done.events += failed
        done.outcomes += [PlanOutcome(planned=each, state=PlannedState.FAILED, error=error) for each in several]


def _event(
    row: Mapping[str, Any],
    conversation: Conversation,
    address: Address,
    recipient: Recipient | None,
    settings: TenantSettings,
    now: datetime,
) -> OutboundProcessed:
    user_ids = recipient.user_ids if recipient is not None else ()
    return OutboundProcessed(
        mapping_id=conversation.id,
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        at=now,
        message_id=row["id"],
        genesys_message_id=row["genesys_message_id"],
        wa_id=address.wa_id,
        user_id=address.user_id or (user_ids[-1] if user_ids else None),
        group_id=address.group_id,
        conversation_id=public_conversation_id(settings.correlation, conversation.id, conversation.genesys_conversation_id),
        message_type=row["type"],
        message_text=row["text"],
        media=row["media"],
        content=row["content"],
        # What the API was told to say can come to wait here too, where its window closed before it left.
        composed=is_composed(row["origin"], row["metadata"]),
        reply_to=row["metadata"].get("reply_to") if row["origin"] == SAID else None,
    )


def _activity(
    planned: Sequence[PlannedMessage],
    rows: Mapping[UUID, Mapping[str, Any]],
    conversations: Mapping[Key, Conversation],
    now: datetime,
) -> dict[UUID, Activity]:
    activity: dict[UUID, Activity] = {}
    for each in planned:
        row = rows.get(each.message_id) if each.message_id is not None else None
        if row is not None:
            conversation = conversations[each.key]
            activity[conversation.id] = Activity(
                contact_id=conversation.contact_id,
                phone_number_id=conversation.phone_number_id,
                wa_id=None,
                at=now,
                message_at=now,
                message_id=row["genesys_message_id"],
                preview=preview_of(row["text"]),
            )
    return activity
