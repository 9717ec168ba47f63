"""Everything a customer can send, a closed model a type: read from WhatsApp's object, written as the API shows it. Pure.

Lenient where real traffic is: any field may be missing or null, a number may be a text and a text a number. What no model
takes is kept as it came, as `Unsupported`. What is stored of a message is WhatsApp's own object, whatever a model makes of it.
https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from waystate.channels.fields import find_list, find_object, find_text, is_visible
from waystate.channels.whatsapp.content import MEDIA_TYPES, content_of, type_of
from waystate.documents import JsonObject, Unreadable, parse

_OWN = "waystate:type"
"""Where no object of WhatsApp has anything: its own `type` is something else than the API's."""

T = TypeVar("T")
P = TypeVar("P", bound="Part")


def _present(value: Any) -> Any:
    """A list without nulls; none at all is an empty one."""
    if value is None:
        return []
    return [each for each in value if each is not None] if isinstance(value, list) else value


def _finite(number: int | float) -> int | float:
    if not abs(number) <= 1e300:
        raise ValueError("is no number of degrees")
    return number


Items = Annotated[list[T], BeforeValidator(_present)]
Degrees = Annotated[int | float, AfterValidator(_finite), WithJsonSchema({"type": "number"})]


class Part(BaseModel):
    """A piece of what a customer sent. A field that WhatsApp left out is null; what is not listed here is no part of it."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(serialization_alias=to_camel),
        coerce_numbers_to_str=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


class IncomingContent(Part):
    """`type` tells them apart. It is the message's type, but of an interactive message that of the reply."""

    type: str
    further: JsonObject | None = Field(default=None, validation_alias="waystate:further")
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""


class Text(IncomingContent):
    type: Literal["text"] = Field(default="text", validation_alias=_OWN)
    body: str | None = Field(default=None, validation_alias=AliasChoices("body", "text"))


class File(IncomingContent):
    """What a media message has. `id` is WhatsApp's, good for 7 days; `url` lives 5 minutes and needs the account's token."""

    id: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    """In base64."""
    caption: str | None = None
    filename: str | None = None
    url: str | None = None
    voice: bool | None = None
    """Whether it was recorded in the chat."""
    animated: bool | None = None


class Image(File):
    type: Literal["image"] = Field(default="image", validation_alias=_OWN)


class Video(File):
    type: Literal["video"] = Field(default="video", validation_alias=_OWN)


class Document(File):
    type: Literal["document"] = Field(default="document", validation_alias=_OWN)


class Sticker(File):
    type: Literal["sticker"] = Field(default="sticker", validation_alias=_OWN)


class Audio(File):
    type: Literal["audio"] = Field(default="audio", validation_alias=_OWN)


class Voice(File):
    type: Literal["voice"] = Field(default="voice", validation_alias=_OWN)


FILES: tuple[type[File], ...] = (Image, Video, Document, Sticker, Audio, Voice)


class Location(IncomingContent):
    type: Literal["location"] = Field(default="location", validation_alias=_OWN)
    latitude: Degrees | None = None
    longitude: Degrees | None = None
    name: str | None = None
    address: str | None = None
    url: str | None = None


class PersonName(Part):
    formatted_name: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    prefix: str | None = None
    suffix: str | None = None


class Employer(Part):
    company: str | None = None
    department: str | None = None
    title: str | None = None


class Phone(Part):
    phone: str | None = None
    wa_id: str | None = None
    """The WhatsApp account of this phone, where it has one."""
    user_id: str | None = None
    type: str | None = None


class Email(Part):
    email: str | None = None
    type: str | None = None


class WebPage(Part):
    url: str | None = None
    type: str | None = None


class PostalAddress(Part):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    country_code: str | None = None
    type: str | None = None


class ContactCard(Part):
    name: PersonName | None = None
    org: Employer | None = None
    birthday: str | None = None
    phones: Items[Phone] = Field(default_factory=list)
    emails: Items[Email] = Field(default_factory=list)
    urls: Items[WebPage] = Field(default_factory=list)
    addresses: Items[PostalAddress] = Field(default_factory=list)


class Contacts(IncomingContent):
    type: Literal["contacts"] = Field(default="contacts", validation_alias=_OWN)
    contacts: Items[ContactCard] = Field(default_factory=list)


class QuickReply(IncomingContent):
    """A quick reply of a template."""

    type: Literal["button"] = Field(default="button", validation_alias=_OWN)
    text: str | None = None
    payload: str | None = None


class ButtonReply(IncomingContent):
    type: Literal["button_reply"] = Field(default="button_reply", validation_alias=_OWN)
    id: str | None = None
    title: str | None = None


class ListReply(IncomingContent):
    type: Literal["list_reply"] = Field(default="list_reply", validation_alias=_OWN)
    id: str | None = None
    title: str | None = None
    description: str | None = None


class FormReply(IncomingContent):
    """A form of WhatsApp Flows, or an address."""

    type: Literal["nfm_reply"] = Field(default="nfm_reply", validation_alias=_OWN)
    name: str | None = None
    """`flow` or `address_message`."""
    body: str | None = None
    response_json: str | None = None
    """As WhatsApp wrote it: JSON in a text."""
    answers: JsonObject | None = Field(default=None, validation_alias="waystate:answers")
    """The same, read; null where it is no object."""


