"""What `/v1/accounts/events` answers."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from waystate.account_events.model import AccountEvent
from waystate.channels.model import Severity
from waystate.clock import iso
from waystate.documents import JsonObject

Moment = Annotated[str, Field(description="ISO 8601 with Z")]


class AccountEventAnswer(BaseModel):
    """`field` and `event` are WhatsApp's own words, `sentence` is for people, `value` the whole of what came.

    `at` is when it was so, as WhatsApp says. Without a `number` it is of the whole business account.
    """

    id: UUID
    at: Moment
    number: str | None
    businessAccountId: str | None
    field: str
    event: str | None
    severity: Severity
    sentence: str
    value: dict[str, Any]


class AccountEventPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[AccountEventAnswer]
    next: UUID | None


def render_account_event(event: AccountEvent) -> AccountEventAnswer:
    return AccountEventAnswer(
        id=event.id,
        at=iso(event.at),
        number=event.phone_number_id,
        businessAccountId=event.business_account_id,
        field=event.field,
        event=event.event,
        severity=event.severity,
        sentence=event.sentence,
        value=event.value,
    )


EVENT_EXAMPLE: JsonObject = {
    "id": "019c1420-5a10-7e21-9c44-2b6d8f0a1c36",
    "at": "2026-01-30T09:15:00.000Z",
    "number": "106540352242922",
    "businessAccountId": "102290129340398",
    "field": "phone_number_quality_update",
    "event": "FLAGGED",
    "severity": "warning",
    "sentence": "The number's quality is low: customers block or report it. Send less, and only what was asked for. "
    "It may write to TIER_10K customers a day outside the window.",
    "value": {"display_phone_number": "15550783881", "event": "FLAGGED", "current_limit": "TIER_10K"},
}
