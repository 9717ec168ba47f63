"""All customers of a tenant as a file, a page at a time: as long as it takes, and never held whole."""

from collections.abc import AsyncIterator
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.clock import Clock
from waystate.customers import store as customer_store
from waystate.customers.bodies import CustomerProfile, render_customer
from waystate.customers.files.rows import FileFormat, header_line, render_csv
from waystate.db.pool import Database
from waystate.ids import TenantId
from waystate.principal import Actor

_PAGE = 200


class CustomerExports:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(self, tenant: TenantId, file_format: FileFormat, by: Actor) -> None:
        """Who takes all customers with them is written down before they have them."""
        async with self._db.tenant(tenant) as conn:
            details = {"format": file_format.value}
            entry = Entry(actor=by, action="customers.exported", subject="customers", at=self._clock(), details=details)
            await audit_store.append_many(conn, tenant, [entry])

    async def write(self, tenant: TenantId, file_format: FileFormat) -> AsyncIterator[str]:
        """Each customer as they are when their page is read; who is added meanwhile may be the last ones, or not be there."""
        if file_format is FileFormat.CSV:
            yield header_line()
        after: UUID | None = None
        while True:
            async with self._db.tenant(tenant) as conn:
                ids = await customer_store.list_ids(conn, tenant, after=after, batch=_PAGE)
                profiles = await customer_store.find_many(conn, tenant, ids)
            if not ids:
                return
            yield _render([render_customer(each) for each in profiles], file_format)
            after = ids[-1]


def _render(customers: list[CustomerProfile], file_format: FileFormat) -> str:
    if file_format is FileFormat.CSV:
        return render_csv(each.model_dump(mode="json") for each in customers)
    return "".join(f"{each.model_dump_json()}\n" for each in customers)
