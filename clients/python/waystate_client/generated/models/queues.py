"""Of `queues`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["MemberAnswer", "QueueAnswer", "QueuePage", "StateAnswer"]


class MemberAnswer(Record):
    """`name` is null of who does not work here at the moment: they were disabled."""

    id: UUID
    name: str | None


class StateAnswer(CamelRecord):
    """Whether it is open, and when that changes; null where it does not within 400 days. `holiday`: whose hours these
    are.
    """

    at: datetime
    open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    holiday: str | None


class QueueAnswer(CamelRecord):
    """`state`: whether it is open now; without a schedule it always is. `openConversations`: how many are in it."""

    id: UUID
    name: str
    members: list[MemberAnswer]
    genesys_queue: str | None
    schedule: UUID | None
    state: StateAnswer
    open_conversations: int
    created_at: datetime
    edited_at: datetime


class QueuePage(Record):
    """By name. `next` is null on the last page."""

    items: list[QueueAnswer]
    next: str | None
