"""A customer's context: who this is, who speaks with them, and what was said last."""

from uuid import UUID

from waystate.clock import Clock
from waystate.contacts.model import IdentityKind
from waystate.conversations.bodies import render_conversation
from waystate.conversations.sight import Sights
from waystate.customers import store
from waystate.customers.bodies import CustomerContext, render_customer
from waystate.customers.edit import customer_not_found
from waystate.customers.model import Profile
from waystate.db.pool import Connection, Database
from waystate.groups import store as group_store
from waystate.groups.bodies import GroupAnswer, render_group
from waystate.ids import TenantId
from waystate.principal import Principal
from waystate.sends.sending import Sends

_SHOWN = 20
"""Messages."""


class Contexts:
    def __init__(self, db: Database, sends: Sends, sights: Sights, clock: Clock) -> None:
        self._db = db
        self._sends = sends
        self._sights = sights
        self._clock = clock

    async def read(self, principal: Principal, customer_id: UUID, *, number: str | None = None) -> CustomerContext:
        """As `principal` sees it, in three statements. `number`: with the conversation on this phone number id before others.

        Raises NotFound.
        """
        tenant, now = principal.tenant_id, self._clock()
        async with self._db.tenant(tenant) as conn:
            sight = await self._sights.find(conn, principal)
            found = await store.find_context(conn, tenant, customer_id, now, sight, number=number)
            if found is None:
                raise customer_not_found(customer_id)
            profile, conversation, preference = found
            messages = await self._sends.read_latest_in(conn, tenant, profile.id, _SHOWN, sight)
            group = await find_group(conn, tenant, profile)
        answer = None
        if conversation is not None:
            signs = {(conversation.phone_number_id, profile.id): conversation.window_from}
            windows = {key: at for key, at in signs.items() if at is not None}
            answer = render_conversation(conversation, windows, now, preference, group)
        return CustomerContext(customer=render_customer(profile), conversation=answer, messages=messages)


async def find_group(conn: Connection, tenant: TenantId, profile: Profile) -> GroupAnswer | None:
    """Without a statement for a person."""
    if all(each.kind is not IdentityKind.GROUP for each in profile.identities):
        return None
    found = await group_store.find_with_participants(conn, tenant, profile.id)
    return None if found is None else render_group(*found)
