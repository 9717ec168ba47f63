"""Of `messages`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = [
    "Audio",
    "ButtonReply",
    "CallPermission",
    "ContactCard",
    "Contacts",
    "Context",
    "CustomerWindow",
    "Document",
    "Email",
    "Employer",
    "FormReply",
    "Greeting",
    "GroupAnswer",
    "Hop",
    "Image",
    "ListReply",
    "Location",
    "MessageAnswer",
    "MessageEdit",
    "MessageList",
    "MessageRevoke",
    "MessageTrace",
    "Order",
    "OrderedProduct",
    "ParticipantAnswer",
    "PersonName",
    "Phone",
    "PlannedPage",
    "PlannedState",
    "PostalAddress",
    "Product",
    "QuickReply",
    "Reaction",
    "ReactionAnswer",
    "ReadAnswer",
    "Referral",
    "RefusedSend",
    "ReportedStatus",
    "RequestWelcome",
    "SentMany",
    "Shown",
    "Sticker",
    "System",
    "Text",
    "TracedAttempt",
    "TracedContact",
    "TracedConversation",
    "TracedDelivery",
    "Unsupported",
    "VersionAnswer",
    "VersionList",
    "Video",
    "Voice",
    "WebPage",
]

PlannedState = Literal["waiting", "released", "withdrawn", "failed"]


class Audio(CamelRecord):
    type: Literal["audio"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
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


class ButtonReply(Record):
    type: Literal["button_reply"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    id: str | None = None
    title: str | None = None


class CallPermission(CamelRecord):
    type: Literal["call_permission_reply"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    response: str | None = None
    """`accept` or `reject`."""
    is_permanent: bool | None = None
    expiration_timestamp: str | None = None
    response_source: str | None = None


class Email(Record):
    email: str | None = None
    type: str | None = None


class Employer(Record):
    company: str | None = None
    department: str | None = None
    title: str | None = None


class PersonName(CamelRecord):
    formatted_name: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    prefix: str | None = None
    suffix: str | None = None


class Phone(CamelRecord):
    phone: str | None = None
    wa_id: str | None = None
    """The WhatsApp account of this phone, where it has one."""
    user_id: str | None = None
    type: str | None = None


class PostalAddress(CamelRecord):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    country_code: str | None = None
    type: str | None = None


class WebPage(Record):
    url: str | None = None
    type: str | None = None


class ContactCard(Record):
    name: PersonName | None = None
    org: Employer | None = None
    birthday: str | None = None
    phones: list[Phone] | None = None
    emails: list[Email] | None = None
    urls: list[WebPage] | None = None
    addresses: list[PostalAddress] | None = None


class Contacts(Record):
    type: Literal["contacts"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    contacts: list[ContactCard] | None = None


class Product(CamelRecord):
    catalog_id: str | None = None
    product_retailer_id: str | None = None


class Context(CamelRecord):
    """What a message replies to, and whether it was forwarded: often, where it was more than five times."""

    sender: str | None = None
    id: str | None = None
    forwarded: bool | None = None
    frequently_forwarded: bool | None = None
    referred_product: Product | None = None


class CustomerWindow(CamelRecord):
    """Whether free text may be sent: for 24 hours after the customer wrote or called. `closesAt` is null if they
    never did.
    """

    open: bool
    closes_at: datetime | None


class Document(CamelRecord):
    type: Literal["document"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
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


class FormReply(CamelRecord):
    """A form of WhatsApp Flows, or an address."""

    type: Literal["nfm_reply"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    name: str | None = None
    """`flow` or `address_message`."""
    body: str | None = None
    response_json: str | None = None
    """As WhatsApp wrote it: JSON in a text."""
    answers: dict[str, Any] | None = None
    """The same, read; null where it is no object."""


class Greeting(Record):
    text: str | None = None


class ParticipantAnswer(CamelRecord):
    """Somebody of a group, a contact of their own. `leftAt` is null while they are in it; both times where none was
    told.
    """

    id: UUID
    name: str | None
    wa_id: str | None
    user_id: str | None
    role: Literal["member"]
    joined_at: datetime | None
    left_at: datetime | None


class GroupAnswer(CamelRecord):
    """A WhatsApp group. `groupId` is WhatsApp's; one that is `suspended` or `deleted` takes no messages.

    `participants`: who is in it, then who was, as far as WhatsApp told or they wrote.
    """

    group_id: str
    state: Literal["active", "suspended", "deleted"] | str
    participants: list[ParticipantAnswer]


class Hop(Record):
    """`written`, `tracked`, `received`, `queued`, `attempt`, `answer` or `status`; `what` says more."""

    at: datetime
    hop: str
    what: str


class Image(CamelRecord):
    type: Literal["image"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
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


class ListReply(Record):
    type: Literal["list_reply"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    id: str | None = None
    title: str | None = None
    description: str | None = None


class Location(Record):
    type: Literal["location"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    latitude: float | None = None
    longitude: float | None = None
    name: str | None = None
    address: str | None = None
    url: str | None = None


class MessageEdit(CamelRecord):
    """A customer changed the message `messageId` (a wamid); `content` is how it is now, null where WhatsApp does not
    say.
    """

    type: Literal["edit"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    message_id: str | None = None
    content: dict[str, Any] | None = None


class MessageRevoke(CamelRecord):
    """A customer took back the message `messageId` (a wamid)."""

    type: Literal["revoke"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    message_id: str | None = None


class OrderedProduct(CamelRecord):
    """Numbers are texts, as WhatsApp wrote them."""

    product_retailer_id: str | None = None
    quantity: str | None = None
    item_price: str | None = None
    currency: str | None = None


class Order(CamelRecord):
    type: Literal["order"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    catalog_id: str | None = None
    text: str | None = None
    product_items: list[OrderedProduct] | None = None


class QuickReply(Record):
    """A quick reply of a template."""

    type: Literal["button"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    text: str | None = None
    payload: str | None = None


class Reaction(CamelRecord):
    type: Literal["reaction"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    message_id: str | None = None
    """The wamid of the message that it is a reaction to."""
    emoji: str | None = None
    """Null or empty: the reaction is taken back."""


class ReactionAnswer(CamelRecord):
    """What a customer, or the business towards them, says of a message; a business's counts once WhatsApp has taken
    it.

    `customerId` is the customer's; in a WhatsApp group, of a customer's, that of who of it says so.
    """

    by: Literal["customer", "business"] | str
    customer_id: UUID
    emoji: str
    at: datetime


class Referral(CamelRecord):
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


class RequestWelcome(Record):
    """A customer opened the chat for the first time."""

    type: Literal["request_welcome"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""


class Sticker(CamelRecord):
    type: Literal["sticker"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
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


class System(CamelRecord):
    """What WhatsApp tells of a customer; `subtype` says what."""

    type: Literal["system"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    subtype: str | None = None
    body: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    parent_user_id: str | None = None
    previous_user_id: str | None = None
    previous_parent_user_id: str | None = None
    customer: str | None = None
    identity: str | None = None


class Text(Record):
    type: Literal["text"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    body: str | None = None


class Unsupported(Record):
    """What WhatsApp does not pass on, a type that is new to Waystate, or a content that is not made as its type is.

    `subtype` is WhatsApp's word for it, `detail` what else is known of it, `raw` what came.
    """

    type: Literal["unsupported"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
    subtype: str | None = None
    detail: str | None = None
    raw: dict[str, Any] | None = None


class Video(CamelRecord):
    type: Literal["video"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
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


class Voice(CamelRecord):
    type: Literal["voice"] | None = None
    further: dict[str, Any] | None = None
    """What WhatsApp sent of it beyond these fields, under WhatsApp's names."""
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


