"""`/v1/audit`: what was done in the tenant, by whom, and whether the record of it is whole."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from waystate.audit import store
from waystate.audit.model import Fault, Filter, Head, parse_head
from waystate.audit.store import Row
from waystate.audit.verification import Verified, verify
from waystate.clock import iso
from waystate.db.pool import Database
from waystate.documents import clean_text
from waystate.web.requests import Caller

ACTOR = r"^(user|key|trusted|operator|system)(:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"
Text = Annotated[str, Field(description="ISO 8601 with Z")]
Clean = Annotated[str, AfterValidator(clean_text)]


class AuditActor(BaseModel):
    """`user` with the person's id, `key` with the key's; `operator` ran a command on the machine itself."""

    kind: str
    id: str | None


class AuditEntry(BaseModel):
    """`hash` covers everything of the entry and the hash of the entry before it."""

    position: int
    id: UUID
    at: Text
    actor: AuditActor
    action: str
    subject: str
    details: Any
    hash: str


class AuditPage(BaseModel):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[AuditEntry]
    next: int | None


class AuditHead(BaseModel):
    position: int
    hash: str


class AuditFault(BaseModel):
    """`kind`: `changed`, `missing`, `inserted`, or, against a head that was noted, `rewritten` or `truncated`."""

    kind: str
    position: int
    message: str


class AuditVerdict(BaseModel):
    """`head` is the last good entry, `noted` the same as text: keep it elsewhere, and give it as `head` the next time."""

    intact: bool
    head: AuditHead
    noted: str
    fault: AuditFault | None


def audit_routes(db: Database) -> APIRouter:
    router = APIRouter(prefix="/v1/audit", tags=["Audit log"])

    @router.get("", summary="What was done, newest first")
    async def list_audit(
        principal: Caller,
        action: Annotated[Clean | None, Query(max_length=200, description="`key.created`, or `key` for all of a noun")] = None,
        actor: Annotated[str | None, Query(pattern=ACTOR, description="`operator`, or `user:{id}`")] = None,
        subject: Annotated[Clean | None, Query(max_length=300, description="`key:{id}`, or `key` for all")] = None,
        since: Annotated[AwareDatetime | None, Query(description="At this time or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Before this time")] = None,
        before: Annotated[int | None, Query(ge=1, le=(1 << 63) - 1, description="The `next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> AuditPage:
        wanted = filter_of(action=action, actor=actor, subject=subject, since=since, until=until)
        async with db.tenant(principal.tenant_id) as conn:
            rows = await store.list_page(conn, principal.tenant_id, wanted, before=before, batch=limit + 1)
        items = [render_entry(row) for row in rows[:limit]]
        return AuditPage(items=items, next=items[-1].position if len(rows) > limit else None)

    @router.get("/verify", summary="Whether the record is whole")
    async def verify_audit(
        principal: Caller,
        head: Annotated[
            str | None,
            Query(pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$", description="A `noted` of earlier: shows a cut-off end too"),
        ] = None,
    ) -> AuditVerdict:
        """Walks the whole chain of the tenant and tells the first place where it is broken."""
        expected = None if head is None else parse_head(head)
        return render_verdict(await verify(db, principal.tenant_id, expected=expected))

    return router


def filter_of(
    *,
    action: str | None = None,
    actor: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Filter:
    """`actor` as `kind` or `kind:id`."""
    kind, _, identifier = (actor or "").partition(":")
    return Filter(
        action=action,
        actor_kind=kind or None,
        actor_id=UUID(identifier) if identifier else None,
        subject=subject,
        since=since,
        until=until,
    )


def is_actor(text: str) -> bool:
    return re.fullmatch(ACTOR, text) is not None


def render_entry(row: Row) -> AuditEntry:
    actor = row["actor"] if isinstance(row["actor"], dict) else {}
    return AuditEntry(
        position=row["position"],
        id=row["id"],
        at=iso(row["at"]),
        actor=AuditActor(kind=str(actor.get("kind")), id=None if actor.get("id") is None else str(actor["id"])),
        action=row["action"],
        subject=row["subject"],
        details=row["details"],
        hash=row["hash"].hex(),
    )


def render_verdict(verified: Verified) -> AuditVerdict:
    head, fault = verified
    return AuditVerdict(intact=fault is None, head=_head(head), noted=str(head), fault=None if fault is None else _fault(fault))


def _head(head: Head) -> AuditHead:
    return AuditHead(position=head.position, hash=head.hash.hex())


def _fault(fault: Fault) -> AuditFault:
    return AuditFault(kind=fault.kind, position=fault.position, message=fault.message)
