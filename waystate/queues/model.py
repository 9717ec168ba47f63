"""Where conversations wait for one of several people. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from waystate.documents import dump

EDITABLE = ("name", "members", "genesys_queue", "schedule_id")
MOST_MEMBERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentQueue:
    """`members` are people of the tenant, in the order of their ids; `genesys_queue` is the id of what stands for it there."""

    id: UUID
    name: str
    members: tuple[UUID, ...] = ()
    genesys_queue: str | None = None
    schedule_id: UUID | None = None
    created_at: datetime
    edited_at: datetime


def edited(queue: AgentQueue, fields: Mapping[str, Any]) -> AgentQueue:
    return replace(queue, **fields)


def changed_fields(before: AgentQueue, after: AgentQueue) -> list[str]:
    return [each for each in EDITABLE if getattr(before, each) != getattr(after, each)]


def etag_of(queue: AgentQueue) -> str:
    """Of what may be edited alone: what waits in it changes it not."""
    told = [getattr(queue, each) for each in EDITABLE]
    return f'"{sha256(dump(told).encode()).hexdigest()[:20]}"'
