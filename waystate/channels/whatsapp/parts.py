"""What the contents of a message are made of: texts, files and lists with WhatsApp's limits, each refused in a sentence.

A field has WhatsApp's own name. Our API writes it in camelCase and reads both, for many copy from WhatsApp's pages; what is
WhatsApp's is read `by_whatsapps_names` alone.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Literal, Self, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from waystate.channels.fields import is_visible
from waystate.documents import JsonObject
from waystate.ids import find_uuid

MAX_TEXT = 4096
MAX_BODY = 1024
"""Of an interactive message, of a caption and of a template's body. A list's body may be as long as a text."""
MAX_FOOTER = 60
MAX_HEADER = 60
MAX_LABEL = 20
"""Characters of a button's title."""
MAX_TITLE = 24
"""Characters of a section's or row's title."""
LONGEST_CALL = 43_200
"""Minutes that a call button works: thirty days."""

_MAX_URL = 2000
_MAX_REFERENCE = 35
_WHATSAPPS_NAMES = "whatsapps_names"
_HANDED_ON = frozenset({"flow_action_data", "order_details"})

P = TypeVar("P", bound="Part")


class Part(BaseModel):
    """A piece of a content. What it holds for a customer stays out of error messages."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        validate_by_alias=True,
        validate_by_name=True,
    )


def read_part(model: type[P], value: Any, *, by_whatsapps_names: bool) -> P:
    """The part from WhatsApp's object, or from that of our API. Raises ValidationError."""
    context = {_WHATSAPPS_NAMES: by_whatsapps_names}
    return model.model_validate(value, by_alias=not by_whatsapps_names, by_name=True, context=context)


def write_part(part: Part) -> JsonObject:
    """WhatsApp's object, without what was left out."""
    written: JsonObject = part.model_dump(mode="json", exclude_none=True)
    return written


def list_names(models: Iterable[type[Part]]) -> dict[str, str]:
    """Of all fields inside these: ours → WhatsApp's, where the two differ."""
    _, schema = models_json_schema([(each, "validation") for each in models], by_alias=False)
    names = {name for each in schema["$defs"].values() for name in each.get("properties", {})}
    return {to_camel(name): name for name in sorted(names) if to_camel(name) != name}


def respell(value: Any, names: Mapping[str, str], place: tuple[str | int, ...] = ()) -> Any:
    """The document with WhatsApp's name in place of ours (`names`: ours → WhatsApp's), whichever was sent.

    Raises ValidationError where both were. What WhatsApp hands on as it is keeps its own names.
    """
    if isinstance(value, list):
        return [respell(each, names, (*place, index)) for index, each in enumerate(value)]
    if not isinstance(value, dict):
        return value
    for ours, whatsapps in names.items():
        if ours in value and whatsapps in value:
            raise refusal_at((*place, whatsapps), f"is not taken beside `{ours}`, which says the same; send one of the two")
    spelled = {names.get(name, name): (name, each) for name, each in value.items()}
    return {
        whatsapps: each if whatsapps in _HANDED_ON else respell(each, names, (*place, name))
        for whatsapps, (name, each) in spelled.items()
    }


def refusal(sentence: str) -> PydanticCustomError:
    """The sentence as it is: pydantic puts "Value error, " before that of a ValueError."""
    return PydanticCustomError("whatsapp_limit", "{sentence}", {"sentence": sentence})


def refusal_at(place: tuple[str | int, ...], sentence: str) -> ValidationError:
    """For a field that is judged together with others, from a validator of what holds them."""
    return ValidationError.from_exception_data(
        "content", [InitErrorDetails(type=refusal(sentence), loc=place, input=None)], hide_input=True
    )


def check_distinct(values: Iterable[Hashable], place: str, what: str) -> None:
    """Raises where two are alike; `what` names one of them."""
    seen: set[Hashable] = set()
    for value in values:
        if value in seen:
            raise refusal_at((place,), f"has the same {what} twice; give each its own")
        seen.add(value)


@dataclass(frozen=True, slots=True)
class Visible:
    """A text of which a reader sees something, of at most so many characters.

    `is_ours`: WhatsApp publishes no limit, and this one keeps out what was never meant. `trimmed`: with no space around it.
    """

    most: int
    is_ours: bool = False
    trimmed: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonObject:
        return {**handler(schema), "minLength": 1, "maxLength": self.most}

    def _check(self, text: str) -> str:
        if not is_visible(text):
            raise refusal("is empty, or nothing of it can be seen; write something, or leave the field out if it is optional")
        if len(text) > self.most:
            takes = f"at most {self.most} are taken" if self.is_ours else f"WhatsApp takes {self.most}"
            raise refusal(f"has {len(text)} characters and {takes}; shorten it")
        if self.trimmed and text != text.strip():
            raise refusal("begins or ends with a space, which WhatsApp refuses here; remove it")
        return text


