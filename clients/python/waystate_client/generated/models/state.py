"""Of `state`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = ["Correlated", "Mapping", "StatusChanged", "TrackedMessage"]


class Correlated(Record):
    message: str
    changed: bool


class Mapping(CamelRecord):
    """MappingResponse of seed 000, with the tenant of seed 001.

    With the setting `correlation` at `genesys`, `conversationId` is Genesys' id. With `local` it is Waystate's own,
    and
    `genesysConversationId` is there beside it.
    """

    wa_id: str | None
    conversation_id: str | None
    contact_name: str | None
    phone_number_id: str
    display_phone_number: str | None
    communication_id: str | None
    last_activity_at: datetime
    status: str
    is_new: bool
    internal_id: UUID
    tenant_id: str
    genesys_conversation_id: str | None = None


class StatusChanged(CamelRecord):
    message: str
    message_id: UUID
    status: str


class TrackedMessage(CamelRecord):
    message: str
    message_id: UUID
    created: bool
    status: str
