"""Items and how they are written down: as the payloads of the five queues (seed 000), and in a dead letter. Pure.

A queue's names are snake_case; fields that are not listed are kept, not refused; times are ISO 8601 (Unix seconds are
understood).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from waystate.channels.fields import EARLIEST, moment_of
from waystate.channels.whatsapp.lines import AMENDING, amendment_of
from waystate.channels.whatsapp.senders import is_customer_id
from waystate.dead_letters.model import ADVICE, PayloadUnusable, Pipeline, Problem
from waystate.documents import JsonObject, is_whole, shorten
from waystate.errors import Reason, Rejected
from waystate.ids import find_uuid
from waystate.messages.model import Correlation, Direction, InboundMessage, OutboundMessage, Status, StatusReport
from waystate.messages.status import is_of_message, parse_status
from waystate.pipeline.batch import Work

FROM_QUEUE = "queue:"
"""How the origin of a queue's message begins."""
MAX_ID = 512
"""Characters; longer ones would not fit the index that finds them."""
WITHOUT_EITHER = frozenset({"location", "contacts", "reaction", "order", "interactive", "button", "system", "unsupported"})
"""Types whose messages have neither text nor media; all of theirs is in `content`."""

_IDS = ("wamid", "phone_number_id", "wa_id", "user_id", "genesys_message_id", "conversation_id", "recipient_id")
_TIMES = ("sent_at", "at", "ended_at")

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID)]
OptionalId = Annotated[Id | None, BeforeValidator(lambda value: value or None)]
Time = Annotated[str | int | float, Field(description="ISO 8601 with offset or Z, or Unix seconds")]
SaidError = Annotated[
    JsonObject | None, BeforeValidator(lambda value: {"title": value} if isinstance(value, str) and value else value)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """As the status it comes to; an unknown message is a dead letter here, where a status would wait."""

    report: StatusReport


class Payload(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)

    @property
    def further(self) -> JsonObject:
        """Fields that are not ours, kept with the message."""
        return dict(self.model_extra or {})

    def to_item(self, origin: str, received_at: datetime) -> Any:
        """The item it stands for; `Rejected` for a value that no message can have."""
        raise NotImplementedError


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
    group_id: OptionalId = None
    """WhatsApp's id of the group that it was written in."""

    @model_validator(mode="after")
    def _has_a_customer(self) -> "InboundPayload":
        if self.wa_id is None and self.user_id is None:
            raise ValueError("neither wa_id nor user_id says who wrote it")
        if self.wa_id is not None and not is_customer_id(self.wa_id):
            raise ValueError("wa_id is neither a phone number of 5 to 20 digits nor a business-scoped user id")
        _check_contents(self)
        return self

    def to_item(self, origin: str, received_at: datetime) -> InboundMessage:
        return InboundMessage(
            wamid=self.wamid,
            phone_number_id=self.phone_number_id or "",
            sent_at=moment_of(self.timestamp, received_at),
            wa_id=self.wa_id,
            user_id=self.user_id,
            contact_name=self.contact_name,
            display_phone_number=self.display_phone_number,
            type=_type(self),
            text=self.message_text,
            content=self.content,
            media=_media(self.media_url),
            metadata=self.further | ({} if self.group_id is None else {"group_id": self.group_id}),
            amends=amendment_of(self.type, self.content) if self.type in AMENDING else None,
            origin=origin,
        )


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

    def to_item(self, origin: str, received_at: datetime) -> OutboundMessage:
        return OutboundMessage(
            genesys_message_id=self.genesys_message_id,
            conversation_id=self.conversation_id,
            sent_at=moment_of(self.timestamp, received_at),
            type=_type(self),
            text=self.message_text,
            content=self.content,
            media=_media(self.media_url),
            metadata=self.further,
            origin=origin,
        )


class StatusPayload(Payload):
    """A status of a message, as WhatsApp reported it: `type` says, if it says anything, that it is a message's."""

    wamid: Id
    type: str | None = None
    status: Annotated[str, Field(min_length=1, max_length=50)]
    timestamp: Time
    message_id: OptionalId = None
    error: SaidError = None

    def to_item(self, origin: str, received_at: datetime) -> StatusReport:
        _check_of_message(self.type)
        if all(parse_status(self.status, direction) is None for direction in Direction):
            raise Rejected(Reason.STATE_VIOLATION, f"'{self.status}' is no status of a message.")
        return StatusReport(
            wamid=self.wamid,
            status=self.status,
            at=moment_of(self.timestamp, received_at),
            message_id=find_uuid(self.message_id or ""),
            error=self.error,
            origin=origin,
        )


class CorrelationPayload(Payload):
    """Genesys' ids for the conversation of a message."""

    conversation_id: Id
    communication_id: OptionalId = None
    whatsapp_message_id: Id

    def to_item(self, origin: str, received_at: datetime) -> Correlation:
        return Correlation(
            conversation_id=self.conversation_id,
            communication_id=self.communication_id,
            whatsapp_message_id=self.whatsapp_message_id,
            origin=origin,
        )


class SendResultPayload(Payload):
    """What became of a message that somebody else sends (`sender: external`): a `wamid`, or an `error`."""

    message_id: UUID
    type: str | None = None
    wamid: OptionalId = None
    error: SaidError = None
    timestamp: Time | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "SendResultPayload":
        if (self.wamid is None) == (self.error is None):
            raise ValueError("exactly one of wamid and error is needed")
        return self

    def to_item(self, origin: str, received_at: datetime) -> SendResult:
        _check_of_message(self.type)
        return SendResult(
            report=StatusReport(
                wamid=self.wamid or "",
                message_id=self.message_id,
                status=Status.SENT if self.error is None else Status.FAILED,
                at=moment_of(self.timestamp, received_at),
                error=self.error,
                source="external",
                origin=origin,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of item, with everything in which it differs from others: whoever handles items asks here.

    `item` is its type, `work` runs a batch of such items, `pipeline` is where its dead letters are found. `queued`: the payload
    of its queue, where it has one, and `purpose` what that is for. `told_by`: the field by which a dead letter of its pipeline
    is known as one of it. Of each group of `needed` one field at least says something (None: a dead letter never keeps the
    item, only what came by the queue). `fixed` are paths in the kept payload that nobody may edit.
    """

    name: str
    item: type
    work: Work
    pipeline: Pipeline
    queued: type[Payload] | None = None
    purpose: str = ""
    told_by: str | None = None
    needed: tuple[tuple[str, ...], ...] | None = None
    fixed: tuple[str, ...] = ()

    def read(self, payload: JsonObject, *, origin: str, received_at: datetime) -> Any:
        """The item of a queue's message. `PayloadUnusable` names the fields that are wrong, `Rejected` what a value breaks."""
        assert self.queued is not None, f"{self.name} has no queue"
        try:
            parsed = self.queued.model_validate(payload)
        except ValidationError as error:
            raise PayloadUnusable(_problems(error)) from None
        return parsed.to_item(origin, received_at)

    def restore(self, kept: JsonObject) -> Any:
        """The item that `keep` made this of, or somebody who mended it."""
        try:
            item = _adapter(self.item).validate_python(kept)
        except ValidationError as error:
            raise PayloadUnusable(_problems(error)) from None
        if problems := _shortcomings(item, self.needed or ()):
            raise PayloadUnusable(problems)
        return item

    def fields(self, *, is_queued: bool) -> dict[str, bool]:
        """Those that the payload of a dead letter may have, and whether each is a text."""
        schema = _adapter(self.queued if is_queued and self.queued else self.item).json_schema()
        return {name: _types(each) <= {"string", "null"} for name, each in schema["properties"].items()}

    def keep(self, item: Any) -> JsonObject:
        """The item's fields as JSON values, for people to read and mend."""
        kept: JsonObject = _adapter(self.item).dump_python(item, mode="json")
        return kept


class Kinds:
    """All kinds there are, in the order in which a batch of several is run."""

    def __init__(self, *kinds: Kind) -> None:
        self._by_item: dict[type, Kind] = {kind.item: kind for kind in kinds}
        self.works: dict[type, Work] = {kind.item: kind.work for kind in kinds}
        self.in_order: list[Work] = list(dict.fromkeys(self.works.values()))
        self.by_queue: dict[str, Kind] = {kind.name: kind for kind in kinds if kind.queued is not None}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._by_item.values())

    def of(self, item: object) -> Kind:
        return self._by_item[type(item)]

    def of_letter(self, pipeline: Pipeline, payload: JsonObject, *, is_queued: bool) -> Kind:
        """Told by the payload where several kinds share the pipeline. `is_queued`: it is a queue's message as it came."""
        kinds = [kind for kind in self if kind.pipeline is pipeline and (kind.queued if is_queued else kind.needed) is not None]
        told = [kind for kind in kinds if kind.told_by is not None and kind.told_by in payload]
        return (told or [kind for kind in kinds if kind.told_by is None] or kinds)[0]

    def read_letter(self, pipeline: Pipeline, payload: JsonObject, *, origin: str, received_at: datetime) -> Any:
        """The item of a dead letter. `PayloadUnusable` names the fields that are wrong, `Rejected` what a value breaks."""
        is_queued = origin.startswith(FROM_QUEUE)
        kind = self.of_letter(pipeline, payload, is_queued=is_queued)
        return kind.read(payload, origin=origin, received_at=received_at) if is_queued else kind.restore(payload)


def with_usable_group(message: InboundMessage | Rejected) -> InboundMessage | Rejected:
    """A group's message is never part of its writer's private conversation, also where nobody can tell which group it is."""
    if isinstance(message, Rejected) or not message.metadata.get("group_id"):
        return message
    if message.group_id is not None and len(message.group_id) <= MAX_ID and is_whole(message.group_id):
        return message
    return Rejected(Reason.GROUP_MESSAGE, ADVICE[Reason.GROUP_MESSAGE])


def check_edit(kind: Kind, original: JsonObject, edited: JsonObject) -> None:
    """A delivery's identity is how Genesys tells a repeat: a changed one would be a second message."""
    problems = [
        {"field": path, "problem": "must stay as it was"} for path in kind.fixed if _at(original, path) != _at(edited, path)
    ]
    if problems:
        raise PayloadUnusable(problems)


@cache
def _adapter(item: type) -> TypeAdapter[Any]:
    return TypeAdapter(item)


def _types(schema: JsonObject) -> set[str]:
    """What JSON calls the values that a field may have; of anything, `any`."""
    if "anyOf" in schema:
        return set().union(*map(_types, schema["anyOf"]))
    return {schema.get("type", "any")}


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _shortcomings(item: object, needed: Sequence[tuple[str, ...]]) -> list[Problem]:
    """What the types do not say: an id that is empty or too long for its index, a time without its zone."""
    problems = [
        {"field": " or ".join(names), "problem": "is missing"}
        for names in needed
        if not any(getattr(item, name) for name in names)
    ]
    for name in _IDS:
        if len(getattr(item, name, None) or "") > MAX_ID:
            problems.append({"field": name, "problem": f"has more than {MAX_ID} characters"})
    for name in _TIMES:
        moment = getattr(item, name, None)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            problems.append({"field": name, "problem": "has no time zone"})
        elif isinstance(moment, datetime) and moment < EARLIEST:
            problems.append({"field": name, "problem": f"is before {EARLIEST.year}, when there was no WhatsApp"})
    return problems


def _problems(error: ValidationError) -> list[Problem]:
    """Field and what is wrong, never the value."""
    found: Sequence[Mapping[str, Any]] = error.errors(include_url=False, include_input=False, include_context=False)
    return [{"field": ".".join(map(str, each["loc"])) or "payload", "problem": str(each["msg"])} for each in found]


def _check_contents(payload: InboundPayload | OutboundPayload) -> None:
    if not payload.message_text and not payload.media_url and not payload.content and payload.type not in WITHOUT_EITHER:
        raise ValueError("neither message_text nor media_url nor content says what was written")


def _check_of_message(kind: str | None) -> None:
    if not is_of_message(kind):
        raise Rejected(Reason.STATE_VIOLATION, f"The status is a {shorten(kind or '', 50)}'s, not its message's. Discard it.")


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
