"""`/v1/audit`: what was done in the tenant, by whom, and whether the record of it is whole."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from waystate.audit import store
from waystate.audit.bodies import ACTOR, ENTRY_EXAMPLE, AuditPage, AuditVerdict, filter_of, render_entry, render_verdict
from waystate.audit.model import parse_head
from waystate.audit.verification import verify
from waystate.clock import UtcMoment
from waystate.db.pool import Database
from waystate.documents import clean_text
from waystate.operations import Operation
from waystate.principal import Scope
from waystate.web.caller import Caller

Clean = Annotated[str, AfterValidator(clean_text)]


class AuditRoutes:
    def __init__(self, db: Database) -> None:
        self._db = db

    @Operation(
        "GET",
        "/v1/audit",
        Scope.AUDIT_READ,
        tag="Audit log",
        summary="What was done, newest first",
        example_answer={"items": [ENTRY_EXAMPLE], "next": None},
    )
    async def list_audit_entries(
        self,
        principal: Caller,
        action: Annotated[Clean | None, Query(max_length=200, description="`key.created`, or `key` for all of a noun")] = None,
        actor: Annotated[str | None, Query(pattern=ACTOR, description="`operator`, or `user:{id}`")] = None,
        subject: Annotated[Clean | None, Query(max_length=300, description="`key:{id}`, or `key` for all")] = None,
        since: Annotated[UtcMoment | None, Query(description="At this time or later")] = None,
        until: Annotated[UtcMoment | None, Query(description="Before this time")] = None,
        before: Annotated[int | None, Query(ge=1, le=(1 << 63) - 1, description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> AuditPage:
        wanted = filter_of(action=action, actor=actor, subject=subject, since=since, until=until)
        async with self._db.tenant(principal.tenant_id) as conn:
            rows = await store.list_page(conn, principal.tenant_id, wanted, before=before, batch=limit + 1)
        items = [render_entry(row) for row in rows[:limit]]
        return AuditPage(items=items, next=items[-1].position if len(rows) > limit else None)

    @Operation(
        "GET",
        "/v1/audit/verify",
        Scope.AUDIT_READ,
        tag="Audit log",
        summary="Whether the record is whole",
        example_answer={
            "intact": True,
            "head": {"position": 41, "hash": ENTRY_EXAMPLE["hash"]},
            "noted": f"41:{ENTRY_EXAMPLE['hash']}",
            "fault": None,
        },
    )
    async def verify_audit(
        self,
        principal: Caller,
        head: Annotated[
            str | None,
            Query(pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$", description="A `noted` of earlier: shows a cut-off end too"),
        ] = None,
    ) -> AuditVerdict:
        """Walks the whole chain of the tenant and tells the first place where it is broken."""
        expected = None if head is None else parse_head(head)
        return render_verdict(await verify(self._db, principal.tenant_id, expected=expected))
