"""What people do around a conversation: notes, who takes part, how far each has read. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from waystate.documents import dump

LONGEST_NOTE = 4096
MOST_PARTICIPANTS = 50
"""Of those that were added."""
MOST_UNREAD = 100
"""How far messages are counted that somebody has not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`author_kind` and `author_id` as the audit log names who did something; they may be gone by now."""

    id: UUID
    conversation_id: UUID
    author_kind: str
    author_id: UUID | None
    text: str
    at: datetime


class TakesPart(StrEnum):
    """As what: seed 003's roles."""

    CUSTOMER = "customer"
    AGENT = "agent"
    OBSERVER = "observer"


class PartSource(StrEnum):
    """Why somebody takes part."""

    CONVERSATION = "conversation"
    GROUP = "group"
    ASSIGNMENT = "assignment"
    ADDED = "added"


class AddedParty(NamedTuple):
    """A contact, or a person of the tenant, that was added."""

    id: UUID
    is_contact: bool
    role: TakesPart
    added_at: datetime | None = None


class Involved(NamedTuple):
    """Who takes part, with what they are called; None where nobody knows."""

    id: UUID
    is_contact: bool
    role: TakesPart
    source: PartSource
    name: str | None
    since: datetime | None = None


class ReadingReach(NamedTuple):
    """How far somebody has read: the newest message they had before them by receipt, and by when it was sent."""

    message_id: UUID
    sent_at: datetime


def joined(by_themselves: Iterable[Involved], added: Iterable[Involved]) -> list[Involved]:
    """Each once: who takes part by themselves does so as that."""
    found: dict[UUID, Involved] = {}
    for each in (*by_themselves, *added):
        found.setdefault(each.id, each)
    return list(found.values())


def etag_of(parties: Iterable[AddedParty]) -> str:
    """Of those that were added."""
    told = sorted([str(each.id), each.role.value] for each in parties)
    return f'"{sha256(dump(told).encode()).hexdigest()[:20]}"'
