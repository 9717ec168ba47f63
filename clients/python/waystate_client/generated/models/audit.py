"""Of `audit`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from waystate_client.records import Record

__all__ = ["AuditActor", "AuditEntry", "AuditFault", "AuditHead", "AuditPage", "AuditVerdict"]


class AuditActor(Record):
    """`user` with the person's id, `key` with the key's; `operator` ran a command on the machine itself."""

    kind: str
    id: str | None


class AuditEntry(Record):
    """`hash` covers everything of the entry and the hash of the entry before it."""

    position: int
    id: UUID
    at: datetime
    actor: AuditActor
    action: str
    subject: str
    details: Any
    hash: str


class AuditFault(Record):
    """`kind`: `changed`, `missing`, `inserted`, or, against a head that was noted, `rewritten` or `truncated`."""

    kind: str
    position: int
    message: str


class AuditHead(Record):
    position: int
    hash: str


class AuditPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[AuditEntry]
    next: int | None


class AuditVerdict(Record):
    """`head` is the last good entry (position 0: none is known to be), `noted` the same as text.

    Keep it elsewhere, and give it as `head` the next time.
    """

    intact: bool
    head: AuditHead
    noted: str
    fault: AuditFault | None
