"""The payloads of the five queues (seed 000), and what the pipelines take of them. Pure.

Names are snake_case; fields that are not listed are kept, not refused; times are ISO 8601 (Unix seconds are understood).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from waystate import documents
from waystate.channels.fields import moment_of
from waystate.dead_letters.model import Pipeline
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected
from waystate.ids import find_uuid
from waystate.messages.model import Correlation, Direction, InboundMessage, OutboundMessage, Status, StatusReport
from waystate.messages.status import parse_status

FROM_QUEUE = "queue:"
"""How the origin of a queue's message begins."""
MAX_ID = 512
"""Characters; longer ones would not fit the index that finds them."""
WITHOUT_EITHER = frozenset({"location", "contacts", "reaction", "order", "interactive", "button", "system", "unsupported"})
"""Types whose messages have neither text nor media; all of theirs is in `content`."""

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
OptionalId = Annotated[Id | None, BeforeValidator(lambda value: value or None)]
Time = Annotated[str | int | float, Field(description="ISO 8601 with offset or Z, or Unix seconds")]
Problem = Annotated[
    JsonObject | None, BeforeValidator(lambda value: {"title": value} if isinstance(value, str) and value else value)
]


class Payload(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)

    @property
    def further(self) -> JsonObject:
        """Fields that are not ours, kept with the message."""
        return dict(self.model_extra or {})


class InboundPayload(Payload):
    """A customer's message; at least one of `wa_id` and `user_id`. Text and media may both be absent only for types without."""

    wa_id: OptionalId = None
    user_id: OptionalId = None
    wamid: Id
    message_text: str | None = None
    contact_name: str | None = None
    timestamp: Time
    media_url: str | None = None
    phone_number_id: OptionalId = None
    display_phone_number: str | None = None
    type: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    content: JsonObject = {}

    @model_validator(mode="after")
    def _has_a_customer(self) -> "InboundPayload":
        if self.wa_id is None and self.user_id is None:
            raise ValueError("neither wa_id nor user_id says who wrote it")
        _check_contents(self)
        return self


class OutboundPayload(Payload):
    """An agent's message; `conversation_id` is Genesys' or ours."""

    conversation_id: Id
    genesys_message_id: Id
    message_text: str | None = None
    media_url: str | None = None
    timestamp: Time | None = None
    type: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    content: JsonObject = {}

    @model_validator(mode="after")
    def _has_contents(self) -> "OutboundPayload":
        _check_contents(self)
        return self


class StatusPayload(Payload):
    """A status of a message, as WhatsApp reported it."""

    wamid: Id
    status: Annotated[str, Field(min_length=1, max_length=50)]
    timestamp: Time
    message_id: OptionalId = None
    error: Problem = None


class CorrelationPayload(Payload):
    """Genesys' ids for the conversation of a message."""

    conversation_id: Id
    communication_id: OptionalId = None
    whatsapp_message_id: Id


class SendResultPayload(Payload):
    """What became of a message that somebody else sends (`sender: external`): a `wamid`, or an `error`."""

    message_id: UUID
    wamid: OptionalId = None
    error: Problem = None
    timestamp: Time | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "SendResultPayload":
        if (self.wamid is None) == (self.error is None):
            raise ValueError("exactly one of wamid and error is needed")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """As the status it comes to; an unknown message is a dead letter here, where a status would wait."""

    report: StatusReport


Item = InboundMessage | OutboundMessage | StatusReport | Correlation | SendResult
"""An InboundMessage with `phone_number_id == ""` named no number."""

MODELS: dict[str, type[Payload]] = {
    "inbound": InboundPayload,
    "outbound": OutboundPayload,
    "status": StatusPayload,
    "correlation": CorrelationPayload,
    "send_results": SendResultPayload,
}
PIPELINES: dict[str, Pipeline] = {
    "inbound": Pipeline.INBOUND,
    "outbound": Pipeline.OUTBOUND,
    "status": Pipeline.STATUS,
    "correlation": Pipeline.CORRELATION,
    "send_results": Pipeline.STATUS,
}


def read_body(body: bytes) -> JsonObject:
    try:
        document = documents.parse(body)
    except documents.Unreadable as error:
        raise Rejected(Reason.INVALID_PAYLOAD, f"The message cannot be read: {error}.") from None
    if not isinstance(document, dict):
        raise Rejected(Reason.INVALID_PAYLOAD, "The message is no JSON object.")
    return document


