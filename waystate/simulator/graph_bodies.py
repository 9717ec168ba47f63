"""What the Cloud API takes as the body of a send: its shapes with the limits that Meta enforces, and the code of each refusal.

A key that Meta does not know is refused below the top ("Unexpected key"). `model_dump(exclude_unset=True)` gives back what was
read. Templates are judged by what they were made of (`templates.py`), so here theirs are only read.
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from waystate.documents import JsonObject
from waystate.simulator.refusals import GraphRefusal

TYPES = (
    *("audio", "contacts", "document", "image", "interactive", "location"),
    *("reaction", "sticker", "template", "text", "video"),
)
INTERACTIVE = (
    *("address_message", "button", "call_permission_request", "carousel", "catalog_message", "cta_url", "flow", "list"),
    *("location_request_message", "order_details", "order_status", "product", "product_list", "request_contact_info"),
    "voice_call",
)
LONGEST_TEXT, LONGEST_OPAQUE = 4096, 512
MOST_BUTTONS, MOST_ROWS, MOST_SECTIONS = 3, 10, 10
_NUMBER = re.compile(r"[+]?[\d ().-]+")
_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_DIGITS = (7, 15)


def broken(code: int, details: str) -> PydanticCustomError:
    """What a validator raises to have the body refused with this code."""
    return PydanticCustomError(str(code), "{details}", {"details": details})


def check_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise broken(100, f"{url} is not a valid URI.")
    return url


_Url = Annotated[str, AfterValidator(check_url)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Text(_Part):
    body: str = Field(min_length=1, max_length=LONGEST_TEXT)
    preview_url: bool | None = None


class _Media(_Part):
    """Sent by the `id` of an upload, or by a public `link`."""

    id: Annotated[str, Field(min_length=1)] | None = None
    link: _Url | None = None

    @model_validator(mode="after")
    def _names_its_file(self) -> Self:
        if (self.id is None) == (self.link is None):
            raise broken(100, "Either one of media ID or link must be present, and not both.")
        return self


class _Captioned(_Media):
    caption: str | None = Field(default=None, max_length=1024)


class _Document(_Captioned):
    filename: str | None = Field(default=None, max_length=240)


class _Audio(_Media):
    voice: bool | None = None


class _Location(_Part):
    """Degrees, as numbers or as strings."""

    latitude: float | str
    longitude: float | str
    name: str | None = None
    address: str | None = None

    @model_validator(mode="after")
    def _is_on_earth(self) -> Self:
        for name, degrees, most in (("latitude", self.latitude, 90), ("longitude", self.longitude, 180)):
            try:
                good = -most <= float(degrees) <= most
            except ValueError:
                good = False
            if not good:
                raise broken(131009, f"Param location['{name}'] must be a number between -{most} and {most}.")
        return self


class _ContactName(_Part):
    formatted_name: str = Field(min_length=1)
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    suffix: str | None = None
    prefix: str | None = None

    @model_validator(mode="after")
    def _has_a_part(self) -> Self:
        if not any((self.first_name, self.last_name, self.middle_name, self.suffix, self.prefix)):
            raise broken(131009, "A name needs at least one more part beside formatted_name.")
        return self


class _Contact(_Part):
    name: _ContactName
    addresses: list[JsonObject] | None = None
    birthday: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    emails: list[JsonObject] | None = None
    org: JsonObject | None = None
    phones: list[JsonObject] | None = None
    urls: list[JsonObject] | None = None


class _Reaction(_Part):
    """An empty `emoji` takes the reaction back."""

    message_id: str = Field(min_length=1)
    emoji: str


class _Header(_Part):
    type: Literal["text", "image", "video", "document"]
    text: str | None = Field(default=None, min_length=1, max_length=60)
    image: _Media | None = None
    video: _Media | None = None
    document: _Document | None = None
    sub_text: str | None = None

    @model_validator(mode="after")
    def _has_what_it_names(self) -> Self:
        if getattr(self, self.type) is None:
            raise broken(131009, f"{self.type.capitalize()} cannot be null for header type {self.type}")
        return self


class _Body(_Part):
    text: str = Field(min_length=1, max_length=1024)


class _ListBody(_Part):
    text: str = Field(min_length=1, max_length=4096)


class _Footer(_Part):
    text: str = Field(min_length=1, max_length=60)


class _ReplyButton(_Part):
    id: str = Field(min_length=1, max_length=256)
    title: str

    @model_validator(mode="after")
    def _has_a_fitting_title(self) -> Self:
        if not 1 <= len(self.title.strip()) <= len(self.title) <= 20:
            raise broken(131009, "Button title length invalid. Min length: 1, Max length: 20")
        return self


class _Button(_Part):
    type: Literal["reply"]
    reply: _ReplyButton


class _ButtonAction(_Part):
    buttons: list[_Button]

    @model_validator(mode="after")
    def _can_be_told_apart(self) -> Self:
        if not 1 <= len(self.buttons) <= MOST_BUTTONS:
            raise broken(131009, f"Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: {MOST_BUTTONS}")
        refuse_repeats("title", [button.reply.title for button in self.buttons])
        refuse_repeats("id", [button.reply.id for button in self.buttons])
        return self


class _Row(_Part):
    id: str = Field(min_length=1, max_length=200)
    title: str = Field(min_length=1, max_length=24)
    description: str | None = Field(default=None, max_length=72)


class _Section(_Part):
    title: str | None = Field(default=None, max_length=24)
    rows: list[_Row] = Field(min_length=1)


class _ListAction(_Part):
    button: str = Field(min_length=1, max_length=20)
    sections: list[_Section] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_one_menu(self) -> Self:
        rows = [row for section in self.sections for row in section.rows]
        if len(rows) > MOST_ROWS:
            raise broken(131009, f"Total row count exceed max allowed count: {MOST_ROWS}")
        if len(self.sections) > MOST_SECTIONS:
            raise broken(131009, f"Total section count exceed max allowed count: {MOST_SECTIONS}")
        if len(self.sections) > 1 and not all(section.title for section in self.sections):
            raise broken(131009, "A section needs a title where there is more than one.")
        refuse_repeats("row id", [row.id for row in rows])
        return self


class _UrlParameters(_Part):
    display_text: str = Field(min_length=1, max_length=20)
    url: _Url


class _UrlAction(_Part):
    name: Literal["cta_url"]
    parameters: _UrlParameters


class _FlowParameters(_Part):
    flow_message_version: str
    flow_id: str | None = None
    flow_name: str | None = None
    flow_cta: str = Field(min_length=1, max_length=30)
    flow_token: str | None = None
    mode: Literal["published", "draft"] | None = None
    flow_action: Literal["navigate", "data_exchange"] | None = None
    flow_action_payload: JsonObject | None = None

    @model_validator(mode="after")
    def _names_its_flow(self) -> Self:
        if (self.flow_id is None) == (self.flow_name is None):
            raise broken(131009, "Either one of flow_id or flow_name must be present.")
        return self


class _FlowAction(_Part):
    name: Literal["flow"]
    parameters: _FlowParameters


class _LocationRequestAction(_Part):
    name: Literal["send_location"]


class _Framed(_Part):
    """What buttons, links and flows have around their action."""

    header: _Header | None = None
    body: _Body
    footer: _Footer | None = None


class _Buttons(_Framed):
    type: Literal["button"]
    action: _ButtonAction


class _ListMessage(_Part):
    type: Literal["list"]
    header: _Header | None = None
    body: _ListBody
    footer: _Footer | None = None
    action: _ListAction

    @model_validator(mode="after")
    def _has_a_text_for_a_header(self) -> Self:
        if self.header is not None and self.header.type != "text":
            raise broken(131009, "A list message supports only the header type text.")
        return self


class _UrlMessage(_Framed):
    type: Literal["cta_url"]
    action: _UrlAction


class _FlowMessage(_Framed):
    type: Literal["flow"]
    action: _FlowAction


class _LocationRequest(_Part):
    type: Literal["location_request_message"]
    body: _Body
    action: _LocationRequestAction


class _OtherInteractive(BaseModel):
    """Commerce and calls: what Waystate has no use for is only read."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: Literal[
        "address_message",
        "call_permission_request",
        "carousel",
        "catalog_message",
        "order_details",
        "order_status",
        "product",
        "product_list",
        "request_contact_info",
        "voice_call",
    ]
    body: _Body | None = None
    action: JsonObject | None = None