@dataclass(frozen=True, slots=True)
class Items:
    """A list of so many; `what` is the word for several of them."""

    least: int
    most: int
    what: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonObject:
        return {**handler(schema), "minItems": self.least, "maxItems": self.most}

    def _check(self, items: Sequence[Any]) -> Sequence[Any]:
        if len(items) < self.least:
            raise refusal(f"has {len(items)} {self.what} and WhatsApp wants at least {self.least}; add what is missing")
        if len(items) > self.most:
            raise refusal(f"has {len(items)} {self.what} and WhatsApp takes {self.most}; leave some out")
        return items


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several models, told apart by `key`. An error names the field as it is in the body, without the model's name.

    `buttons`: of the type button, and told apart by their `sub_type`. Capitals are read as what they stand for, for WhatsApp
    takes both and libraries write both.
    """

    models: tuple[type[Part], ...]
    key: str = "type"
    buttons: tuple[type[Part], ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._read, json_schema_input_schema=handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonObject:
        """Of what is read and of what is written alike."""
        return handler(dict(schema).get("json_schema_input_schema", schema))

    def _read(self, value: Any, info: ValidationInfo) -> Part:
        if isinstance(value, self.models + self.buttons):
            return value
        if self.buttons and isinstance(value, dict) and str(value.get(self.key)).lower() == "button":
            return OneOf(self.buttons, "sub_type")._read(value | {self.key: "button"}, info)
        by_whatsapps_names = bool((info.context or {}).get(_WHATSAPPS_NAMES))
        key = self._key_in(value, by_whatsapps_names)
        if not isinstance(value, dict):
            raise refusal(f"must be an object with `{key}`, one of {self._choice()}")
        kind = value.get(key)
        model = self._known().get(kind.lower()) if isinstance(kind, str) else None
        if model is None:
            said = "is missing" if kind is None else "is none that WhatsApp knows here"
            raise refusal_at((key,), f"{said}; use one of {self._choice()}")
        return read_part(model, value | {key: str(kind).lower()}, by_whatsapps_names=by_whatsapps_names)

    def _key_in(self, value: Any, by_whatsapps_names: bool) -> str:
        """The key as it is spelled there; where it is spelled twice, the model refuses WhatsApp's."""
        written = to_camel(self.key)
        is_whatsapps = by_whatsapps_names or (isinstance(value, dict) and self.key in value and written not in value)
        return self.key if is_whatsapps else written

    def _choice(self) -> str:
        return ", ".join([*self._known(), *(["button"] if self.buttons else [])])

    def _known(self) -> dict[str, type[Part]]:
        return {kind: model for model in self.models for kind in get_args(model.model_fields[self.key].annotation)}


@dataclass(frozen=True, slots=True)
class _Degrees:
    most: int

    def __call__(self, value: float | str) -> float | str:
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not isfinite(number) or not -self.most <= number <= self.most:
            raise refusal(f"must be decimal degrees between -{self.most} and {self.most}, such as 37.44")
        return value


def _check_link(link: str) -> str:
    return _check_address(link, ("https",), "must be an https:// address that WhatsApp can load without a password")


def _check_web_address(address: str) -> str:
    return _check_address(address, ("https", "http"), "must be an address of the web, such as https://example.org/offers")


def _check_address(address: str, schemes: tuple[str, ...], sentence: str) -> str:
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in schemes and bool(parts.hostname) and not any(each.isspace() for each in address)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise refusal(sentence)
    if len(address) > _MAX_URL:
        raise refusal(f"has {len(address)} characters and at most {_MAX_URL} are taken; shorten the address")
    return address


def _check_file_id(value: str) -> str:
    found = find_uuid(value)
    if found is None:
        raise refusal("must be the id of a file that POST /v1/media answered with; WhatsApp's own ids stand in `id`")
    return str(found)


