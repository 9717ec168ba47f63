"""What WhatsApp says of accounts is written down, once, and what is so of a number from then on is kept beside it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from waystate.account_events import store
from waystate.account_events.model import AccountEvent, event_of
from waystate.channels.model import AccountReport
from waystate.db.pool import Connection
from waystate.events.model import AccountChanged
from waystate.ids import TenantId, new_id
from waystate.tenants import store as tenant_store
from waystate.tenants.model import NumberFacts, WhatsAppAccount


class Recorded(NamedTuple):
    """By a report's place: what was new of it. A copy of what is known has no event."""

    events: Mapping[int, AccountChanged]


async def record_many(
    conn: Connection,
    tenant: TenantId,
    accounts: Iterable[WhatsAppAccount],
    reports: Sequence[AccountReport],
    now: datetime,
) -> Recorded:
    """In the caller's transaction, which appends the events. `accounts` are the tenant's."""
    own = list(accounts)
    rows = [event_of(each, new_id(), find_number(each, own)) for each in reports]
    new = await store.insert_many(conn, tenant, rows)
    fresh = {place: row for place, row in enumerate(rows) if row.id in new}
    facts = [each for place, row in fresh.items() for each in facts_of(reports[place], row, own)]
    if facts:
        await tenant_store.note_facts(conn, tenant, facts)
    return Recorded({place: _changed(row, now) for place, row in fresh.items()})


def find_number(report: AccountReport, accounts: Iterable[WhatsAppAccount]) -> str | None:
    """The number by its id, else by its digits, of the business account's; WhatsApp writes them with and without blanks."""
    if report.phone_number_id is not None:
        return report.phone_number_id
    wanted = _digits(report.display_phone_number)
    of_account = [each for each in accounts if each.business_account_id == report.business_account_id]
    same = [each for each in of_account if wanted and _digits(each.display_phone_number) == wanted]
    return same[0].phone_number_id if len(same) == 1 else None


def facts_of(report: AccountReport, row: AccountEvent, accounts: Sequence[WhatsAppAccount]) -> list[NumberFacts]:
    """Of the number; what is said of a whole business account is so of each of its numbers."""
    if report.quality is None and report.messaging_limit is None:
        return []
    own = [each.phone_number_id for each in accounts if each.business_account_id == report.business_account_id]
    numbers = own if row.phone_number_id is None and report.display_phone_number is None else [row.phone_number_id]
    return [
        NumberFacts(
            phone_number_id=number,
            quality=report.quality,
            quality_at=report.at if report.quality is not None else None,
            messaging_limit=report.messaging_limit,
            messaging_limit_at=report.at if report.messaging_limit is not None else None,
        )
        for number in numbers
        if number in own
    ]


def _changed(row: AccountEvent, now: datetime) -> AccountChanged:
    return AccountChanged(
        account_event_id=row.id,
        business_account_id=row.business_account_id,
        phone_number_id=row.phone_number_id or "",
        field=row.field,
        event=row.event,
        severity=row.severity.value,
        sentence=row.sentence,
        timestamp=row.at,
        at=now,
    )


def _digits(written: str | None) -> str:
    return "".join(each for each in written or "" if each.isdigit())
