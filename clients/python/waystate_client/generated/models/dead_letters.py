"""Of `dead_letters`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = [
    "BulkAnswer",
    "DeadLetterAnswer",
    "DeadLetterPage",
    "Discarded",
    "OutcomeAnswer",
    "Pipeline",
    "Reason",
    "Replayed",
    "Who",
]

Pipeline = Literal[
    "inbound",
    "outbound",
    "status",
    "correlation",
    "deliveries",
    "templates",
    "account",
    "echoes",
    "history",
    "address_book",
    "preferences",
    "calls",
    "standby",
]

Reason = Literal[
    "lock_timeout",
    "mapping_not_found",
    "invalid_payload",
    "state_violation",
    "mapping_status_expired",
    "mapping_status_closed",
    "database_error",
    "invalid_media_url",
    "unknown_tenant",
    "window_closed",
    "recipient_moved",
    "group_message",
    "group_unavailable",
    "not_for_groups",
    "not_in_control",
    "delivery_failed",
    "missed_genesys_message",
]
"""Why an item is a dead letter (seed 000, and those that Waystate adds)."""


class OutcomeAnswer(Record):
    """`outcome`: `replayed`, `already_done`, `discarded`, `failed` (again, with its `reason`), `not_open` or
    `not_found`.
    """

    id: UUID
    outcome: str
    message: str
    reason: str | None
    events: int


class BulkAnswer(CamelRecord):
    """`counts` by outcome. `next` is the `after` that goes on with the same filter, null when it was the last."""

    message: str
    counts: dict[str, int]
    results: list[OutcomeAnswer]
    next: UUID | None
    open_total: int


class Who(Record):
    kind: str
    id: UUID | None


class DeadLetterAnswer(CamelRecord):
    """`editedPayload` is what a replay runs where it is not null; `whatToDo` is the advice for the reason."""

    id: UUID
    pipeline: str
    reason: str
    error_message: str
    what_to_do: str | None
    original_payload: dict[str, Any]
    edited_payload: dict[str, Any] | None
    origin: str
    status: str
    retry_count: int
    last_reason: str | None
    last_error: str | None
    last_tried_at: datetime | None
    note: str | None
    edited_at: datetime | None
    replayed_at: datetime | None
    discarded_at: datetime | None
    last_actor: Who | None
    created_at: datetime
    updated_at: datetime


class DeadLetterPage(CamelRecord):
    """`next` is the `before` of the next page, null on the last one; `openTotal` counts all that are open, on any
    page.
    """

    items: list[DeadLetterAnswer]
    next: UUID | None
    open_total: int


class Discarded(Record):
    message: str


class Replayed(Record):
    """`outcome`: `replayed`, or `already_done` when its effect had happened before, so that nothing was done
    again.
    """

    message: str
    outcome: str
    events: int