def kind_of(pipeline: Pipeline, payload: JsonObject) -> str:
    """Which queue's payload a dead letter holds: statuses and send results share their pipeline."""
    if pipeline is Pipeline.STATUS:
        return "status" if "status" in payload else "send_results"
    return pipeline.value


def parse_payload(kind: str, document: JsonObject, *, origin: str, received_at: datetime) -> Item:
    """`kind` is a key of `MODELS`. `Rejected` names every field that is wrong."""
    try:
        payload = MODELS[kind].model_validate(document)
    except ValidationError as error:
        raise Rejected(Reason.INVALID_PAYLOAD, f"The message cannot be used: {_sentences(error)}.") from None
    return item_of(payload, origin=origin, received_at=received_at)


def item_of(payload: Payload, *, origin: str, received_at: datetime) -> Item:
    """What a pipeline takes of it; `Rejected` for a value that no message can have."""
    match payload:
        case InboundPayload():
            return _inbound(payload, origin, received_at)
        case OutboundPayload():
            return _outbound(payload, origin, received_at)
        case StatusPayload():
            return _status(payload, origin, received_at)
        case CorrelationPayload():
            return Correlation(
                conversation_id=payload.conversation_id,
                communication_id=payload.communication_id,
                whatsapp_message_id=payload.whatsapp_message_id,
                origin=origin,
            )
        case SendResultPayload():
            return _send_result(payload, origin, received_at)
    raise AssertionError(type(payload))


def _inbound(payload: InboundPayload, origin: str, received_at: datetime) -> InboundMessage:
    return InboundMessage(
        wamid=payload.wamid,
        phone_number_id=payload.phone_number_id or "",
        sent_at=moment_of(payload.timestamp, received_at),
        wa_id=payload.wa_id,
        user_id=payload.user_id,
        contact_name=payload.contact_name,
        display_phone_number=payload.display_phone_number,
        type=_type(payload),
        text=payload.message_text,
        content=payload.content,
        media=_media(payload.media_url),
        metadata=payload.further,
        origin=origin,
    )


def _outbound(payload: OutboundPayload, origin: str, received_at: datetime) -> OutboundMessage:
    return OutboundMessage(
        genesys_message_id=payload.genesys_message_id,
        conversation_id=payload.conversation_id,
        sent_at=moment_of(payload.timestamp, received_at),
        type=_type(payload),
        text=payload.message_text,
        content=payload.content,
        media=_media(payload.media_url),
        metadata=payload.further,
        origin=origin,
    )


def _status(payload: StatusPayload, origin: str, received_at: datetime) -> StatusReport:
    if all(parse_status(payload.status, direction) is None for direction in Direction):
        raise Rejected(Reason.STATE_VIOLATION, f"'{payload.status}' is no status of a message.")
    return StatusReport(
        wamid=payload.wamid,
        status=payload.status,
        at=moment_of(payload.timestamp, received_at),
        message_id=find_uuid(payload.message_id or ""),
        error=payload.error,
        origin=origin,
    )


def _send_result(payload: SendResultPayload, origin: str, received_at: datetime) -> SendResult:
    return SendResult(
        report=StatusReport(
            wamid=payload.wamid or "",
            message_id=payload.message_id,
            status=Status.SENT if payload.error is None else Status.FAILED,
            at=moment_of(payload.timestamp, received_at),
            error=payload.error,
            source="external",
            origin=origin,
        )
    )


def _check_contents(payload: InboundPayload | OutboundPayload) -> None:
    if not payload.message_text and not payload.media_url and not payload.content and payload.type not in WITHOUT_EITHER:
        raise ValueError("neither message_text nor media_url nor content says what was written")


def _type(payload: InboundPayload | OutboundPayload) -> str:
    """Without a type, a message with media is a document: what every client can at least save."""
    return payload.type or ("document" if payload.media_url else "text")


def _media(url: str | None) -> JsonObject | None:
    if not url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not any(char.isspace() for char in url)
    except ValueError:
        usable = False
    if not usable or len(url) > 4096:
        raise Rejected(Reason.INVALID_MEDIA_URL, "media_url is no http(s) address of at most 4,096 characters without spaces.")
    return {"url": url}


def _sentences(error: ValidationError) -> str:
    """Field and what is wrong, never the value."""
    found: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'it'}: {each['msg']}" for each in found)
