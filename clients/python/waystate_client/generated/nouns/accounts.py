"""Of `accounts`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from waystate_client.calls import Caller
from waystate_client.generated import models


class AccountsNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list_events(
        self,
        *,
        number: str | None = None,
        business_account_id: str | None = None,
        field: str | None = None,
        severity: models.Severity | None = None,
        before: UUID | str | None = None,
        limit: int | None = None,
    ) -> models.AccountEventPage:
        """What WhatsApp said of accounts and numbers, newest first

        Whatever Meta's webhooks bring beside messages, statuses and templates: restrictions, reviews, quality,
        limits, names, security, groups, and fields that nobody knows yet. Each is kept whole, once.

        number: Of this phone number id, or of its account
        field: WhatsApp's word, such as account_update
        severity: So severe, or more
        before: The `next` of the page before
        """
        return self._caller.call(
            "GET",
            "/v1/accounts/events",
            models.AccountEventPage,
            query={
                "number": number,
                "businessAccountId": business_account_id,
                "field": field,
                "severity": severity,
                "before": before,
                "limit": limit,
            },
        )

    def iterate_events(
        self,
        *,
        number: str | None = None,
        business_account_id: str | None = None,
        field: str | None = None,
        severity: models.Severity | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.AccountEventAnswer]:
        """All that `list_events` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = self.list_events(
                number=number,
                business_account_id=business_account_id,
                field=field,
                severity=severity,
                limit=page_size,
                before=before,
            )
            yield from page.items
            if not page.next:
                return
            before = page.next
