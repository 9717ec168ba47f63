"""What WhatsApp says of a business account or a number as such, as an entry of a timeline."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.channels.model import AccountReport, Severity
from waystate.documents import JsonObject

MORE_SEVERE = {each: list(Severity)[place:] for place, each in enumerate(Severity)}
"""Each severity with those above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountEvent:
    """`id` tells when it was taken in, `at` when it was so. Without a `phone_number_id` it is of the whole business account."""

    id: UUID
    business_account_id: str | None
    phone_number_id: str | None
    field: str
    event: str | None
    severity: Severity
    sentence: str
    value: JsonObject
    at: datetime
    digest: str


class AccountFilter(NamedTuple):
    """What a list is to show: a None filters nothing. `severity`: this one, or above."""

    phone_number_id: str | None = None
    business_account_id: str | None = None
    field: str | None = None
    severity: Severity | None = None


def event_of(report: AccountReport, id: UUID, phone_number_id: str | None) -> AccountEvent:
    """`phone_number_id`: the tenant's number that the report is about, where it is about one."""
    return AccountEvent(
        id=id,
        business_account_id=report.business_account_id,
        phone_number_id=phone_number_id,
        field=report.field,
        event=report.event,
        severity=report.severity,
        sentence=report.sentence,
        value=report.value,
        at=report.at,
        digest=report.digest,
    )
