"""Which messages Waystate is about to pass on itself: of them, only their delivery tells what became of them."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import State, Target
from waystate.deliveries.plan import DeliverySink, integration_of
from waystate.events import outbox
from waystate.ids import TenantId, time_of
from waystate.messages.model import Direction, Status
from waystate.messages.store import LockedMessage
from waystate.tenants.routing import Directory, TenantView

_FIRST = frozenset({Status.QUEUED, Status.RECEIVED})
_APART = timedelta(minutes=1)
"""How much younger an event's id may be than its message's: a transaction, and two machines' clocks."""


async def find_carried(
    conn: Connection, tenant: TenantId, messages: Mapping[UUID, LockedMessage], directory: Directory
) -> dict[UUID, LockedMessage]:
    """Those of the locked messages with a delivery that waits or is under way, or that will have one in a moment.

    Not those whose send is `unknown`: it is never made again, and whoever knows better what became of it may say so.
    """
    ours = {key: each for key, each in messages.items() if not each.is_recorded}
    if not ours:
        return {}
    states: dict[UUID, set[State]] = {}
    for row in await delivery_store.find_of_messages(conn, tenant, sorted(ours)):
        if row["target"] != Target.GENESYS_RECEIPT:
            states.setdefault(row["message_id"], set()).add(State(row["state"]))
    carried = {key: ours[key] for key, each in states.items() if each & {State.PENDING, State.SENDING}}
    unplanned = {key: each for key, each in ours.items() if key not in states and each.state.status in _FIRST}
    first = await outbox.find_first_behind(conn, tenant, DeliverySink.name) if unplanned else None
    view = None if first is None else await directory.find_tenant_in(conn, tenant)
    if first is not None and view is not None:
        since = time_of(first) - _APART
        carried |= {key: each for key, each in unplanned.items() if time_of(key) >= since and _will_be_sent(each, view)}
    return carried


def _will_be_sent(message: LockedMessage, view: TenantView) -> bool:
    account = view.accounts.get(message.phone_number_id)
    if account is None or account.sender != "waystate":
        return False
    return message.state.direction is Direction.OUTBOUND or integration_of(view, account) is not None
