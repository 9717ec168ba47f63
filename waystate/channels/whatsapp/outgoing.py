"""Everything a business can send by the WhatsApp Cloud API, as our API takes it and as WhatsApp wants it. Pure.

A field has WhatsApp's own name, in camelCase at our API; the files of all media types stand under `media`. WhatsApp's limits
are checked here, for it reports many of them only after it has accepted the message.
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
"""

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

import regex
from pydantic import AfterValidator, BeforeValidator, StrictBool, model_validator

from waystate.channels.whatsapp.content import MEDIA_TYPES
from waystate.channels.whatsapp.interactive import AnyInteractive, lines_of_interactive
from waystate.channels.whatsapp.lines import line_of
from waystate.channels.whatsapp.parts import (
    MAX_TEXT,
    Items,
    LocationContent,
    LongText,
    NamedFile,
    Part,
    Visible,
    WebAddress,
    Word,
    read_part,
    refusal,
    refusal_at,
    write_part,
)
from waystate.channels.whatsapp.template import TemplateContent, line_of_template
from waystate.documents import JsonObject
from waystate.ids import find_uuid

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLUSTER = regex.compile(r"\X")
_PICTURE = regex.compile(r"[\p{Extended_Pictographic}\p{Regional_Indicator}\u20e3]")
_MOST_CONTACTS = 257
_CAPTIONED = frozenset({"image", "video", "document"})


class ContentType(StrEnum):
    """What can be sent. Read marks and typing are no contents."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACTS = "contacts"
    INTERACTIVE = "interactive"
    TEMPLATE = "template"
    REACTION = "reaction"

    @property
    def field(self) -> str:
        """The field of our API that holds the content of this type."""
        return "media" if self.value in MEDIA_TYPES else self.value


_FIELDS = tuple(dict.fromkeys(each.field for each in ContentType))


def _check_type(value: Any) -> Any:
    if isinstance(value, str) and value not in {each.value for each in ContentType}:
        raise refusal(f"is none that WhatsApp sends; use one of {', '.join(ContentType)}")
    return value


def _check_day(value: str) -> str:
    try:
        is_day = _DAY.fullmatch(value) is not None and date.fromisoformat(value) is not None
    except ValueError:
        is_day = False
    if not is_day:
        raise refusal("must be a day as YYYY-MM-DD, such as 1999-01-23")
    return value


def check_message_id(value: str) -> str:
    if not value.startswith("wamid.") and find_uuid(value) is None:
        raise refusal("must name a message: our id of it, or WhatsApp's, which begins with wamid.")
    return value


def _check_emoji(value: str) -> str:
    if value and (_CLUSTER.fullmatch(value) is None or _PICTURE.search(value) is None):
        raise refusal('must be one emoji, such as 👍, or "", which takes the reaction back')
    return value


class TextContent(Part):
    """Plain text, with WhatsApp's own marks for bold, italic and so on.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages
    """

    body: Annotated[str, Visible(MAX_TEXT)]
    preview_url: StrictBool | None = None
    """Whether WhatsApp shows a preview of the first address in the text."""


class MediaContent(NamedFile):
    """The file of an image, a video, an audio, a document or a sticker.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/image-messages
    """

    caption: LongText | None = None
    """Of an image, a video or a document."""

    voice: StrictBool | None = None
    """Of an audio: whether it is shown as a voice message (Ogg with the OPUS codec alone)."""


class CardName(Part):
    formatted_name: Word
    """The whole name; WhatsApp wants one more part beside it."""

    first_name: Word | None = None
    last_name: Word | None = None
    middle_name: Word | None = None
    suffix: Word | None = None
    prefix: Word | None = None

    @model_validator(mode="after")
    def _has_two_parts(self) -> Self:
        parts = (self.first_name, self.last_name, self.middle_name, self.suffix, self.prefix)
        if not any(parts):
            raise refusal("needs one more part beside `formattedName`; add `firstName` or `lastName`")
        return self


class CardPhone(Part):
    phone: Word | None = None
    type: Word | None = None
    wa_id: Word | None = None
    """With it the customer can write to this contact; without it WhatsApp offers to invite them."""


class CardEmail(Part):
    email: Word
    type: Word | None = None


class CardAddress(Part):
    street: Word | None = None
    city: Word | None = None
    state: Word | None = None
    zip: Word | None = None
    country: Word | None = None
    country_code: Word | None = None
    type: Word | None = None


class CardOrganization(Part):
    company: Word | None = None
    department: Word | None = None
    title: Word | None = None


class CardAddressOfWeb(Part):
    url: WebAddress
    type: Word | None = None


class ContactCard(Part):
    """A person or business that the customer can save.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/contacts-messages
    """

    name: CardName
    phones: list[CardPhone] | None = None
    emails: list[CardEmail] | None = None
    addresses: list[CardAddress] | None = None
    org: CardOrganization | None = None
    urls: list[CardAddressOfWeb] | None = None
    birthday: Annotated[str, AfterValidator(_check_day)] | None = None
    """YYYY-MM-DD."""


class ReactionContent(Part):
    """An emoji on a message of the customer, which is at most thirty days old and no reaction itself.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/reaction-messages
    """

    message_id: Annotated[str, AfterValidator(check_message_id)]
    """Our id of the message, or WhatsApp's, which begins with wamid."""

    emoji: Annotated[str, AfterValidator(_check_emoji)]
    """Empty: the reaction is taken back."""