class MessageAnswer(CamelRecord):
    """A message. What waits for its time or its customer is `planned` (`withdrawn`, `failed` or `released`
    afterwards, then
    `messageId` is what it became), and has no conversation yet.

    `content` is WhatsApp's own object of what a business sent; of what a customer sent it has one of the shapes that
    `type`
    tells apart, and is null once they took it back (`revokedAt`). `preview` is one line of it. `versions` counts how
    often it
    was said anew, the original being the first.
    """

    id: UUID
    status: str
    direction: str
    conversation_id: UUID | None
    customer_id: UUID
    number: str
    type: str
    text: str | None
    preview: str | None
    content: (
        Text
        | Image
        | Video
        | Document
        | Sticker
        | Audio
        | Voice
        | Location
        | Contacts
        | QuickReply
        | ButtonReply
        | ListReply
        | FormReply
        | CallPermission
        | Reaction
        | Order
        | System
        | MessageEdit
        | MessageRevoke
        | RequestWelcome
        | Unsupported
        | dict[str, Any]
        | None
    )
    media: dict[str, Any] | None
    context: Context | None = None
    referral: Referral | None = None
    wamid: str | None
    genesys_message_id: str | None
    reply_to: str | None
    sender: str | None
    sender_user_id: UUID | None
    sender_customer_id: UUID | None = None
    """Who wrote it, of a message in a WhatsApp group: `customerId` is the group's."""
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    error: dict[str, Any] | None
    send_at: datetime | None
    expires_at: datetime | None
    message_id: UUID | None
    resend_of: UUID | None = None
    resent_as: UUID | None = None
    reactions: list[ReactionAnswer] | None = None
    edited_at: datetime | None = None
    revoked_at: datetime | None = None
    versions: int | None = None


