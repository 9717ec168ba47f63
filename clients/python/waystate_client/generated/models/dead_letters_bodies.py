"""Of `dead_letters_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from waystate_client.generated.models.dead_letters import Pipeline, Reason
from waystate_client.records import CamelRecord, Record

__all__ = ["Discard", "DiscardSelection", "Edit", "Selection", "Wanted"]


class Discard(Record):
    note: str | None = None


class Wanted(Record):
    """`since` and `until` (exclusive) are by creation. Without any, every open one."""

    reason: Reason | str | None = None
    pipeline: Pipeline | str | None = None
    since: datetime | None = None
    until: datetime | None = None


class DiscardSelection(Record):
    ids: list[UUID] | None = None
    filter: Wanted | None = None
    limit: int | None = None
    after: UUID | None = None
    """The `next` of the answer before"""
    note: str | None = None


class Edit(CamelRecord):
    original_payload: dict[str, Any]
    """The whole payload as it should have come"""


class Selection(Record):
    """Open ones: by `ids`, or by `filter`, then at most `limit` of them, oldest first, from behind `after`."""

    ids: list[UUID] | None = None
    filter: Wanted | None = None
    limit: int | None = None
    after: UUID | None = None
    """The `next` of the answer before"""