class MessageContent(Part):
    """The type of a message, and under its field what is said."""

    ALSO_CALLED: ClassVar[Mapping[str, str]] = dict.fromkeys(sorted(MEDIA_TYPES), "media")
    """WhatsApp's names of fields that our API calls otherwise."""

    type: Annotated[ContentType, BeforeValidator(_check_type)]
    text: TextContent | None = None
    media: MediaContent | None = None
    location: LocationContent | None = None
    contacts: Annotated[list[ContactCard], Items(1, _MOST_CONTACTS, "contacts")] | None = None
    interactive: AnyInteractive | None = None
    template: TemplateContent | None = None
    reaction: ReactionContent | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        field = self.type.field
        if getattr(self, field) is None:
            raise refusal_at((field,), f"is missing; a message of type {self.type} has its content there")
        for other in _FIELDS:
            if other != field and getattr(self, other) is not None:
                raise refusal_at((other,), f"does not go with type {self.type}, whose content is `{field}`; leave it out")
        if self.media is not None:
            _check_media(self.type, self.media)
        return self


def parse_whatsapp(type: str, object: Any) -> MessageContent:
    """The content from WhatsApp's object of the type, of contacts from their list. Raises ValidationError."""
    kind = ContentType(type) if type in {each.value for each in ContentType} else None
    if kind is ContentType.CONTACTS and isinstance(object, dict):
        object = object.get(type)
    return read_part(MessageContent, {"type": type, (kind.field if kind else type): object}, by_whatsapps_names=True)


def render_content(content: MessageContent) -> JsonObject:
    """`{"type": …, <type>: …}` as a message to WhatsApp has it."""
    said = getattr(content, content.type.field)
    written: Any = [write_part(each) for each in said] if isinstance(said, list) else write_part(said)
    return {"type": content.type.value, content.type.value: written}


def text_of_content(content: MessageContent) -> str:
    """What a reader of a history sees of it: a line, or a few; what may be chosen with numbers. Never empty."""
    if content.template is not None:
        return line_of_template(content.template)
    if content.interactive is not None:
        return "\n".join(lines_of_interactive(content.interactive))
    kind = content.type.value
    written = render_content(content)[kind]
    return line_of(kind, written if isinstance(written, dict) else {kind: written})


def is_free_form(type: str) -> bool:
    """Whether it may be sent in the 24 hours after the customer's last message alone: everything but a template."""
    return type != ContentType.TEMPLATE


def _check_media(type: ContentType, media: MediaContent) -> None:
    if media.caption is not None and type.value not in _CAPTIONED:
        raise refusal_at(("media", "caption"), f"is not shown with type {type}; send the text as a message of its own")
    if media.filename is not None and type is not ContentType.DOCUMENT:
        raise refusal_at(("media", "filename"), f"goes with type document alone, not with {type}; leave it out")
    if media.voice is not None and type is not ContentType.AUDIO:
        raise refusal_at(("media", "voice"), f"goes with type audio alone, not with {type}; leave it out")
