"""Which messages Waystate is about to pass on itself: of them, only their delivery tells what became of them."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from waystate.db.pool import Connection
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import ASIDE, State
from waystate.deliveries.plan import WAITING, DeliverySink, integration_of
from waystate.events import outbox
from waystate.ids import TenantId
from waystate.messages.model import Direction
from waystate.messages.store import LockedMessage
from waystate.tenants.routing import TenantView

_MOST_BEHIND = 1000
"""Events that are looked through; of a relay that is further behind, all that could be waiting for it is taken to be."""


async def find_carried(
    conn: Connection,
    tenant: TenantId,
    messages: Mapping[UUID, LockedMessage],
    view_of: Callable[[Connection, TenantId], Awaitable[TenantView | None]],
) -> dict[UUID, LockedMessage]:
    """Those of the locked messages with a delivery that waits or is under way, or that will have one in a moment.

    Not those whose send is `unknown`: it is never made again, and whoever knows better what became of it may say so.
    """
    ours = {key: each for key, each in messages.items() if not each.is_recorded}
    if not ours:
        return {}
    # The relay's cursor first: a delivery that it makes meanwhile is seen by the look at the deliveries.
    behind = await outbox.list_messages_behind(conn, tenant, DeliverySink.name, limit=_MOST_BEHIND)
    states: dict[UUID, set[State]] = {}
    for row in await delivery_store.find_of_messages(conn, tenant, sorted(ours)):
        if row["target"] not in ASIDE:
            states.setdefault(row["message_id"], set()).add(State(row["state"]))
    carried = {key: ours[key] for key, each in states.items() if each & {State.PENDING, State.SENDING}}
    unplanned = {
        key: each
        for key, each in ours.items()
        if key not in states and (key in behind if behind is not None else each.state.status in WAITING)
    }
    view = await view_of(conn, tenant) if unplanned else None
    if view is not None:
        carried |= {key: each for key, each in unplanned.items() if _will_be_sent(each, view)}
    return carried


def _will_be_sent(message: LockedMessage, view: TenantView) -> bool:
    account = view.accounts.get(message.phone_number_id)
    if account is None or account.sender != "waystate":
        return False
    return message.state.direction is Direction.OUTBOUND or integration_of(view, account) is not None
