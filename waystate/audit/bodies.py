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
from waystate.documents import JsonObject

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
    """`head` is the last good entry (position 0: none is known to be), `noted` the same as text.

    Keep it elsewhere, and give it as `head` the next time.
    """

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


ENTRY_EXAMPLE: JsonObject = {
    "position": 41,
    "id": "019c1420-9a10-7e44-8b3f-1d2c5e7f9a03",
    "at": "2026-01-31T12:03:00.000Z",
    "actor": {"kind": "user", "id": "019c1420-1111-7d20-9c4b-3f5a6b7c8d9e"},
    "action": "key.created",
    "subject": "key:019c1420-99f2-7a1b-b5c6-7d8e9f0a1b2c",
    "details": {"name": "routing service", "scopes": ["state:read", "state:write"]},
    "hash": "9b74c9897bac770ffc029102a200c5de8a3c5f1d2e4b6a7980f1e2d3c4b5a697",
}
