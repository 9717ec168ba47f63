"""Who sees which conversations: everybody all of them, or agents their own and those that wait in their queues."""

from collections.abc import Collection
from uuid import UUID

from waystate.conversations import store
from waystate.conversations.model import EVERYTHING, Sight, is_agent, is_limited
from waystate.db.pool import Connection
from waystate.ids import TenantId
from waystate.principal import Principal
from waystate.tenants.routing import Directory
from waystate.tenants.store import unknown_tenant


class Sights:
    """Finds out what callers see, in the transaction in which it is looked."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def find(self, conn: Connection, principal: Principal | None) -> Sight:
        """Of whom the setting does not concern nothing is read."""
        if principal is None or not is_agent(principal):
            return EVERYTHING
        tenant = principal.tenant_id
        view = await self._directory.find_tenant_in(conn, tenant)
        if view is None:
            raise unknown_tenant(tenant)
        if not is_limited(principal, view.settings.agent_scope) or principal.user_id is None:
            return EVERYTHING
        return Sight(principal.user_id, await store.list_queues_of(conn, tenant, principal.user_id))


async def find_hidden(conn: Connection, tenant: TenantId, sight: Sight, ids: Collection[UUID]) -> set[UUID]:
    """Those of the conversations that are out of sight."""
    if sight.viewer is None or not ids:
        return set()
    holdings = await store.list_holders(conn, tenant, ids)
    return {each for each in ids if each in holdings and not sight.shows(*holdings[each])}
