"""What Genesys accepts: the shape of inbound Open Messaging bodies. Fields that it has no use for are let pass, as there.

Source: platform SDK, OpenInboundNormalizedMessage, …Receipt and …Event.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

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
    if datetime.fromisoformat(time).tzinfo is None:
        raise ValueError("should be a date and a time with its offset")
    return time


def _check_url(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("should be an absolute URL")
    return url


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
    url: Annotated[str, AfterValidator(_check_url)]


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
    type: Literal["Text", "Structured"] | None = None
    direction: Literal["Inbound"] | None = None

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
    direction: Literal["Outbound"] | None = None


class EventBody(BaseModel):
    channel: InboundChannel
    events: list[Typing] = Field(min_length=1)


def describe(error: ValidationError) -> tuple[str, str]:
    """The field that is wrong, and a sentence on it."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"])) or "body"
    if first["type"] == "missing":
        return field, f"should have required property '{field}'"
    words = first["msg"].removeprefix("Value error, ")
    return field, words if first["loc"] == () else f"{field}: {words}"
