"""Conversations as people work through them: which of them, and in which order. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from waystate.conversations.model import CUSTOMER_WINDOW, EVERYTHING, OPEN, ConversationStatus, Sight

NEVER = datetime.min.replace(tzinfo=UTC)
EVER = datetime.max.replace(tzinfo=UTC)
FIRST_ID, LAST_ID = UUID(int=0), UUID(int=2**128 - 1)


class InboxSort(StrEnum):
    """The order of a list: the latest first, or those who wait longest."""

    LAST_ACTIVITY = "lastActivity"
    CREATED = "created"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFilter:
    """Which conversations are wanted: all that is given must hold.

    `words` is a tsquery, of `query_of`. `is_unassigned`, `controller` and `is_window_open` are asked of open ones alone.
    """

    status: ConversationStatus | None = None
    is_open: bool = False
    """In any status of open ones."""
    assignee: UUID | None = None
    is_unassigned: bool = False
    queue: UUID | None = None
    controller: str | None = None
    phone_number_id: str | None = None
    tags: tuple[str, ...] = ()
    words: str | None = None
    since: datetime = NEVER
    is_window_open: bool | None = None
    sight: Sight = EVERYTHING

    @property
    def statuses(self) -> list[ConversationStatus]:
        """Those that the rows may have; each of them is one stretch of an index."""
        among = [self.status] if self.status is not None else list(ConversationStatus)
        is_of_open = self.is_open or self.is_unassigned or self.controller is not None or self.is_window_open is not None
        return [each for each in among if each in OPEN or not is_of_open]


OFFERED_FILTERS: Mapping[InboxSort, frozenset[str]] = MappingProxyType(
    {
        InboxSort.LAST_ACTIVITY: frozenset(
            {"status", "assignee", "queue", "controller", "number", "tag", "q", "updatedSince", "windowOpen"}
        ),
        InboxSort.CREATED: frozenset({"status", "tag", "q"}),
        InboxSort.WAITING: frozenset({"status", "assignee", "queue", "controller", "number", "tag", "q", "windowOpen"}),
    }
)
"""The filters that each order can have: for these there is an index, whatever the number of conversations."""


class InboxPlace(NamedTuple):
    """Where a page ends: what its last conversation is sorted by, and its id."""

    value: datetime
    conversation_id: UUID


class MessagePlace(NamedTuple):
    """A message in the order of its conversation."""

    sent_at: datetime
    message_id: UUID


NEWEST, OLDEST = MessagePlace(EVER, LAST_ID), MessagePlace(NEVER, FIRST_ID)


def before_all(sort: InboxSort) -> InboxPlace:
    """Returns the place ahead of every conversation in this order."""
    return InboxPlace(NEVER, FIRST_ID) if sort is InboxSort.WAITING else InboxPlace(EVER, LAST_ID)


def in_order(places: list[InboxPlace], sort: InboxSort, after: InboxPlace) -> list[InboxPlace]:
    """Returns those behind a place, in their order."""
    if sort is InboxSort.WAITING:
        return sorted(each for each in places if each > after)
    return sorted((each for each in places if each < after), reverse=True)


def window_floor(now: datetime) -> datetime:
    """Returns from when on a customer's sign opens a window that is open now."""
    return now - CUSTOMER_WINDOW + timedelta(microseconds=1)