class MessageList(Record):
    """Those that there are, in the order asked for."""

    items: list[MessageAnswer]


class ReportedStatus(CamelRecord):
    """`applied` is false, and `whyNot` says why, where it did not change the message.

    `pricing` and `conversation` are WhatsApp's: what the message costs, and in which window it was sent. `recipient`:
    of a
    message to a WhatsApp group, which of its people it is about. A status that begins with `payment_` is of the
    payment that
    the message asked for, of which `payment` has the amount.
    """

    status: str
    at: datetime
    source: str
    origin: str
    applied: bool
    why_not: str | None
    error: dict[str, Any] | None
    pricing: dict[str, Any] | None = None
    conversation: dict[str, Any] | None = None
    payment: dict[str, Any] | None = None
    recipient: str | None = None


class TracedContact(CamelRecord):
    """`group` is there where `kind` is `group`."""

    id: UUID
    kind: Literal["person", "group"] | str
    name: str | None
    wa_id: str | None
    group: GroupAnswer | None


class TracedConversation(CamelRecord):
    """`conversationId` is what `/state` calls it, `internalId` Waystate's own id."""

    internal_id: UUID
    conversation_id: str | None
    genesys_conversation_id: str | None
    communication_id: str | None
    phone_number_id: str
    status: str
    expires_at: datetime
    customer_window: CustomerWindow


class TracedAttempt(CamelRecord):
    """`outcome` is null while no answer came. `holder` and `epoch` are those of the lease it was made under."""

    attempt: int
    started_at: datetime
    ended_at: datetime | None
    outcome: Literal["sent", "retry", "failed", "unknown"] | str | None
    http_status: int | None
    error: dict[str, Any] | None
    holder: str
    epoch: int


class TracedDelivery(CamelRecord):
    """What had to reach a platform because of the message. `nextAttemptAt` is null once nothing more will be
    tried.
    """

    target: str
    account: str
    state: str
    external_id: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    finished_at: datetime | None
    error: dict[str, Any] | None
    attempts: list[TracedAttempt]


class MessageTrace(CamelRecord):
    """`why` says in a sentence why the message stands where it stands; `hops` are in order of time.

    `filePassedOn` is false where the message has a file and the other side got text that names it, true where it got
    the file,
    null for a message without one. `GET /v1/media/{id}` shows the file that `media.file_id` names.
    `senderContactId`: who wrote it, of a message in a WhatsApp group.
    """

    message_id: UUID
    wamid: str | None
    genesys_message_id: str | None
    direction: Literal["inbound", "outbound"] | str
    type: str
    text: str | None
    content: dict[str, Any]
    media: dict[str, Any] | None
    file_passed_on: bool | None
    metadata: dict[str, Any]
    sender: str | None
    sender_contact_id: UUID | None
    status: str
    why: str
    error: dict[str, Any] | None
    sent_at: datetime
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    contact: TracedContact
    conversation: TracedConversation
    origin: str
    hops: list[Hop]
    deliveries: list[TracedDelivery]
    statuses: list[ReportedStatus]


class PlannedPage(Record):
    """`next` is the `after` of the next page, null on the last one."""

    items: list[MessageAnswer]
    next: UUID | None


class ReadAnswer(Record):
    changed: list[UUID]
    unchanged: list[UUID]


class RefusedSend(Record):
    """Why one of many was not taken: as a problem says it, with its place among the messages."""

    place: int
    code: str
    detail: str


class SentMany(Record):
    """`messages` by place, null where one was refused; `refused` says why."""

    taken: int
    messages: list[MessageAnswer | None]
    refused: list[RefusedSend]


class Shown(Record):
    message: str


class VersionAnswer(CamelRecord):
    """The message as it was from `at` on: `original`, `edit` or `revoke`. `changedBy` is the wamid of what changed
    it.

    `media.file_id` is the id of that version's file. Of a message that was taken back only the times are shown.
    """

    kind: Literal["original", "edit", "revoke"] | str
    at: datetime
    changed_by: str | None
    text: str | None
    content: (
        Text
        | Image
        | Video
        | Document
        | Sticker
        | Audio
        | Voice
        | Location
        | Contacts
        | QuickReply
        | ButtonReply
        | ListReply
        | FormReply
        | CallPermission
        | Reaction
        | Order
        | System
        | MessageEdit
        | MessageRevoke
        | RequestWelcome
        | Unsupported
        | dict[str, Any]
        | None
    )
    media: dict[str, Any] | None = None


class VersionList(Record):
    """The oldest first."""

    items: list[VersionAnswer]
