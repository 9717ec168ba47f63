"""Of `accounts`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["AccountEventAnswer", "AccountEventPage", "Severity"]

Severity = Literal["info", "warning", "critical"]
"""How bad it is: to be known, to be looked at, or nothing works until somebody acts."""


class AccountEventAnswer(CamelRecord):
    """`field` and `event` are WhatsApp's own words, `sentence` is for people, `value` the whole of what came.

    `at` is when it was so, as WhatsApp says. Without a `number` it is of the whole business account.
    """

    id: UUID
    at: datetime
    number: str | None
    business_account_id: str | None
    field: str
    event: str | None
    severity: Severity | str
    sentence: str
    value: dict[str, Any]


class AccountEventPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[AccountEventAnswer]
    next: UUID | None
