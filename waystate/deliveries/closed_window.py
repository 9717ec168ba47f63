"""What WhatsApp takes no more, since the customer's window closed while it waited, waits for the customer to write."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from waystate.conversations.model import Conversation
from waystate.conversations.store import Key
from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import Finished, State, Target
from waystate.deliveries.send import WINDOW_CLOSED
from waystate.errors import Reason
from waystate.events.model import Event
from waystate.ids import TenantId, beside
from waystate.messages import store as message_store
from waystate.messages.model import Status
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage, told_of_planned
from waystate.tenants.model import TenantSettings


def find_held(finished: Sequence[Finished], settings: TenantSettings) -> list[Finished]:
    """Those that `settings.window_policy` holds: refused by our own look for the window alone.

    What WhatsApp refuses for it while it looks open here would be refused again, and again, for nothing opens it here.
    """
    if settings.window_policy != "hold":
        return []
    return [
        each
        for each in finished
        if each.claimed.target is Target.WHATSAPP
        and each.state is State.FAILED
        and (each.result.error or {}).get("code") == Reason.WINDOW_CLOSED
    ]


async def hold_many(
    conn: Connection,
    tenant: TenantId,
    settings: TenantSettings,
    held: Sequence[Finished],
    conversations: Mapping[UUID, Conversation],
    now: datetime,
) -> list[Event]:
    """Their messages stay `queued` and are planned, with all that stands behind them, which must not overtake them.

    In the transaction that settles their deliveries; returns the events.
    """
    plans = [
        _plan(
            (each.claimed.phone_number_id, conversations[each.claimed.conversation_id].contact_id),
            each.claimed.message_id,
            str(each.claimed.request.get("type", "text")),
            settings,
            now,
        )
        for each in held
        if each.claimed.conversation_id in conversations
    ]
    plans += await _take_behind(conn, tenant, settings, {each.claimed.order_key for each in held}, now)
    await planned_store.insert_many(conn, tenant, plans)
    return told_of_planned(plans, now)


async def _take_behind(
    conn: Connection, tenant: TenantId, settings: TenantSettings, order_keys: set[str], now: datetime
) -> list[PlannedMessage]:
    """Deliveries that have not begun are made anew when their messages' turn comes. Templates need no window, and leave."""
    types = await delivery_store.list_behind(conn, tenant, sorted(order_keys))
    if not types:
        return []
    messages = await message_store.lock_many(conn, tenant, list(types))
    queued = [key for key in types if key in messages and messages[key].state.status is Status.QUEUED]
    begun = await delivery_store.cancel_many(conn, tenant, queued, now, error=WINDOW_CLOSED) if queued else set()
    return [
        _plan((messages[key].phone_number_id, messages[key].contact_id), key, types[key], settings, now)
        for key in queued
        if key not in begun
    ]


def _plan(key: Key, message_id: UUID, type: str, settings: TenantSettings, now: datetime) -> PlannedMessage:
    """Among what is held for the customer already it stands where its message was said."""
    number, contact = key
    return PlannedMessage(
        id=beside(message_id),
        contact_id=contact,
        phone_number_id=number,
        message_id=message_id,
        expires_at=now + settings.hold_ttl,
        request={"type": type},
        actor_kind="system",
        created_at=now,
    )
