"""Bodies of the WhatsApp Cloud API as models: requests with the limits Meta enforces, answers, errors, media.

Fields Meta adds are kept (`extra="allow"`), and `model_dump(exclude_unset=True)` gives back what was read.
https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Body1024 = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Payload(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Text(Payload):
    body: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    preview_url: bool | None = None


class Media(Payload):
    """Sent by the `id` of an upload, or by a public `link`."""

    id: str | None = None
    link: str | None = None
    caption: Annotated[str, StringConstraints(max_length=1024)] | None = None
    filename: str | None = None

    @model_validator(mode="after")
    def names_its_file(self) -> Self:
        if self.id is None and self.link is None:
            raise ValueError("a medium is sent by `id` or by `link`; give one")
        return self


class Location(Payload):
    latitude: float | str
    longitude: float | str
    name: str | None = None
    address: str | None = None


class Reaction(Payload):
    message_id: str
    emoji: str


class ReplyButton(Payload):
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=20)]


class Button(Payload):
    type: Literal["reply"]
    reply: ReplyButton


class Row(Payload):
    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    title: Annotated[str, StringConstraints(min_length=1, max_length=24)]
    description: Annotated[str, StringConstraints(max_length=72)] | None = None


class Section(Payload):
    title: Annotated[str, StringConstraints(max_length=24)] | None = None
    rows: list[Row] | None = None


class Action(Payload):
    button: Annotated[str, StringConstraints(max_length=20)] | None = None
    buttons: Annotated[list[Button], Field(max_length=3)] | None = None
    sections: Annotated[list[Section], Field(max_length=10)] | None = None

    @model_validator(mode="after")
    def holds_ten_rows(self) -> Self:
        if sum(len(section.rows or []) for section in self.sections or []) > 10:
            raise ValueError("a list has at most 10 rows over all its sections")
        return self


class InteractiveBody(Payload):
    text: Body1024


class Interactive(Payload):
    type: str
    body: InteractiveBody | None = None
    action: Action | None = None


class Language(Payload):
    code: str


class Template(Payload):
    name: str
    language: Language | None = None
    components: list[dict[str, Any]] | None = None


class Context(Payload):
    message_id: str


class SendRequest(Payload):
    """POST /{phone_number_id}/messages. The object under the name of `type` is the content."""

    messaging_product: Literal["whatsapp"]
    recipient_type: str | None = None
    to: str | None = None
    recipient: str | None = None
    type: str = "text"
    text: Text | None = None
    image: Media | None = None
    audio: Media | None = None
    video: Media | None = None
    document: Media | None = None
    sticker: Media | None = None
    location: Location | None = None
    contacts: list[dict[str, Any]] | None = None
    reaction: Reaction | None = None
    interactive: Interactive | None = None
    template: Template | None = None
    context: Context | None = None
    biz_opaque_callback_data: Annotated[str, StringConstraints(max_length=512)] | None = None

    @model_validator(mode="after")
    def is_complete(self) -> Self:
        if not self.to and not self.recipient:
            raise ValueError("a message needs `to` (a phone number) or `recipient` (a user id)")
        if getattr(self, self.type, None) is None:
            raise ValueError(f"a message of type `{self.type}` needs the object `{self.type}`")
        return self


class ReadRequest(Payload):
    """The same endpoint: marks a customer's message as read, and shows typing."""

    messaging_product: Literal["whatsapp"]
    status: Literal["read"]
    message_id: str
    typing_indicator: dict[str, Any] | None = None


class SentContact(Payload):
    input: str
    wa_id: str | None = None
    user_id: str | None = None


class SentMessage(Payload):
    id: str
    message_status: str | None = None


class SendResponse(Payload):
    messaging_product: Literal["whatsapp"]
    contacts: list[SentContact] = Field(default_factory=list)
    messages: Annotated[list[SentMessage], Field(min_length=1)]


class GraphError(Payload):
    message: str
    code: int
    type: str | None = None
    error_data: dict[str, Any] | None = None
    error_subcode: int | None = None
    fbtrace_id: str | None = None


class ErrorBody(Payload):
    error: GraphError


class MediaResponse(Payload):
    """GET /{media_id}: the URL lives 5 minutes and needs the access token; `sha256` is hex here, base64 in webhooks."""

    id: str
    url: str
    mime_type: str
    sha256: str
    file_size: int | None = None
    messaging_product: Literal["whatsapp"] | None = None
