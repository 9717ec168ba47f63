"""Of `audit`: a method an operation, awaited. Generated from docs/reference/openapi.json: `make clients` writes it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from waystate_client.calls import AsyncCaller
from waystate_client.generated import models


class AsyncAuditNoun:
    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    async def list_entries(
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
        return await self._caller.call(
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

    async def iterate_entries(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[models.AuditEntry]:
        """All that `list_entries` finds, from page to page. `page_size` is how many come with one call."""
        before: Any = None
        while True:
            page = await self.list_entries(
                action=action, actor=actor, subject=subject, since=since, until=until, limit=page_size, before=before
            )
            for each in page.items:
                yield each
            if not page.next:
                return
            before = page.next

    async def verify(self, *, head: str | None = None) -> models.AuditVerdict:
        """Whether the record is whole

        Walks the whole chain of the tenant and tells the first place where it is broken.

        head: A `noted` of earlier: shows a cut-off end too
        """
        return await self._caller.call("GET", "/v1/audit/verify", models.AuditVerdict, query={"head": head})