def lower_type(value: Any) -> Any:
    """The Graph API reads the names of a kind in either case."""
    match value:
        case {"type": str(name)}:
            return {**value, "type": name.lower()}
    return value


_Interactive = Annotated[
    _Buttons | _ListMessage | _UrlMessage | _FlowMessage | _LocationRequest | _OtherInteractive, Field(discriminator="type")
]


class _Language(_Part):
    code: str = Field(min_length=1)
    policy: Literal["deterministic"] | None = None


class _Template(_Part):
    name: str = Field(min_length=1)
    language: _Language
    components: list[JsonObject] | None = None


class _Context(_Part):
    message_id: str = Field(min_length=1)


class SendBody(BaseModel):
    """POST /{phone_number_id}/messages. The object under the name of `type` is the content."""

    model_config = ConfigDict(extra="allow", frozen=True)

    messaging_product: Literal["whatsapp"]
    recipient_type: Literal["individual", "group"] | None = None
    to: str | None = None
    recipient: str | None = None
    type: str = "text"
    text: _Text | None = None
    image: _Captioned | None = None
    audio: _Audio | None = None
    video: _Captioned | None = None
    document: _Document | None = None
    sticker: _Media | None = None
    location: _Location | None = None
    contacts: Annotated[list[_Contact], Field(min_length=1, max_length=257)] | None = None
    reaction: _Reaction | None = None
    interactive: Annotated[_Interactive | None, BeforeValidator(lower_type)] = None
    template: _Template | None = None
    context: _Context | None = None
    biz_opaque_callback_data: str | None = Field(default=None, max_length=LONGEST_OPAQUE)

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.type not in TYPES:
            raise broken(100, f'Param type must be one of {{{", ".join(TYPES).upper()}}} - got "{self.type}".')
        if not self.to and not self.recipient:
            raise broken(100, "The parameter to is required.")
        if self.recipient_type == "group":
            if not self.to:
                raise broken(100, "The parameter to is required.")
        elif self.to and find_phone(self.to) is None:
            raise broken(100, f"Param to must be a phone number with its country code - got '{self.to}'.")
        if not self.to and not _BSUID.fullmatch(self.recipient or ""):
            raise broken(100, f"Param recipient must be a business-scoped user ID - got '{self.recipient}'.")
        if getattr(self, self.type) is None:
            raise broken(131008, f"Parameter '{self.type}' is mandatory for type '{self.type}'")
        return self

    @property
    def identity(self) -> str:
        """The digits of the phone, or the business-scoped user id; of both, the phone counts. Of a group its id."""
        if self.recipient_type == "group":
            return self.to or ""
        return (find_phone(self.to) if self.to else self.recipient) or ""

    @property
    def media(self) -> list[tuple[str, _Media]]:
        """What it shows beside words, by kind; a template's are its own matter."""
        found = [(self.type, getattr(self, self.type))]
        header = getattr(self.interactive, "header", None) if self.type == "interactive" else None
        if isinstance(header, _Header):
            found.append((header.type, getattr(header, header.type)))
        return [(kind, media) for kind, media in found if isinstance(media, _Media)]


