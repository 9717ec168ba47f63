"""A customer as people see one: a contact with what is known of them, found and sorted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from waystate.contacts.model import Identity
from waystate.documents import JsonObject
from waystate.messages.model import Direction

NEVER = datetime.min.replace(tzinfo=UTC)
EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a contact. `phone_number` is E.164; `identities` are those that lead there now, the newest last.

    `is_named_by_hand`: somebody gave the name here, and it stays whatever WhatsApp calls them.

    `edited_at` changes with what may be edited alone. The counts are those of the index: a second or two behind.
    """

    id: UUID
    name: str | None = None
    email: str | None = None
    phone_number: str | None = None
    username: str | None = None
    language: str | None = None
    profile_picture_url: str | None = None
    tags: tuple[str, ...] = ()
    preferences: JsonObject = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)
    created_at: datetime
    edited_at: datetime
    identities: tuple[Identity, ...] = ()
    is_named_by_hand: bool = False
    message_count: int = 0
    last_message_at: datetime | None = None
    last_activity_at: datetime


class Sort(StrEnum):
    """The order of a list: the newest or most first, names from A to Z."""

    LAST_ACTIVITY = "lastActivity"
    NAME = "name"
    CREATED = "created"
    MESSAGE_COUNT = "messageCount"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Which customers are wanted: all that is given must hold. `words` is a tsquery, of `query_of`; times are half open."""

    words: str | None = None
    tags: tuple[str, ...] = ()
    active_since: datetime | None = None
    active_until: datetime | None = None
    created_since: datetime | None = None
    created_until: datetime | None = None
    has_open_conversation: bool | None = None
    phone_number_id: str | None = None


OFFERED: Mapping[Sort, frozenset[str]] = MappingProxyType(
    {
        Sort.LAST_ACTIVITY: frozenset({"q", "tag", "activeSince", "activeUntil", "hasOpenConversation", "number"}),
        Sort.CREATED: frozenset({"q", "tag", "createdSince", "createdUntil"}),
        Sort.NAME: frozenset({"q", "tag"}),
        Sort.MESSAGE_COUNT: frozenset({"q", "tag"}),
    }
)
"""The filters that each order can have: for these there is an index, whatever the number of customers."""


class ListPlace(NamedTuple):
    """Where a page ends: what its last customer is sorted by, and their id."""

    value: datetime | str | int
    contact_id: UUID


class HistoryPlace(NamedTuple):
    """A message in the order of histories."""

    sent_at: datetime
    message_id: UUID


class HistoryFilter(NamedTuple):
    """Which messages of a history are wanted; None: all."""

    direction: Direction | None = None
    type: str | None = None


WHOLE_HISTORY = HistoryFilter()
LATEST = HistoryPlace(EVER, UUID(int=2**128 - 1))
