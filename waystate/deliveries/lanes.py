"""Another number of lanes, or another OAuth client: what is not done yet moves to the lanes of what comes after it."""

from datetime import UTC, datetime

from waystate.db.pool import Connection, go_on_as
from waystate.deliveries import store
from waystate.ids import TenantId
from waystate.tenants.routing import Directory, TenantView
from waystate.work import store as work_store
from waystate.work.lanes import lane_of

_EVER = datetime(9999, 1, 1, tzinfo=UTC)


async def deal_out_all(directory: Directory, conn: Connection, lanes: int) -> int:
    """All tenants' unfinished deliveries, each into its lane of so many; how many moved."""
    moved = 0
    due = [each for kind in ("deliveries", "unsettled") for each in await work_store.due_work(conn, kind, _EVER)]
    for tenant in sorted({each.tenant for each in due}):
        await go_on_as(conn, tenant)
        view = await directory.find_tenant_in(conn, tenant)
        if view is not None:  # else it is being deleted
            moved += await deal_out(conn, tenant, view, lanes)
    return moved


async def deal_out(conn: Connection, tenant: TenantId, view: TenantView, lanes: int) -> int:
    """Put one tenant's unfinished deliveries into the lanes where `way_of` would have them now; how many moved.

    A customer's would else lie in two lanes after their integration got another client, and two processes would not keep their
    order. After the conversations' locks, as whoever settles deliveries keeps it.
    """
    clients = {each.integration_id: each.client_id for each in view.integrations.values()}
    # Of an integration that is gone nothing new comes, so any lane will do.
    lane_keys = {
        (account, to_whatsapp): account if to_whatsapp else clients.get(account, account)
        for account, to_whatsapp in await store.list_unfinished_accounts(conn, tenant)
    }
    if not lane_keys:
        return 0
    return await store.change_lanes(conn, tenant, {way: lane_of(key, lanes) for way, key in lane_keys.items()})
