"""Of `templates`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = [
    "SyncAnswer",
    "SyncError",
    "SyncedAccount",
    "TemplateAccount",
    "TemplateAnswer",
    "TemplatePage",
    "TemplatePreviewAnswer",
]


class SyncError(Record):
    """Why the last listing failed, as WhatsApp or the network said it."""

    code: str
    message: str | None


class SyncedAccount(CamelRecord):
    """`found` is how many templates the listing showed; of those known `added`, `changed` and `deleted` are what it
    did.
    """

    business_account_id: str
    synced_at: datetime | None
    error: SyncError | None
    found: int
    added: int
    changed: int
    deleted: int


class SyncAnswer(Record):
    accounts: list[SyncedAccount]


class TemplateAccount(CamelRecord):
    """How far a business account's templates are known.

    `syncedAt` is null until they were listed, `error` is of the last try.
    """

    business_account_id: str
    synced_at: datetime | None
    error: SyncError | None


class TemplateAnswer(CamelRecord):
    """`id` is ours, `externalId` WhatsApp's. `status` is WhatsApp's word: APPROVED, PAUSED, REJECTED, … with its
    `reason`.

    `components` is WhatsApp's definition, null while only a webhook told of the template. `changedAt` is when the
    last change
    was so at WhatsApp, `syncedAt` when a listing showed it last.
    """

    id: UUID
    business_account_id: str
    external_id: str | None
    name: str
    language: str
    status: str | None
    reason: str | None
    category: str | None
    quality: str | None
    parameter_format: str | None
    components: list[dict[str, Any]] | None
    changed_at: datetime
    synced_at: datetime | None


class TemplatePage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[TemplateAnswer]
    next: UUID | None
    accounts: list[TemplateAccount]


class TemplatePreviewAnswer(Record):
    """As the customer will see it. `cards` of a carousel have the same shape."""

    header: dict[str, Any] | None
    body: str | None
    footer: str | None
    buttons: list[dict[str, Any]]
    offer: dict[str, Any] | None = None
    cards: list[dict[str, Any]] | None = None
