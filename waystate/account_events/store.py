"""The timeline of accounts in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waystate.account_events.model import MORE_SEVERE, AccountEvent, AccountFilter
from waystate.channels.model import Severity
from waystate.db.pool import Connection, load_queries
from waystate.documents import clean_text, dump
from waystate.ids import TenantId, id_floor

_queries = load_queries(__file__)


async def insert_many(conn: Connection, tenant: TenantId, events: Sequence[AccountEvent]) -> set[UUID]:
    """The ids of those that were not known by their digest."""
    rows = await _queries.insert_many(
        conn,
        tenant_id=tenant,
        ids=[each.id for each in events],
        business_account_ids=[each.business_account_id for each in events],
        phone_number_ids=[each.phone_number_id for each in events],
        fields=[each.field for each in events],
        events=[each.event for each in events],
        severities=[each.severity for each in events],
        sentences=[each.sentence for each in events],
        values=[dump(each.value) for each in events],
        at=[each.at for each in events],
        digests=[each.digest for each in events],
    )
    return {row["id"] for row in rows}


async def drop_old(conn: Connection, tenant: TenantId, before: datetime, batch: int) -> int:
    """Entries that were taken in before then; how many went."""
    return len(await _queries.drop_old(conn, tenant_id=tenant, before=id_floor(before), batch=batch))


async def list_page(
    conn: Connection,
    tenant: TenantId,
    wanted: AccountFilter,
    *,
    account_of_number: str | None = None,
    before: UUID | None = None,
    batch: int = 100,
) -> list[AccountEvent]:
    """Newest first, from before an id. `account_of_number`: the business account of the number that is wanted."""
    rows = await _queries.list_page(
        conn,
        tenant_id=tenant,
        phone_number_id=_storable(wanted.phone_number_id),
        account_of_number=account_of_number,
        business_account_id=_storable(wanted.business_account_id),
        field=_storable(wanted.field),
        severities=None if wanted.severity is None else list(MORE_SEVERE[wanted.severity]),
        before=before,
        batch=batch,
    )
    return [AccountEvent(**{**dict(row), "severity": Severity(row["severity"])}) for row in rows]


def _storable(wanted: str | None) -> str | None:
    """Nothing is called by what cannot be stored, so nothing is found by it."""
    return None if wanted is None else clean_text(wanted)
