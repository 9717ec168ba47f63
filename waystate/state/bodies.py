"""The bodies of the data plane's operations (seeds 000 and 001), as models for validation and for the OpenAPI document."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

MAX_ID = 512


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
Word = Annotated[str, Field(min_length=1, max_length=100)]


class SeedBody(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


class TrackMessage(SeedBody):
    """What `POST /state/message` takes. Unknown fields are ignored, enumerations are accepted in either case."""

    meta_message_id: Id | None = None
    genesys_message_id: Id | None = None
    conversation_id: Id
    tenant_id: Word | None = None
    direction: Annotated[Literal["inbound", "outbound"], BeforeValidator(_lower)]
    status: Annotated[str, BeforeValidator(_lower), Field(max_length=20)]
    message_type: Word | None = None
    media_type: Word | None = None
    media_url: Annotated[str, Field(max_length=4096)] | None = None
    content: dict[str, Any] | str | None = None


class TrackedMessage(SeedBody):
    message: str
    message_id: UUID
    created: bool
    status: str


class ChangeStatus(SeedBody):
    """What `PATCH /state/message/{messageId}` takes."""

    status: Annotated[str, Field(min_length=1, max_length=50)]
    timestamp: datetime | None = None
    error: dict[str, Any] | None = None
    tenant_id: Word | None = None


class StatusChanged(SeedBody):
    message: str
    message_id: UUID
    status: str


class Correlate(BaseModel):
    """ConversationCorrelation of seed 000; camelCase is accepted too."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    conversation_id: Annotated[Id, Field(validation_alias=AliasChoices("conversation_id", "conversationId"))]
    communication_id: Annotated[Id | None, Field(validation_alias=AliasChoices("communication_id", "communicationId"))] = None
    whatsapp_message_id: Annotated[Id, Field(validation_alias=AliasChoices("whatsapp_message_id", "whatsappMessageId"))]


class Correlated(SeedBody):
    message: str
    changed: bool


class Mapping(SeedBody):
    """MappingResponse of seed 000, with the tenant of seed 001.

    With the setting `correlation` at `genesys`, `conversationId` is Genesys' id. With `local` it is Waystate's own, and
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


MAPPING_EXAMPLE = {
    "waId": "919876543210",
    "conversationId": "5f0d8f0a-6c1e-4a43-8a55-0d8f1f3f7b11",
    "contactName": "Asha Rao",
    "phoneNumberId": "106540352242922",
    "displayPhoneNumber": "+1 555 078 3881",
    "communicationId": "8a1c5d7e-02f4-4b86-9d3b-6f1f0a9f2c44",
    "lastActivityAt": "2026-01-31T12:00:00Z",
    "status": "active",
    "isNew": False,
    "internalId": "019c1420-8f31-7aa2-b0c4-5d1e9f6a2b70",
    "tenantId": "demo-tenant-001",
}
