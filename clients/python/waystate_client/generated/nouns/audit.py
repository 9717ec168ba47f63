"""Of `audit`: a method an operation. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from waystate_client.calls import Caller
from waystate_client.generated import models


class AuditNoun:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def list_entries(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int | None = None,
    ) -> models.AuditPage:
        """What was done, newest first

        action: `key.created`, or `key` for all of a noun
        actor: `operator`, or `user:{id}`
        subject: `key:{id}`, or `key` for all
        since: At this time or later
        until: Before this time
        before: The `next` of the page before
        """
        return self._caller.call(
            "GET",
            "/v1/audit",
            models.AuditPage,
            query={
                "action": action,
                "actor": actor,
                "subject": subject,
                "since": since,
                "until": until,
                "before": before,
                "limit": limit,
            },
        )

    def iterate_entries(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> Iterator[models.AuditEntry]:
        """All that `list_entries` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = self.list_entries(
                action=action, actor=actor, subject=subject, since=since, until=until, limit=page_size, before=before
            )
            yield from page.items
            if not page.next:
                return
            before = page.next

    def verify(self, *, head: str | None = None) -> models.AuditVerdict:
        """Whether the record is whole

        Walks the whole chain of the tenant and tells the first place where it is broken.

        head: A `noted` of earlier: shows a cut-off end too
        """
        return self._caller.call("GET", "/v1/audit/verify", models.AuditVerdict, query={"head": head})
