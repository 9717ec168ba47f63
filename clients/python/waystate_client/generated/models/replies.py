"""Of `replies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["FilledReply", "ReplyAnswer", "ReplyPage"]


class FilledReply(Record):
    """`missing`: variables of the text without a value; nothing stands in their place, so look before you send."""

    text: str
    missing: list[str]


class ReplyAnswer(CamelRecord):
    """`queue`: of which it is; null: of the whole tenant."""

    id: UUID
    shortcut: str
    title: str | None
    text: str
    queue: UUID | None
    created_at: datetime
    edited_at: datetime


class ReplyPage(Record):
    """By shortcut. `next` is null on the last page."""

    items: list[ReplyAnswer]
    next: str | None
