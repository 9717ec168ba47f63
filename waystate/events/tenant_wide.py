"""Events of a tenant as such, and of no contact or conversation: its templates, its numbers, how its people work."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1


class TenantEvent(BaseModel):
    """Of the tenant as such."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: ClassVar[int] = SCHEMA_VERSION
    # Not published: what every other event is of, so that all are looked at alike.
    contact_id: ClassVar[UUID | None] = None
    message_id: ClassVar[UUID | None] = None
    wa_id: ClassVar[str | None] = None


class TemplateChanged(TenantEvent):
    """What is known of a message template changed: by a webhook, or by a listing. It is of no contact and no conversation.

    The `previous_…` are null of one that was not known before. `timestamp` is when it was so at WhatsApp.
    """

    phone_number_id: ClassVar[str] = ""

    type: Literal["template.changed"] = "template.changed"
    template_id: UUID
    business_account_id: str
    external_id: str | None = None
    name: str
    language: str
    status: str | None = None
    previous_status: str | None = None
    reason: str | None = None
    category: str | None = None
    previous_category: str | None = None
    quality: str | None = None
    previous_quality: str | None = None
    are_components_changed: bool
    timestamp: datetime
    at: datetime


class NumberEvent(TenantEvent):
    """Of a number of the tenant as such: of no contact and no conversation."""

    phone_number_id: str
    at: datetime


class AccountChanged(NumberEvent):
    """WhatsApp said something of a business account, or of one number of it, by a webhook's `field`; `sentence` is for people.

    `phone_number_id` is empty where it is of no single number. What was said stands whole in `GET /v1/accounts/events`.
    """

    type: Literal["account.changed"] = "account.changed"
    phone_number_id: str = ""
    account_event_id: UUID
    business_account_id: str | None = None
    field: str
    event: str | None = None
    severity: Literal["info", "warning", "critical"]
    sentence: str
    timestamp: datetime


class NumberHeld(NumberEvent):
    """WhatsApp refuses the number (credentials, account or billing): nothing of it leaves until somebody mends the cause."""

    type: Literal["number.held"] = "number.held"
    kind: Literal["auth", "account", "billing"]
    error: dict[str, Any]


class NumberReleased(NumberEvent):
    """WhatsApp takes the number's messages again, which were held since `held_since`."""

    type: Literal["number.released"] = "number.released"
    kind: Literal["auth", "account", "billing"]
    held_since: datetime


class ArrangementEvent(TenantEvent):
    """Of the tenant as such: of no contact, no conversation and no number. `fields` are those that are otherwise now."""

    phone_number_id: ClassVar[str] = ""

    change: Literal["added", "edited", "deleted"]
    fields: list[str] = []
    at: datetime


class QueueChanged(ArrangementEvent):
    """A queue was added, edited or deleted. What waited in one that is deleted is told by `conversation.queue_changed`."""

    type: Literal["queue.changed"] = "queue.changed"
    queue_id: UUID
    name: str


class ScheduleChanged(ArrangementEvent):
    """A schedule was added, edited or deleted."""

    type: Literal["schedule.changed"] = "schedule.changed"
    schedule_id: UUID
    name: str


class ReplyChanged(ArrangementEvent):
    """A ready answer was added, edited or deleted; of `queue_id`, or of the whole tenant."""

    type: Literal["reply.changed"] = "reply.changed"
    reply_id: UUID
    queue_id: UUID | None = None
    shortcut: str
