"""Of `state_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from waystate_client.records import CamelRecord

__all__ = ["ChangeStatus", "Correlate", "TrackMessage"]


class ChangeStatus(CamelRecord):
    """What `PATCH /state/message/{messageId}` takes."""

    status: str
    timestamp: datetime | None = None
    error: dict[str, Any] | None = None
    tenant_id: str | None = None


class Correlate(CamelRecord):
    """ConversationCorrelation of seed 000; camelCase is accepted too."""

    conversation_id: str = Field(validation_alias="conversation_id", serialization_alias="conversation_id")
    communication_id: str | None = Field(
        default=None, validation_alias="communication_id", serialization_alias="communication_id"
    )
    whatsapp_message_id: str = Field(validation_alias="whatsapp_message_id", serialization_alias="whatsapp_message_id")


class TrackMessage(CamelRecord):
    """What `POST /state/message` takes. Unknown fields are ignored, enumerations are accepted in either case."""

    meta_message_id: str | None = None
    genesys_message_id: str | None = None
    conversation_id: str
    tenant_id: str | None = None
    direction: Literal["inbound", "outbound"] | str
    status: str
    message_type: str | None = None
    media_type: str | None = None
    media_url: str | None = None
    content: dict[str, Any] | str | None = None