class CallPermission(IncomingContent):
    type: Literal["call_permission_reply"] = Field(default="call_permission_reply", validation_alias=_OWN)
    response: str | None = None
    """`accept` or `reject`."""
    is_permanent: bool | None = None
    expiration_timestamp: str | None = None
    response_source: str | None = None


class Reaction(IncomingContent):
    type: Literal["reaction"] = Field(default="reaction", validation_alias=_OWN)
    message_id: str | None = None
    """The wamid of the message that it is a reaction to."""
    emoji: str | None = None
    """Null or empty: the reaction is taken back."""


class OrderedProduct(Part):
    """Numbers are texts, as WhatsApp wrote them."""

    product_retailer_id: str | None = None
    quantity: str | None = None
    item_price: str | None = None
    currency: str | None = None


class Order(IncomingContent):
    type: Literal["order"] = Field(default="order", validation_alias=_OWN)
    catalog_id: str | None = None
    text: str | None = None
    product_items: Items[OrderedProduct] = Field(default_factory=list)


class System(IncomingContent):
    """What WhatsApp tells of a customer; `subtype` says what."""

    type: Literal["system"] = Field(default="system", validation_alias=_OWN)
    subtype: str | None = Field(default=None, validation_alias="type")
    body: str | None = None
    wa_id: str | None = Field(default=None, validation_alias=AliasChoices("wa_id", "new_wa_id"))
    user_id: str | None = None
    parent_user_id: str | None = None
    previous_user_id: str | None = None
    previous_parent_user_id: str | None = None
    customer: str | None = None
    identity: str | None = None


class MessageEdit(IncomingContent):
    """A customer changed the message `messageId` (a wamid); `content` is how it is now, null where WhatsApp does not say."""

    type: Literal["edit"] = Field(default="edit", validation_alias=_OWN)
    message_id: str | None = Field(default=None, validation_alias="original_message_id")
    message: JsonObject | None = Field(default=None, exclude=True)
    content: JsonObject | None = Field(default=None, validation_alias="waystate:content")


class MessageRevoke(IncomingContent):
    """A customer took back the message `messageId` (a wamid)."""

    type: Literal["revoke"] = Field(default="revoke", validation_alias=_OWN)
    message_id: str | None = Field(default=None, validation_alias="original_message_id")


class RequestWelcome(IncomingContent):
    """A customer opened the chat for the first time."""

    type: Literal["request_welcome"] = Field(default="request_welcome", validation_alias=_OWN)


class Unsupported(IncomingContent):
    """What WhatsApp does not pass on, a type that is new to Waystate, or a content that is not made as its type is.

    `subtype` is WhatsApp's word for it, `detail` what else is known of it, `raw` what came.
    """

    type: Literal["unsupported"] = "unsupported"
    subtype: str | None = None
    detail: str | None = None
    raw: JsonObject = Field(default_factory=dict)
    is_whatsapps: bool = Field(default=False, exclude=True)
    """Whether it is WhatsApp that does not pass it on."""


class Product(Part):
    catalog_id: str | None = None
    product_retailer_id: str | None = None


class Context(Part):
    """What a message replies to, and whether it was forwarded: often, where it was more than five times."""

    sender: str | None = Field(default=None, validation_alias="from")
    id: str | None = None
    forwarded: bool | None = None
    frequently_forwarded: bool | None = None
    referred_product: Product | None = None


class Greeting(Part):
    text: str | None = None


class Referral(Part):
    """The ad or post that brought the customer."""

    source_type: str | None = None
    """`ad` or `post`."""
    source_id: str | None = None
    source_url: str | None = None
    headline: str | None = None
    body: str | None = None
    media_type: str | None = None
    image_url: str | None = None
    video_url: str | None = None
    thumbnail_url: str | None = None
    ctwa_clid: str | None = None
    """By it the business tells Meta what came of the click."""
    welcome_message: Greeting | None = None


_REPLIES: dict[str, type[IncomingContent]] = {
    "button_reply": ButtonReply,
    "list_reply": ListReply,
    "nfm_reply": FormReply,
    "call_permission_reply": CallPermission,
}
_MODELS: dict[str, type[IncomingContent]] = {
    "text": Text,
    "image": Image,
    "video": Video,
    "document": Document,
    "sticker": Sticker,
    "audio": Audio,
    "voice": Voice,
    "location": Location,
    "contacts": Contacts,
    "button": QuickReply,
    "reaction": Reaction,
    "order": Order,
    "system": System,
    "edit": MessageEdit,
    "revoke": MessageRevoke,
    "request_welcome": RequestWelcome,
}
MODELS: tuple[type[IncomingContent], ...] = (*_MODELS.values(), *_REPLIES.values(), Unsupported)
_VALIDATORS = {kind: model.__pydantic_validator__.validate_python for kind, model in _MODELS.items()}
_REPLY_VALIDATORS = {kind: model.__pydantic_validator__.validate_python for kind, model in _REPLIES.items()}

