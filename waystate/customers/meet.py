"""Who writes to us: the customer and, on a number, the conversation, which are there from then on."""

from collections.abc import Callable, Iterable
from uuid import UUID

from waystate.clock import Clock
from waystate.contacts.model import Identity
from waystate.customers.edit import CustomerEdits, Saved
from waystate.db.pool import Database
from waystate.errors import NotFound
from waystate.ids import TenantId
from waystate.state.conversations import get_or_open_many
from waystate.tenants.routing import Directory, TenantView
from waystate.work.batch import with_retries
from waystate.work.loops import Hint


class Meetings:
    """`forget` drops what is remembered of contacts, here and in the other processes."""

    def __init__(
        self,
        db: Database,
        directory: Directory,
        customers: CustomerEdits,
        relay_hint: Hint,
        forget: Callable[[TenantId, Iterable[UUID]], None],
        clock: Clock,
    ) -> None:
        self._db = db
        self._directory = directory
        self._customers = customers
        self._relay_hint = relay_hint
        self._forget = forget
        self._clock = clock

    async def meet(self, tenant: TenantId, identity: Identity, name: str | None, number: str | None) -> Saved:
        """The customer, and their open conversation on the phone number id `number`, each made where there is none.

        The number is looked at first: one that is not the tenant's adds nobody. Done twice it changes nothing more.
        """
        view = None if number is None else await self._view_with(tenant, number)
        saved = await self._customers.meet(tenant, identity, name)
        if view is not None and number is not None:
            wanted = [(identity, number)]
            (found,) = await with_retries(
                lambda: get_or_open_many(tenant, view.settings, wanted, number, self._db, self._clock)
            )
            if found.is_new:
                self._forget(tenant, [found.conversation.contact_id])
                self._relay_hint.give(tenant)
        return saved

    async def _view_with(self, tenant: TenantId, number: str) -> TenantView:
        view = await self._directory.get_tenant(tenant)
        if number not in view.accounts:
            view = await self._directory.get_tenant_now(tenant)
        if number not in view.accounts:
            raise NotFound(
                "unknown_number", "No number of this tenant has that id. Leave `number` out, and no conversation is opened."
            )
        return view
