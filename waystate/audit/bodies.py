"""What `/v1/audit` takes and answers."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from waystate.audit.model import AuditFilter, Fault, Head
from waystate.audit.store import Row
from waystate.audit.verification import Verified
from waystate.clock import iso

ACTOR = r"^(user|key|trusted|operator|system)(:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$"
Text = Annotated[str, Field(description="ISO 8601 with Z")]


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


def filter_of(
    *,
    action: str | None = None,
    actor: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AuditFilter:
    """`actor` as `kind` or `kind:id`."""
    kind, _, identifier = (actor or "").partition(":")
    return AuditFilter(
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
