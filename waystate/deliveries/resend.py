"""Replay of refused deliveries: the same message goes out again as a new delivery, at the end of its customer's order."""

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from waystate.conversations import store as conversation_store
from waystate.conversations.model import Conversation
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import ASIDE, Delivery, RefusedDelivery, State, Target
from waystate.deliveries.plan import insert_beside, integration_of, way_of
from waystate.errors import Reason, Rejected
from waystate.events import outbox
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.advance import ARRIVED
from waystate.messages.model import Status
from waystate.messages.status import OUTCOME_UNKNOWN
from waystate.tenants.routing import TenantView
from waystate.work.lanes import lane_of

K = TypeVar("K", bound=Hashable)

_ARRIVED = ARRIVED | {Status.PROCESSED}
"""Whoever carried it: a message of that status is not sent again."""


async def resend_many(
    conn: Connection, tenant: TenantId, view: TenantView, refused: Mapping[K, RefusedDelivery], now: datetime, *, lanes: int
) -> dict[K, bool | Rejected]:
    """By key whether it is sent again (False: it was sent, or is about to be), or why it cannot be; in the order given.

    The messages are locked: of who sends one again, and who says what became of it, the later sees what the earlier did.
    """
    message_ids = sorted({each.message_id for each in refused.values()})
    messages = await message_store.lock_many(conn, tenant, message_ids)
    arrived = {key for key, each in messages.items() if each.state.status in _ARRIVED}
    before = await delivery_store.find_of_messages(conn, tenant, message_ids)
    conversation_of = await _conversations(conn, tenant, message_ids)
    position = await outbox.get_head(conn, tenant)
    sends: dict[K, bool | Rejected] = {}
    deliveries: dict[tuple[UUID, str], Delivery] = {}
    for key, each in refused.items():
        done = may_send([row for row in before if (row["message_id"], row["target"]) == (each.message_id, each.target)], each)
        if each.message_id in arrived and each.target not in ASIDE:
            done = False
        if done is True and (each.message_id, each.target) not in deliveries:
            conversation = conversation_of.get(each.message_id)
            try:
                deliveries[each.message_id, each.target] = delivery_of(each, conversation, view, position, now, lanes)
            except Rejected as error:
                done = error
        elif done is True:
            done = False
        sends[key] = done
    await insert_beside(conn, tenant, view, list(deliveries.values()), lanes)
    return sends


def may_send(before: Sequence[Mapping[str, Any]], refused: RefusedDelivery) -> bool | Rejected:
    """Genesys tells a repeat by its id; at WhatsApp a second send is a second message, so there every doubt forbids it."""
    states = {State(row["state"]) for row in before}
    if states & {State.PENDING, State.SENDING, State.SENT} or any(row["external_id"] for row in before):
        return False
    in_doubt = State.UNKNOWN in states or any((row["error"] or {}).get("code") == OUTCOME_UNKNOWN for row in before)
    if in_doubt and refused.target is Target.WHATSAPP:
        return Rejected(
            Reason.STATE_VIOLATION,
            "Nobody knows whether this message arrived, and WhatsApp would show it twice. Ask the customer, then write anew; "
            "discard this one.",
        )
    return True


def delivery_of(
    refused: RefusedDelivery, conversation: Conversation | None, view: TenantView, position: int, now: datetime, lanes: int
) -> Delivery:
    """By today's accounts, since a wrong account may be what was mended."""
    if conversation is None:
        raise Rejected(Reason.MAPPING_NOT_FOUND, "The message is not there any more. Discard this dead letter.")
    account = view.accounts.get(conversation.phone_number_id)
    number = conversation.phone_number_id
    if account is None:
        raise Rejected(Reason.UNKNOWN_TENANT, f"Number {number} is none of this tenant's. Add it again and replay this.")
    if account.sender != "waystate":
        raise Rejected(Reason.STATE_VIOLATION, f"Somebody else sends for number {number} now. Discard this, or take it back.")
    integration = integration_of(view, account)
    if integration is None and refused.target is not Target.WHATSAPP:
        raise Rejected(
            Reason.UNKNOWN_TENANT, f"Number {conversation.phone_number_id} has no Genesys integration. Add one, then replay."
        )
    way = way_of(refused.target, account, integration, conversation.contact_id, refused.message_id)
    return Delivery(
        event_id=new_id(),
        target=refused.target,
        message_id=refused.message_id,
        conversation_id=conversation.id,
        account=way.account,
        lane=lane_of(way.lane_key, lanes),
        order_key=way.order_key,
        # Behind everything of today: of equal positions the newer id goes later.
        position=position,
        created_at=now,
        request=refused.request,
    )


async def _conversations(conn: Connection, tenant: TenantId, message_ids: Sequence[UUID]) -> dict[UUID, Conversation]:
    ids = await message_store.find_conversations(conn, tenant, message_ids)
    wanted = sorted(set(ids.values()))
    found = await conversation_store.find_many(conn, tenant, [str(each) for each in wanted])
    known = {each.id: each for each in found if each is not None}
    return {message: known[conversation] for message, conversation in ids.items() if conversation in known}
