"""What Genesys accepts: the shape of inbound Open Messaging bodies.

Source: platform SDK, OpenInboundNormalizedMessage, …Event, …Receipt, OpenInboundStructuredResponseMessage and
SendAgentlessOutboundMessageRequest. No source tells what becomes of a field that no model has: it is let pass, and counted.
"""

from datetime import datetime
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from starlette.requests import Request

from waystate.documents import JsonObject, Unreadable, parse
from waystate.simulator.genesys_refusals import GenesysRefusal

Body = TypeVar("Body", bound=BaseModel)

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
    nickname: str | None = None


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
    mime: str | None = None
    filename: str | None = None
    text: str | None = None
    sha256: str | None = None


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


class ButtonResponse(BaseModel):
    """Of three types only: the SDK's ContentButtonResponse knows no list picker and no form."""

    type: Literal["Button", "QuickReply", "DatePicker"]
    text: str = Field(min_length=1)
    payload: str = Field(min_length=1)


class StructuredBody(BaseModel):
    channel: InboundChannel
    buttonResponse: ButtonResponse
    originatingMessageId: str | None = None
    type: Literal["Structured"] | None = None
    direction: Literal["Inbound"] | None = None


class AgentlessBody(BaseModel):
    fromAddress: str = Field(min_length=1)
    toAddress: str = Field(min_length=1)
    toAddressMessengerType: Literal["open"]
    textBody: str = Field(min_length=1)
    useExistingActiveConversation: bool = False


async def read_body(request: Request, shape: type[Body]) -> tuple[JsonObject, Body]:
    """As it came, and checked. Raises GenesysRefusal (400)."""
    try:
        raw = parse(await request.body())
        return raw, shape.model_validate(raw)
    except Unreadable as error:
        raise GenesysRefusal(400, "bad.request", str(error)) from None
    except ValidationError as error:
        field, message = describe(error)
        raise GenesysRefusal(400, "bad.request", message, details=[{"errorCode": "invalid", "fieldName": field}]) from None


def unknown_fields(raw: JsonObject, shape: type[BaseModel]) -> set[str]:
    """Fields at the top of the body that no model has."""
    return raw.keys() - {info.alias or name for name, info in shape.model_fields.items()}


def describe(error: ValidationError) -> tuple[str, str]:
    """The field that is wrong, and a sentence on it."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"])) or "body"
    if first["type"] == "missing":
        return field, f"should have required property '{field}'"
    words = first["msg"].removeprefix("Value error, ")
    return field, words if first["loc"] == () else f"{field}: {words}"