class ReadBody(_Part):
    """The same endpoint: marks a customer's message as read, and shows typing."""

    messaging_product: Literal["whatsapp"]
    status: Literal["read"]
    message_id: str = Field(min_length=1)
    typing_indicator: dict[Literal["type"], Literal["text"]] | None = None


def find_phone(to: str) -> str | None:
    """The digits of a phone as people write it; None for anything else."""
    digits = "".join(re.findall(r"\d", to)) if _NUMBER.fullmatch(to) else ""
    return digits if _DIGITS[0] <= len(digits) <= _DIGITS[1] else None


def find_media_problem(kind: str, content: JsonObject) -> GraphRefusal | None:
    """Of the medium in the header of a template."""
    try:
        (_Document if kind == "document" else _Captioned).model_validate(content)
    except ValidationError as error:
        return refusal_of(error.errors(include_url=False)[0])
    return None


def refuse_repeats(name: str, values: Sequence[str]) -> None:
    if len(set(values)) < len(values):
        raise broken(131009, f"Duplicated {name} is not allowed")


def read_send(document: JsonObject) -> SendBody:
    """Raises GraphRefusal with the code by which the Cloud API refuses it."""
    try:
        return SendBody.model_validate(document)
    except ValidationError as error:
        raise refusal_of(error.errors(include_url=False)[0]) from None


def read_mark(document: JsonObject) -> ReadBody:
    """Raises GraphRefusal, as above."""
    try:
        return ReadBody.model_validate(document)
    except ValidationError as error:
        raise refusal_of(error.errors(include_url=False)[0]) from None


def refusal_of(error: ErrorDetails) -> GraphRefusal:
    """Parameters are refused with 100, the parts of an interactive message with 131009, what is missing with 131008."""
    place = name_of(error["loc"])
    code = 131009 if error["loc"][:1] == ("interactive",) else 100
    context: dict[str, Any] = error.get("ctx", {})
    match error["type"]:
        case own if own.isdigit():
            return GraphRefusal(int(own), str(context["details"]))
        case "missing":
            return GraphRefusal(131008, f"Parameter {place} is required")
        case "extra_forbidden":
            *above, key = error["loc"]
            return GraphRefusal(100, f'Unexpected key "{key}" on param "{name_of(above)}".')
        case "union_tag_invalid":
            kinds = ", ".join(INTERACTIVE).upper()
            return GraphRefusal(100, f"Param interactive['type'] must be one of {{{kinds}}} - got \"{context['tag']}\".")
        case "union_tag_not_found":
            return GraphRefusal(131008, "Parameter interactive['type'] is required")
        case "string_too_long":
            return GraphRefusal(code, f"Param {place} must be at most {context['max_length']} characters long.")
        case "string_too_short" if code == 100:
            return GraphRefusal(100, f"The parameter {place} is required.")
    return GraphRefusal(code, f"Param {place}: {error['msg']}")


def name_of(place: Iterable[int | str]) -> str:
    """As Meta writes it: `interactive['action']['buttons'][0]`, without the variant that the model chose."""
    first, *rest = place or ("body",)
    if first == "interactive" and rest and rest[0] in INTERACTIVE:
        rest = rest[1:]
    return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f"['{part}']" for part in rest)
