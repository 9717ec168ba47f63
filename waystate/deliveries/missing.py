"""A net under the relay: events that need a delivery and have none. It should find none, and says so loudly when it does."""

import structlog

from waystate.db.pool import Connection, Database
from waystate.deliveries import store as delivery_store
from waystate.deliveries.attachments import Attachments, lock_files, with_files
from waystate.deliveries.plan import WAITING, DeliverySink, find_surroundings, integration_of, plan
from waystate.events import outbox
from waystate.events.outbox import Stamped
from waystate.ids import TenantId
from waystate.media.links import Links
from waystate.messages import store as message_store
from waystate.tenants import store as tenant_store
from waystate.tenants.routing import Directory, TenantView

log = structlog.get_logger()

CURSOR = "deliveries_check"
BATCH = 1000


async def make_missing(db: Database, directory: Directory, tenant: TenantId, *, lanes: int, links: Links | None = None) -> int:
    """Deliver what the relay passed by, at its old place in the order; how many there were.

    Only what the relay judged by the tenant's configuration as it is now: before, somebody else may have been the one to send
    it. Only of messages that are still where they were when they came: what failed, or was passed on otherwise, is not sent.
    """
    async with db.tenant(tenant) as conn:
        begun = await outbox.find_positions(conn, tenant, [CURSOR, DeliverySink.name])
        after = await outbox.lock_cursor(conn, tenant, CURSOR, epoch=0)
        judged = await outbox.find_judgement(conn, tenant, DeliverySink.name)
        view = await directory.find_tenant_in(conn, tenant)
        if after is None or view is None:
            return 0
        # After the view and what it judges: if it is still the relay's, all three are of one configuration.
        revision = await tenant_store.find_tenant_revision(conn, tenant)
        until = begun.get(DeliverySink.name, 0) if judged is None else judged.until
        if CURSOR not in begun or judged is None or judged.revision != revision:
            # What was there before the net was is left as it is, and so is what was judged by another configuration.
            await outbox.move_cursor(conn, tenant, CURSOR, until, epoch=0)
            return 0
        stamped = await _list_missing(conn, tenant, view, after=max(after, judged.since), until=until)
        ids = sorted({each.event.message_id for each in stamped if each.event.message_id is not None})
        messages = await message_store.lock_many(conn, tenant, ids) if ids else {}
        waiting = {key for key, each in messages.items() if each.state.status in WAITING}
        left = [each for each in stamped if each.event.message_id in waiting]
        files = await lock_files(conn, tenant, left)
        missing = plan(left, view, lanes, await find_surroundings(conn, tenant, left)).deliveries
        missing = with_files(missing, left, files, Attachments(tenant, view, links))
        if missing:
            await delivery_store.insert_many(conn, tenant, missing)
        await outbox.move_cursor(conn, tenant, CURSOR, stamped[-1].position if len(stamped) == BATCH else until, epoch=0)
    if missing:
        log.error("Events had no delivery and have one now; please report this.", operation="deliveries", count=len(missing))
    return len(missing)


async def _list_missing(conn: Connection, tenant: TenantId, view: TenantView, *, after: int, until: int) -> list[Stamped]:
    ours = [each for each in view.accounts.values() if each.sender == "waystate"]
    rows = await delivery_store.list_missing(
        conn,
        tenant,
        after=after,
        until=until,
        to_whatsapp=[each.phone_number_id for each in ours],
        to_genesys=[each.phone_number_id for each in ours if integration_of(view, each) is not None],
        batch=BATCH,
    )
    return [Stamped(row["id"], row["position"], row["type"], row["data"]) for row in rows]
