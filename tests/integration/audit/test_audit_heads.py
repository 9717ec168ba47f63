"""The head of every audit log goes to the log, from which nobody who owns the database can take it back."""

from structlog.testing import capture_logs

from tests.world import Business, World
from waystate.audit import store
from waystate.audit.model import Entry
from waystate.audit.verification import log_heads
from waystate.ids import PLATFORM
from waystate.principal import OPERATOR
from waystate.tenants.each_tenant import every_tenant


async def test_the_head_of_every_log_with_entries_is_logged(world: World, tenant: Business) -> None:
    await world.add("globex", number="2001")
    for each in (tenant.tenant, PLATFORM):
        async with world.db.tenant(each) as conn:
            await store.append_many(conn, each, [Entry(actor=OPERATOR, action="a.b", subject="x", at=world.clock.now)] * 2)
    with capture_logs() as lines:
        await log_heads(world.db, every_tenant(world.db))
    assert [(line["tenant_id"], line["position"], len(line["hash"])) for line in lines] == [
        (PLATFORM, 2, 64),
        (tenant.tenant, 2, 64),
    ]
