"""The audit log: what somebody with a privilege did, each entry chained to the one before it. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from json import dumps
from typing import Literal, NamedTuple
from uuid import UUID

from waystate.ids import TenantId, new_id
from waystate.json import JsonObject

FIRST = bytes(32)
"""What stands for the hash before the first entry."""


class Actor(NamedTuple):
    """`operator` is whoever runs commands on the machine itself, `system` a timer; neither has an id."""

    kind: Literal["user", "key", "trusted", "operator", "system"]
    id: UUID | None = None


OPERATOR = Actor("operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`action` is noun.verb in the past (`user.invited`), `subject` what it was done to (`user:{id}`).

    `details` never hold a secret.
    """

    actor: Actor
    action: str
    subject: str
    at: datetime
    details: JsonObject = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained:
    entry: Entry
    position: int
    previous: bytes
    hash: bytes


def chain(tenant_id: TenantId, entries: Iterable[Entry], *, position: int, previous: bytes) -> list[Chained]:
    """The entries behind the one at `position` whose hash is `previous`."""
    chained = []
    for entry in entries:
        position += 1
        link = Chained(entry=entry, position=position, previous=previous, hash=hash_of(tenant_id, entry, position, previous))
        chained.append(link)
        previous = link.hash
    return chained


def hash_of(tenant_id: TenantId, entry: Entry, position: int, previous: bytes) -> bytes:
    """SHA-256 over everything of the entry in one fixed way to write it, after the hash before it."""
    actor = [entry.actor.kind, None if entry.actor.id is None else str(entry.actor.id)]
    told = [
        tenant_id,
        position,
        str(entry.id),
        entry.at.astimezone(UTC).isoformat(),
        actor,
        entry.action,
        entry.subject,
        entry.details,
    ]
    return hashlib.sha256(previous + dumps(told, sort_keys=True, separators=(",", ":"), default=str).encode()).digest()
