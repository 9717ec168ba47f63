"""What Genesys accepts: the shape of inbound Open Messaging bodies, checked as loosely as the real service does it."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

ReasonCode = Literal[
    "MessageExpired",
    "RateLimited",
    "MessageNotAllowed",
    "GeneralError",
    "UnsupportedMessage",
    "UnknownMessage",
    "InvalidMessageStructure",
    "InvalidDestination",
    "ServerError",
    "MediaTypeNotAllowed",
    "InvalidMediaContentLength",
    "RecipientOptedOut",
    "DataFiltered",
]


def _check_time(time: str) -> str:
    datetime.fromisoformat(time)
    return time


Time = Annotated[str, AfterValidator(_check_time)]  # kept as written: it is half of the key that tells a repeat


class Party(BaseModel):
    id: str = Field(min_length=1)
    idType: Literal["Email", "Phone", "Opaque"] = "Opaque"


class ChannelMetadata(BaseModel):
    customAttributes: dict[str, str] = {}


class InboundChannel(BaseModel):
    sender: Party = Field(alias="from")
    time: Time
    messageId: str | None = None
    metadata: ChannelMetadata | None = None


class ReceiptChannel(BaseModel):
    to: Party
    time: Time


class Attachment(BaseModel):
    mediaType: Literal["Image", "Video", "Audio", "File", "Link"]
    url: str = Field(min_length=1)


class Content(BaseModel):
    attachment: Attachment


class ReceiptReason(BaseModel):
    code: ReasonCode
    message: str | None = None


class Typing(BaseModel):
    eventType: Literal["Typing"]


class MessageBody(BaseModel):
    channel: InboundChannel
    text: str | None = None
    content: list[Content] | None = None
    metadata: dict[str, str] | None = None

    @model_validator(mode="after")
    def _has_something_to_show(self) -> Self:
        if not self.text and not self.content:
            raise ValueError("should have required property 'content', should have required property '.text'")
        return self


class ReceiptBody(BaseModel):
    id: str = Field(min_length=1)
    channel: ReceiptChannel
    status: Literal["Delivered", "Failed", "Sent", "Published", "Removed"]
    isFinalReceipt: bool = True
    reasons: list[ReceiptReason] | None = None


class EventBody(BaseModel):
    channel: InboundChannel
    events: list[Typing] = Field(min_length=1)