Latitude = Annotated[Annotated[float, Strict()] | str, AfterValidator(_Degrees(90))]
Longitude = Annotated[Annotated[float, Strict()] | str, AfterValidator(_Degrees(180))]
Link = Annotated[str, AfterValidator(_check_link), WithJsonSchema({"type": "string", "format": "uri"})]
FileId = Annotated[str, AfterValidator(_check_file_id), WithJsonSchema({"type": "string", "format": "uuid"})]
WebAddress = Annotated[str, AfterValidator(_check_web_address), WithJsonSchema({"type": "string", "format": "uri"})]
Label = Annotated[str, Visible(MAX_LABEL)]
Title = Annotated[str, Visible(MAX_TITLE)]
ReplyId = Annotated[str, Visible(256, trimmed=True)]
Word = Annotated[str, Visible(1024, is_ours=True)]
"""An id of WhatsApp's, a name, a part of an address."""
LongText = Annotated[str, Visible(MAX_BODY)]


class MediaFile(Part):
    """A file that was uploaded here (`mediaId`), that WhatsApp has (`id`), or that it loads (`link`)."""

    media_id: FileId | None = None
    """What `POST /v1/media` answered with: it goes to whichever number sends it."""

    id: Word | None = None
    """The media id that an upload to WhatsApp answered with, for one number."""

    link: Link | None = None
    """An https address that anybody can load."""

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        named = [each for each in (self.media_id, self.id, self.link) if each is not None]
        if not named:
            raise refusal(
                "names no file; give `mediaId`, that of an uploaded file, `link`, an https address, or WhatsApp's `id`"
            )
        if len(named) > 1:
            raise refusal("names its file twice; give one of `mediaId`, `link` and `id`")
        return self


class NamedFile(MediaFile):
    """A document, with the name that the customer sees."""

    filename: Word | None = None
    """With its ending, by which the phone chooses a picture."""


class LocationContent(Part):
    """A place on the map.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-messages
    """

    latitude: Latitude
    """Degrees, between -90 and 90; as a number, or in digits."""

    longitude: Longitude
    """Degrees, between -180 and 180; as a number, or in digits."""

    name: Word | None = None
    address: Word | None = None


class ProductItem(Part):
    """A product by its id in the catalogue."""

    product_retailer_id: Word


class ProductSection(Part):
    """Products under a title."""

    title: Title | None = None
    product_items: Annotated[list[ProductItem], Items(1, 30, "products")]


def check_sections(sections: Sequence[Any], place: tuple[str | int, ...] = ("sections",)) -> None:
    """Of several sections each needs a title. Raises ValidationError."""
    for index, section in enumerate(sections):
        if section.title is None and len(sections) > 1:
            raise refusal_at((*place, index, "title"), "is missing; of several sections each needs a title")


def check_products(sections: Sequence[ProductSection]) -> None:
    """Raises ValidationError where the sections hold more than WhatsApp takes together."""
    count = sum(len(section.product_items) for section in sections)
    if count > 30:
        raise refusal_at(("sections",), f"have {count} products together and WhatsApp takes 30; leave some out")


class OrderState(Part):
    status: Literal["pending", "processing", "partially-shipped", "shipped", "completed", "canceled"]
    description: Annotated[str, Visible(120)] | None = None


class OrderReference(Part):
    reference_id: Word
    order: OrderState


def _check_order(order: JsonObject) -> JsonObject:
    reference = order.get("reference_id")
    if not isinstance(reference, str) or not is_visible(reference) or len(reference) > _MAX_REFERENCE:
        raise refusal(f"needs `reference_id`, a text of at most {_MAX_REFERENCE} characters that names the order")
    return order


OrderDetails = Annotated[dict[str, Any], AfterValidator(_check_order)]
"""What is paid, how and how much: it differs by country, so WhatsApp judges the rest."""


class TextHeader(Part):
    """A line above the body."""

    type: Literal["text"]
    text: Annotated[str, Visible(MAX_HEADER)]


class ImageHeader(Part):
    """A picture above the body."""

    type: Literal["image"]
    image: MediaFile


class VideoHeader(Part):
    """A film above the body."""

    type: Literal["video"]
    video: MediaFile


class DocumentHeader(Part):
    """A document above the body."""

    type: Literal["document"]
    document: NamedFile


AnyHeader = Annotated[
    TextHeader | ImageHeader | VideoHeader | DocumentHeader,
    OneOf((TextHeader, ImageHeader, VideoHeader, DocumentHeader)),
]
TextHeaderOnly = Annotated[TextHeader, OneOf((TextHeader,))]
CardHeader = Annotated[ImageHeader | VideoHeader, OneOf((ImageHeader, VideoHeader))]


class BodyText(Part):
    """The text of an interactive message."""

    text: LongText


class LongBodyText(Part):
    """The text of a list message."""

    text: Annotated[str, Visible(MAX_TEXT)]


class FooterText(Part):
    """A line in small print below the body."""

    text: Annotated[str, Visible(MAX_FOOTER)]
