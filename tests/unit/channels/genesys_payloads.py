"""Bodies of Genesys Cloud Open Messaging as models, in the API's own field names.

Fields Genesys adds are kept (`extra="allow"`), and `model_dump(by_alias=True, exclude_unset=True)` gives back what was read.
https://developer.genesys.cloud/commdigital/digital/openmessaging/
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel


class Payload(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Person(Payload):
    id: Annotated[str, Field(min_length=1)]
    id_type: Literal["Email", "Phone", "Opaque"] | None = None
    nickname: str | None = None
    first_name: str | None = None
    last_name: str | None = None


class ChannelMetadata(Payload):
    custom_attributes: dict[str, str] | None = None


class Channel(Payload):
    """`time` is ISO 8601 in UTC; (`messageId`, `time`) is what tells one message from its repeat."""

    time: str
    message_id: str | None = None
    platform: str | None = None
    type: str | None = None
    to: Person | None = None
    sender: Annotated[Person | None, Field(alias="from")] = None
    metadata: ChannelMetadata | None = None


class SendersChannel(Channel):
    sender: Annotated[Person, Field(alias="from")]


class RecipientsChannel(Channel):
    to: Person


class Attachment(Payload):
    media_type: Literal["Image", "Video", "Audio", "File", "Link"]
    url: str
    id: str | None = None
    mime: str | None = None
    filename: str | None = None
    text: str | None = None
    content_size_bytes: int | None = None


class QuickReply(Payload):
    text: str
    payload: str | None = None
    action: str | None = None


class ContentItem(Payload):
    """One of its objects is there, the one `contentType` names (structured ones beyond these are kept as extra fields)."""

    content_type: str | None = None
    attachment: Attachment | None = None
    quick_reply: QuickReply | None = None
    template: dict[str, Any] | None = None


class NormalizedMessage(Payload):
    type: Literal["Text", "Structured", "Event", "Receipt"] | None = None
    text: str | None = None
    content: list[ContentItem] | None = None


class OutboundNotification(NormalizedMessage):
    """The webhook: an agent's or bot's message, or an event."""

    id: str
    channel: RecipientsChannel
    type: Literal["Text", "Structured", "Event", "Receipt"]
    direction: str | None = None
    conversation_id: str | None = None
    originating_entity: str | None = None
    events: list[dict[str, Any]] | None = None


class InboundMessage(NormalizedMessage):
    """POST …/inbound/open/message."""

    channel: SendersChannel
    metadata: dict[str, str] | None = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.text and not self.content:
            raise ValueError("a message should have required property 'content' or 'text'")
        return self


class MessageResponse(NormalizedMessage):
    """The answer to it; `conversationId` only with `prefetchConversationId=true`."""

    id: str
    conversation_id: str | None = None


class Reason(Payload):
    code: str
    message: str | None = None


class Receipt(Payload):
    """POST …/inbound/open/receipt; `id` is Genesys' id of the agent's message."""

    id: str
    channel: RecipientsChannel
    status: Literal["Delivered", "Failed", "Sent", "Published", "Removed"]
    is_final_receipt: bool | None = None
    reasons: list[Reason] | None = None
    direction: str | None = None


class EventItem(Payload):
    event_type: str


class Event(Payload):
    """POST …/inbound/open/event."""

    channel: SendersChannel
    events: Annotated[list[EventItem], Field(min_length=1)]


class ButtonResponse(Payload):
    type: Literal["Button", "QuickReply", "DatePicker", "ListPicker", "Form"]
    text: str | None = None
    payload: str | None = None
    originating_message_id: str | None = None


class StructuredResponse(Payload):
    """POST …/inbound/open/structured/response."""

    channel: SendersChannel
    button_response: ButtonResponse


class Token(Payload):
    """POST {login}/oauth/token, in snake case; `expires_in` is in seconds."""

    model_config = ConfigDict(alias_generator=None)

    access_token: str
    token_type: str = "bearer"
    expires_in: int


class ErrorBody(Payload):
    message: str
    code: str | None = None
    status: int | None = None
    context_id: str | None = None
    details: list[Any] | None = None
    errors: list[Any] | None = None