Incoming = Annotated[
    Annotated[Text, Tag("text")]
    | Annotated[Image, Tag("image")]
    | Annotated[Video, Tag("video")]
    | Annotated[Document, Tag("document")]
    | Annotated[Sticker, Tag("sticker")]
    | Annotated[Audio, Tag("audio")]
    | Annotated[Voice, Tag("voice")]
    | Annotated[Location, Tag("location")]
    | Annotated[Contacts, Tag("contacts")]
    | Annotated[QuickReply, Tag("button")]
    | Annotated[ButtonReply, Tag("button_reply")]
    | Annotated[ListReply, Tag("list_reply")]
    | Annotated[FormReply, Tag("nfm_reply")]
    | Annotated[CallPermission, Tag("call_permission_reply")]
    | Annotated[Reaction, Tag("reaction")]
    | Annotated[Order, Tag("order")]
    | Annotated[System, Tag("system")]
    | Annotated[MessageEdit, Tag("edit")]
    | Annotated[MessageRevoke, Tag("revoke")]
    | Annotated[RequestWelcome, Tag("request_welcome")]
    | Annotated[Unsupported, Tag("unsupported")],
    Discriminator(lambda content: content.type if isinstance(content, IncomingContent) else None),
]
"""What a customer sent, as the API shows it."""


def read(kind: str, content: JsonObject, about: Mapping[str, Any] | None = None) -> IncomingContent:
    """The content of a message of the type `kind`; `about` is what surrounds it."""
    validate = _VALIDATORS.get(kind)
    part: Any = content
    if validate is None and kind == "interactive":
        reply = find_text(content, "type") or ""
        validate = _REPLY_VALIDATORS.get(reply)
        part = content.get(reply) or {}
    if validate is not None and not (kind in content and _is_misplaced(kind, content)):
        try:
            model: IncomingContent = validate(part)
            return model
        except ValidationError:
            pass
    return _unsupported(kind, content, about or {})


def read_context(about: Mapping[str, Any]) -> Context | None:
    """None where it stands alone, or where nobody can tell what it says."""
    return _find_part(Context, about.get("context"))


def read_referral(about: Mapping[str, Any]) -> Referral | None:
    return _find_part(Referral, about.get("referral"))


def edited(edit: MessageEdit) -> tuple[str, JsonObject] | None:
    """The type and the content that the message has now; None where the edit does not say, or edits an edit."""
    if edit.message is None:
        return None
    kind = type_of(edit.message)
    return None if kind in ("edit", "revoke") else (kind, content_of(edit.message, kind))


def answers_of(reply: FormReply) -> Any:
    """What `response_json` is: JSON in a text, which may be anything. None where it is no JSON."""
    try:
        return parse((reply.response_json or "").encode("utf-8", "replace"))
    except Unreadable:
        return None


def structure_of(kind: str, text: str | None, content: JsonObject, media: JsonObject | None) -> Incoming:
    """As the API shows it. A queue's message may have nothing but a text and the address of a file."""
    if kind in MEDIA_TYPES:
        said = {"caption": text} if not content and text is not None and is_visible(text) else {}
        content = (media or {}) | said | content
    elif kind == "text" and not content and text is not None:
        content = {"body": text}
    found: Any = read(kind, content)
    added: dict[str, Any] = {}
    if isinstance(found, FormReply):
        answers = answers_of(found)
        added["answers"] = answers if isinstance(answers, dict) else None
    elif isinstance(found, MessageEdit) and (inner := edited(found)) is not None:
        added["content"] = structure_of(inner[0], None, inner[1], None).model_dump(mode="json", by_alias=True)
    source = find_object(content, find_text(content, "type") or "") if kind == "interactive" else content
    if not isinstance(found, Unsupported) and (further := _further(type(found), source or {})):
        added["further"] = further
    structure: Incoming = found.model_copy(update=added) if added else found
    return structure


def _further(model: type[IncomingContent], source: JsonObject) -> JsonObject:
    known: set[str] = set()
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        known.update(map(str, alias.choices) if isinstance(alias, AliasChoices) else [str(alias or name)])
    return {key: value for key, value in source.items() if key not in known}


def _is_misplaced(kind: str, content: JsonObject) -> bool:
    """Whether no object came in the place of the type's own; contacts are a list, and a text may be a text alone."""
    return len(content) == 1 and content[kind] is not None and kind not in ("text", "contacts")


def _find_part(model: type[P], source: Any) -> P | None:
    if not isinstance(source, dict):
        return None
    try:
        return model.model_validate(source)
    except ValidationError:
        return None


def _unsupported(kind: str, content: JsonObject, about: Mapping[str, Any]) -> Unsupported:
    word = find_text(content, "type") or find_text(content, "unsupported")
    if kind not in ("unsupported", "unknown"):
        return Unsupported(subtype=kind, detail=word, raw=content)
    (error, *_) = find_list(about, "errors") or find_list(content, "errors") or [None]
    details = find_text(find_object(error, "error_data"), "details") or find_text(error, "details")
    return Unsupported(subtype=word, detail=details or find_text(error, "title"), raw=content, is_whatsapps=True)
