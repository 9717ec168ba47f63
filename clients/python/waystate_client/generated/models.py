"""What the API takes and answers. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from waystate_client.records import CamelRecord, Record

ContentType = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive", "template", "reaction"
]
"""What can be sent. Read marks and typing are no contents."""
Controller = Literal["none", "flow", "agent", "external"]

ConversationStatus = Literal["active", "waiting", "closed", "expired", "error"]

Direction = Literal["inbound", "outbound"]

InboxSort = Literal["lastActivity", "created", "waiting"]
"""The order of a list: the latest first, or those who wait longest."""
Likeness = Literal["phone", "email", "username", "name"]
"""What customers have in common, the surest first."""
Mode = Literal["allOrNothing", "each"]
"""Of many at once: all are taken or none (seed 004), or each for itself."""
PartSource = Literal["conversation", "group", "assignment", "added"]
"""Why somebody takes part."""
Pipeline = Literal[
    "inbound",
    "outbound",
    "status",
    "correlation",
    "deliveries",
    "templates",
    "account",
    "echoes",
    "history",
    "address_book",
    "preferences",
    "calls",
    "standby",
]

PlannedState = Literal["waiting", "released", "withdrawn", "failed"]

Reason = Literal[
    "lock_timeout",
    "mapping_not_found",
    "invalid_payload",
    "state_violation",
    "mapping_status_expired",
    "mapping_status_closed",
    "database_error",
    "invalid_media_url",
    "unknown_tenant",
    "window_closed",
    "recipient_moved",
    "group_message",
    "group_unavailable",
    "not_for_groups",
    "not_in_control",
    "delivery_failed",
    "missed_genesys_message",
]
"""Why an item is a dead letter (seed 000, and those that Waystate adds)."""
Role = Literal["owner", "admin", "supervisor", "agent", "viewer", "platform"]

Scope = Literal[
    "state:read",
    "state:write",
    "customers:read",
    "customers:write",
    "conversations:read",
    "conversations:write",
    "conversations:assign",
    "messages:read",
    "messages:send",
    "dead_letters:read",
    "dead_letters:write",
    "tenant:read",
    "tenant:write",
    "users:read",
    "users:write",
    "keys:read",
    "keys:write",
    "audit:read",
    "sign_on:write",
    "self",
    "credentials",
    "platform",
]
"""What a caller may do: a role holds a set of them, an API key is given some of `KEY_SCOPES`."""
Severity = Literal["info", "warning", "critical"]
"""How bad it is: to be known, to be looked at, or nothing works until somebody acts."""
Sort = Literal["lastActivity", "name", "created", "messageCount"]
"""The order of a list: the newest or most first, names from A to Z."""
TakesPart = Literal["customer", "agent", "observer"]
"""As what: seed 003's roles."""
TenantStatus = Literal["active", "suspended", "deleting"]
"""`suspended`: it receives and keeps, but sends nothing and lets nobody in. `deleting`: it is gone, its rows not
yet.
"""


class Acceptance(Record):
    """`password` becomes that of a new account; who has an account already gives the password it has."""

    token: str
    password: str
    name: str | None = None


class AccountEventAnswer(CamelRecord):
    """`field` and `event` are WhatsApp's own words, `sentence` is for people, `value` the whole of what came.

    `at` is when it was so, as WhatsApp says. Without a `number` it is of the whole business account.
    """

    id: UUID
    at: datetime
    number: str | None
    business_account_id: str | None
    field: str
    event: str | None
    severity: Severity | str
    sentence: str
    value: dict[str, Any]


class AccountEventPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[AccountEventAnswer]
    next: UUID | None


class AddCustomer(CamelRecord):
    """A customer by exactly one of `phoneNumber`, `waId` and `userId`, with what is known of them."""

    name: str | None = None
    email: str | None = None
    language: str | None = None
    username: str | None = None
    profile_picture_url: str | None = None
    tags: list[str] | None = None
    preferences: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    phone_number: str | None = None
    country: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    on_existing: Literal["return", "update"] | str | None = None


class AddNote(Record):
    text: str


class AddQueue(CamelRecord):
    genesys_queue: str | None = None
    """The id of the queue at Genesys that stands for it"""
    schedule: UUID | None = None
    """By which it is open; null: always"""
    name: str
    members: list[UUID] | None = None


class AddReply(Record):
    title: str | None = None
    queue: UUID | None = None
    """Of which queue it is; null: of all"""
    shortcut: str
    """One word, in any case, with or without `/` before it"""
    text: str
    """Liquid, with the variables of ready answers"""


class HoursBody(Record):
    """What closes before it opens closes on the next day."""

    opens: str
    """Such as 09:00"""
    closes: str
    """Such as 17:30; up to 24:00"""


class HolidayBody(Record):
    """A day with hours of its own; without any it is closed. Nothing of the day before reaches into it."""

    date_: date = Field(validation_alias="date", serialization_alias="date")
    name: str
    slots: list[HoursBody] | None = None


class SlotBody(Record):
    """The same hours on each of these days."""

    opens: str
    """Such as 09:00"""
    closes: str
    """Such as 17:30; up to 24:00"""
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] | str]


class AddSchedule(CamelRecord):
    """When a place is open. Slots may overlap; a schedule without any is always closed."""

    valid_from: date | None = None
    """The day from which this counts; null is today, there"""
    name: str
    time_zone: str
    """IANA's name, such as Europe/Berlin"""
    slots: list[SlotBody]
    holidays: list[HolidayBody] | None = None


class AddTags(Record):
    tags: list[str]


class SavedAddress(Record):
    id: str
    value: dict[str, str]


class AddressParameters(CamelRecord):
    """Names inside `values`, `validationErrors` and a saved address are WhatsApp's own, such as `in_pin_code`."""

    country: str
    values: dict[str, str] | None = None
    saved_addresses: list[SavedAddress] | None = None
    validation_errors: dict[str, str] | None = None


class AddressAction(Record):
    name: Literal["address_message"] | None = None
    parameters: AddressParameters


class BodyText(Record):
    """The text of an interactive message."""

    text: str


class NamedFile(CamelRecord):
    """A document, with the name that the customer sees."""

    media_id: UUID | None = None
    """What `POST /v1/media` answered with: it goes to whichever number sends it."""
    id: str | None = None
    """The media id that an upload to WhatsApp answered with, for one number."""
    link: str | None = None
    """An https address that anybody can load."""
    filename: str | None = None
    """With its ending, by which the phone chooses a picture."""


class DocumentHeader(Record):
    """A document above the body."""

    type: Literal["document"]
    document: NamedFile


class FooterText(Record):
    """A line in small print below the body."""

    text: str


class MediaFile(CamelRecord):
    """A file that was uploaded here (`mediaId`), that WhatsApp has (`id`), or that it loads (`link`)."""

    media_id: UUID | None = None
    """What `POST /v1/media` answered with: it goes to whichever number sends it."""
    id: str | None = None
    """The media id that an upload to WhatsApp answered with, for one number."""
    link: str | None = None
    """An https address that anybody can load."""


class ImageHeader(Record):
    """A picture above the body."""

    type: Literal["image"]
    image: MediaFile


class TextHeader(Record):
    """A line above the body."""

    type: Literal["text"]
    text: str


class VideoHeader(Record):
    """A film above the body."""

    type: Literal["video"]
    video: MediaFile


class AddressRequest(Record):
    """Asks for a postal address (businesses and customers in India).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/address-messages
    """

    type: Literal["address_message"]
    header: TextHeader | ImageHeader | VideoHeader | DocumentHeader | dict[str, Any] | None = None
    body: BodyText
    footer: FooterText | None = None
    action: AddressAction


class Alive(Record):
    status: Literal["ok"] | None = None


class AssignConversation(CamelRecord):
    """`user`: who is to have it; null: nobody."""

    user: UUID | None
    control_epoch: int | None = None
    """The `controlEpoch` that you have seen: 409 if it is in other hands since"""


class AssigneeAnswer(Record):
    """`name` is null of somebody who has left."""

    id: UUID
    name: str | None


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


class AuditActor(Record):
    """`user` with the person's id, `key` with the key's; `operator` ran a command on the machine itself."""

    kind: str
    id: str | None


class AuditEntry(Record):
    """`hash` covers everything of the entry and the hash of the entry before it."""

    position: int
    id: UUID
    at: datetime
    actor: AuditActor
    action: str
    subject: str
    details: Any
    hash: str


class AuditFault(Record):
    """`kind`: `changed`, `missing`, `inserted`, or, against a head that was noted, `rewritten` or `truncated`."""

    kind: str
    position: int
    message: str


class AuditHead(Record):
    position: int
    hash: str


class AuditPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[AuditEntry]
    next: int | None


class AuditVerdict(Record):
    """`head` is the last good entry (position 0: none is known to be), `noted` the same as text.

    Keep it elsewhere, and give it as `head` the next time.
    """

    intact: bool
    head: AuditHead
    noted: str
    fault: AuditFault | None


class AuthorAnswer(Record):
    """`name` is null of who is not here any more, and of a key."""

    kind: Literal["user", "key", "trusted", "operator", "system"] | str
    id: UUID | None
    name: str | None


class BacklogAnswer(CamelRecord):
    waiting: int
    oldest_at: datetime | None = Field(validation_alias="oldest_at", serialization_alias="oldest_at")


class ReplyButton(Record):
    """What the customer taps; `id` comes back with the answer."""

    id: str
    title: str


class ButtonOption(Record):
    type: Literal["reply"] | None = None
    reply: ReplyButton


class ButtonAction(Record):
    buttons: list[ButtonOption]


class ButtonMessage(Record):
    """Up to three buttons under a text."""

    type: Literal["button"]
    header: TextHeader | ImageHeader | VideoHeader | DocumentHeader | dict[str, Any] | None = None
    body: BodyText
    footer: FooterText | None = None
    action: ButtonAction


class CallButton(CamelRecord):
    display_text: str | None = None
    ttl_minutes: int | None = None
    payload: str | None = None


class CallAction(Record):
    name: Literal["voice_call"] | None = None
    parameters: CallButton | None = None


class CallMessage(Record):
    """A button by which the customer calls.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/call-button-messages-deep-links
    """

    type: Literal["voice_call"]
    body: BodyText
    action: CallAction | None = None


class CallRequestAction(Record):
    name: Literal["call_permission_request"] | None = None


class CallRequest(Record):
    """Asks whether the business may call.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/user-call-permissions
    """

    type: Literal["call_permission_request"]
    body: BodyText | None = None
    action: CallRequestAction | None = None


class LinkButton(CamelRecord):
    display_text: str
    url: str


class QuickReplyOption(CamelRecord):
    type: Literal["quick_reply"] | None = None
    quick_reply: ReplyButton


class CardAction(CamelRecord):
    """A button with an address (`name`, `parameters`), or quick replies (`buttons`), or a product."""

    name: Literal["cta_url"] | None = None
    parameters: LinkButton | None = None
    buttons: list[QuickReplyOption] | None = None
    catalog_id: str | None = None
    product_retailer_id: str | None = None


class CardText(Record):
    text: str


class CarouselCard(CamelRecord):
    card_index: int
    type: Literal["cta_url", "product"] | str | None = None
    header: ImageHeader | VideoHeader | dict[str, Any] | None = None
    body: CardText | None = None
    action: CardAction


class CarouselAction(Record):
    cards: list[CarouselCard]


class CarouselMessage(Record):
    """Two to ten cards side by side.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages
    """

    type: Literal["carousel"]
    body: BodyText
    action: CarouselAction


class CatalogPicture(CamelRecord):
    thumbnail_product_retailer_id: str


class CatalogAction(Record):
    name: Literal["catalog_message"] | None = None
    parameters: CatalogPicture | None = None


class CatalogMessage(Record):
    """The whole catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/catalog-messages
    """

    type: Literal["catalog_message"]
    body: BodyText
    footer: FooterText | None = None
    action: CatalogAction | None = None


class CardAddress(CamelRecord):
    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    country_code: str | None = None
    type: str | None = None


class CardAddressOfWeb(Record):
    url: str
    type: str | None = None


class CardEmail(Record):
    email: str
    type: str | None = None


class CardName(CamelRecord):
    formatted_name: str
    """The whole name; WhatsApp wants one more part beside it."""
    first_name: str | None = None
    last_name: str | None = None
    middle_name: str | None = None
    suffix: str | None = None
    prefix: str | None = None


class CardOrganization(Record):
    company: str | None = None
    department: str | None = None
    title: str | None = None


class CardPhone(CamelRecord):
    phone: str | None = None
    type: str | None = None
    wa_id: str | None = None
    """With it the customer can write to this contact; without it WhatsApp offers to invite them."""


class ContactCardInput(Record):
    """A person or business that the customer can save.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/contacts-messages
    """

    name: CardName
    phones: list[CardPhone] | None = None
    emails: list[CardEmail] | None = None
    addresses: list[CardAddress] | None = None
    org: CardOrganization | None = None
    urls: list[CardAddressOfWeb] | None = None
    birthday: str | None = None
    """YYYY-MM-DD."""


class ContactRequestAction(Record):
    name: Literal["request_contact_info"] | None = None


class ContactRequest(Record):
    """Asks a customer who is known by a user id alone for their phone number.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """

    type: Literal["request_contact_info"]
    body: BodyText
    action: ContactRequestAction | None = None


class FormScreen(Record):
    """The screen that a form begins with, and what it is filled in with; names inside `data` are the form's own."""

    screen: str | None = None
    data: dict[str, Any] | str | None = None


class FormParameters(CamelRecord):
    flow_message_version: Literal["3"] | None = None
    flow_id: str | None = None
    flow_name: str | None = None
    flow_cta: str
    """What the customer taps to see the form."""
    flow_token: str | None = None
    """Comes back with the answers."""
    mode: Literal["published", "draft"] | str | None = None
    flow_action: Literal["navigate", "data_exchange"] | str | None = None
    flow_action_payload: FormScreen | None = None


class FormAction(Record):
    name: Literal["flow"] | None = None
    parameters: FormParameters


class FormMessage(Record):
    """A form that the customer fills in inside WhatsApp (a Flow).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/flows/guides/sendingaflow
    """

    type: Literal["flow"]
    header: TextHeader | ImageHeader | VideoHeader | DocumentHeader | dict[str, Any] | None = None
    body: BodyText
    footer: FooterText | None = None
    action: FormAction


class LinkAction(Record):
    name: Literal["cta_url"] | None = None
    parameters: LinkButton


class LinkMessage(Record):
    """A button that opens an address of the web.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-cta-url-messages
    """

    type: Literal["cta_url"]
    header: TextHeader | ImageHeader | VideoHeader | DocumentHeader | dict[str, Any] | None = None
    body: BodyText
    footer: FooterText | None = None
    action: LinkAction


class ListRow(Record):
    """What the customer may choose; `id` comes back with the answer."""

    id: str
    title: str
    description: str | None = None


class ListSection(Record):
    """Rows under a title, which may be missing where it is the only section."""

    title: str | None = None
    rows: list[ListRow]


class ListAction(Record):
    button: str
    """What the customer taps to see the rows."""
    sections: list[ListSection]


class LongBodyText(Record):
    """The text of a list message."""

    text: str


class ListMessage(Record):
    """Up to ten rows, which a button opens."""

    type: Literal["list"]
    header: dict[str, Any] | None = None
    body: LongBodyText
    footer: FooterText | None = None
    action: ListAction


class LocationContent(Record):
    """A place on the map.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-messages
    """

    latitude: float | str
    """Degrees, between -90 and 90; as a number, or in digits."""
    longitude: float | str
    """Degrees, between -180 and 180; as a number, or in digits."""
    name: str | None = None
    address: str | None = None


class LocationRequestAction(Record):
    name: Literal["send_location"] | None = None


class LocationRequest(Record):
    """Asks the customer where they are.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-request-messages
    """

    type: Literal["location_request_message"]
    body: BodyText
    action: LocationRequestAction | None = None


class MediaContent(CamelRecord):
    """The file of an image, a video, an audio, a document or a sticker.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/image-messages
    """

    media_id: UUID | None = None
    """What `POST /v1/media` answered with: it goes to whichever number sends it."""
    id: str | None = None
    """The media id that an upload to WhatsApp answered with, for one number."""
    link: str | None = None
    """An https address that anybody can load."""
    filename: str | None = None
    """With its ending, by which the phone chooses a picture."""
    caption: str | None = None
    """Of an image, a video or a document."""
    voice: bool | None = None
    """Of an audio: whether it is shown as a voice message (Ogg with the OPUS codec alone)."""


class OrderState(Record):
    status: Literal["pending", "processing", "partially-shipped", "shipped", "completed", "canceled"] | str
    description: str | None = None


class OrderReference(CamelRecord):
    reference_id: str
    order: OrderState


class OrderUpdateAction(Record):
    name: Literal["review_order"] | None = None
    parameters: OrderReference


class OrderUpdate(Record):
    """How far an order has come that was asked to be paid.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/overview
    """

    type: Literal["order_status"]
    body: BodyText
    footer: FooterText | None = None
    action: OrderUpdateAction


class PaymentAction(Record):
    """WhatsApp's own names stand inside `parameters`."""

    name: Literal["review_and_pay"] | None = None
    parameters: dict[str, Any]


class PaymentRequest(Record):
    """An order to pay (Brazil, India, Singapore).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/overview
    """

    type: Literal["order_details"]
    header: TextHeader | ImageHeader | VideoHeader | DocumentHeader | dict[str, Any] | None = None
    body: BodyText
    footer: FooterText | None = None
    action: PaymentAction


class ProductItem(CamelRecord):
    """A product by its id in the catalogue."""

    product_retailer_id: str


class ProductSection(CamelRecord):
    """Products under a title."""

    title: str | None = None
    product_items: list[ProductItem]


class ProductListAction(CamelRecord):
    catalog_id: str
    sections: list[ProductSection]


class ProductListMessage(Record):
    """Up to thirty products of the catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/multi-product-messages
    """

    type: Literal["product_list"]
    header: dict[str, Any]
    """A line above the body."""
    body: BodyText
    footer: FooterText | None = None
    action: ProductListAction


class ProductAction(CamelRecord):
    catalog_id: str
    product_retailer_id: str


class ProductMessage(Record):
    """One product of the catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/single-product-messages
    """

    type: Literal["product"]
    body: BodyText | None = None
    footer: FooterText | None = None
    action: ProductAction


class ReactionContent(CamelRecord):
    """An emoji on a message of the customer, which is at most thirty days old and no reaction itself.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/reaction-messages
    """

    message_id: str
    """Our id of the message, or WhatsApp's, which begins with wamid."""
    emoji: str
    """Empty: the reaction is taken back."""


class CallDuration(CamelRecord):
    type: Literal["ttl_minutes"]
    ttl_minutes: int


class PayloadValue(Record):
    type: Literal["payload"]
    payload: str
    """Comes back when the customer taps the button."""


class CallFilling(CamelRecord):
    """How long a call button works, and what a call by it says."""

    type: Literal["button"]
    sub_type: Literal["voice_call"]
    index: int | None = None
    parameters: list[CallDuration | PayloadValue | dict[str, Any]]


class CatalogChoice(CamelRecord):
    thumbnail_product_retailer_id: str


class CatalogValue(Record):
    type: Literal["action"]
    action: CatalogChoice


class CatalogFilling(CamelRecord):
    """The product whose picture stands for the catalogue."""

    type: Literal["button"]
    sub_type: Literal["catalog"]
    index: int
    parameters: list[CatalogValue] | None = None


class ButtonText(Record):
    type: Literal["text"]
    text: str


class CodeFilling(CamelRecord):
    """The code of an authentication template (one-tap, zero-tap, copy code). WhatsApp gets it as that of a `url`
    button.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates
    """

    type: Literal["button"]
    sub_type: Literal["otp"]
    index: int | None = None
    parameters: list[ButtonText]


class CouponValue(CamelRecord):
    type: Literal["coupon_code"]
    coupon_code: str


class CouponFilling(CamelRecord):
    """The code that a button copies.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/marketing-templates/coupon-templates
    """

    type: Literal["button"]
    sub_type: Literal["copy_code"]
    index: int
    parameters: list[CouponValue]


class MoneyAmount(CamelRecord):
    fallback_value: str
    """What is shown where the amount cannot be written in the customer's way."""
    code: str
    amount1000: int
    """A thousand times the amount."""


class MoneyFilling(CamelRecord):
    type: Literal["currency"]
    parameter_name: str | None = None
    currency: MoneyAmount


class TextFilling(CamelRecord):
    """A text in the place of `{{1}}`, or of `{{parameterName}}`."""

    type: Literal["text"]
    parameter_name: str | None = None
    text: str


class DayAndTime(CamelRecord):
    fallback_value: str
    """What is shown; WhatsApp does not use the other fields yet."""
    day_of_week: int | str | None = None
    day_of_month: int | None = None
    year: int | None = None
    month: int | None = None
    hour: int | None = None
    minute: int | None = None
    timestamp: int | None = None
    calendar: Literal["GREGORIAN", "SOLAR_HIJRI"] | str | None = None


class TimeFilling(CamelRecord):
    type: Literal["date_time"]
    parameter_name: str | None = None
    date_time: DayAndTime


class FilledBody(Record):
    """The places of the body: in their order, or by the names that the template gives them."""

    type: Literal["body"]
    parameters: list[TextFilling | MoneyFilling | TimeFilling | dict[str, Any]]


class DocumentFilling(Record):
    type: Literal["document"]
    document: NamedFile


class ImageFilling(Record):
    type: Literal["image"]
    image: MediaFile


class LocationFilling(Record):
    type: Literal["location"]
    location: LocationContent


class CatalogProduct(CamelRecord):
    product_retailer_id: str
    catalog_id: str


class ProductFilling(Record):
    type: Literal["product"]
    product: CatalogProduct


class VideoFilling(Record):
    type: Literal["video"]
    video: MediaFile


class FilledHeader(Record):
    """The header's one place."""

    type: Literal["header"]
    parameters: list[
        TextFilling | ImageFilling | VideoFilling | DocumentFilling | LocationFilling | ProductFilling | dict[str, Any]
    ]


class FormAnswer(CamelRecord):
    """Names inside `flowActionData` are the form's own."""

    flow_token: str | None = None
    flow_action_data: dict[str, Any] | None = None


class FormValue(Record):
    type: Literal["action"]
    action: FormAnswer


class FormFilling(CamelRecord):
    """What a form begins with."""

    type: Literal["button"]
    sub_type: Literal["flow"]
    index: int
    parameters: list[FormValue] | None = None


class LinkFilling(CamelRecord):
    """The end of a button's address, percent-encoded; of an authentication template the code."""

    type: Literal["button"]
    sub_type: Literal["url"]
    index: int
    parameters: list[ButtonText]


class ProductsChoice(CamelRecord):
    thumbnail_product_retailer_id: str
    sections: list[ProductSection]


class ProductsValue(Record):
    type: Literal["action"]
    action: ProductsChoice


class ProductsFilling(CamelRecord):
    """The products that a button shows."""

    type: Literal["button"]
    sub_type: Literal["mpm"]
    index: int
    parameters: list[ProductsValue]


class QuickReplyFilling(CamelRecord):
    """What a quick reply answers with."""

    type: Literal["button"]
    sub_type: Literal["quick_reply"]
    index: int
    parameters: list[PayloadValue]


class FilledCard(CamelRecord):
    """A card of a carousel template."""

    card_index: int
    components: list[
        FilledHeader
        | FilledBody
        | QuickReplyFilling
        | LinkFilling
        | CodeFilling
        | CouponFilling
        | FormFilling
        | CatalogFilling
        | ProductsFilling
        | CallFilling
        | dict[str, Any]
    ]


class FilledCarousel(Record):
    """The cards that stand side by side.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/marketing-templates/media-card-carousel-templates
    """

    type: Literal["carousel"]
    cards: list[FilledCard]


class OfferEnd(CamelRecord):
    expiration_time_ms: int
    """Unix time in milliseconds."""


class OfferValue(CamelRecord):
    type: Literal["limited_time_offer"]
    limited_time_offer: OfferEnd


class FilledOffer(Record):
    """When an offer ends.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/marketing-templates/limited-time-offer-templates
    """

    type: Literal["limited_time_offer"]
    parameters: list[OfferValue]


class OrderValue(CamelRecord):
    type: Literal["order_status"]
    order_status: OrderReference


class FilledOrder(Record):
    """How far an order has come.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/orderstatustemplate
    """

    type: Literal["order_status"]
    parameters: list[OrderValue]


class TapTarget(Record):
    url: str
    title: str


class TapTargetValue(CamelRecord):
    type: Literal["tap_target_configuration"]
    tap_target_configuration: list[TapTarget]


class FilledTapTarget(Record):
    """What opens when the customer taps the picture.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/tap-target-url-title-override
    """

    type: Literal["tap_target_configuration"]
    parameters: list[TapTargetValue]


class TemplateLanguage(Record):
    code: str
    """One it was approved in, such as en or pt_BR."""
    policy: Literal["deterministic"] | None = None


class TemplateContent(Record):
    """An approved template, filled in. It is the one content that may be sent outside the customer's 24 hours."""

    name: str
    """As it was approved: a-z, 0-9 and _, at most 512 characters."""
    language: TemplateLanguage
    components: (
        list[
            FilledHeader
            | FilledBody
            | QuickReplyFilling
            | LinkFilling
            | CodeFilling
            | CouponFilling
            | FormFilling
            | CatalogFilling
            | ProductsFilling
            | CallFilling
            | FilledCarousel
            | FilledOffer
            | FilledOrder
            | FilledTapTarget
            | dict[str, Any]
        ]
        | None
    ) = None
    """What fills its places; a button's by their `subType`."""


class TextContent(CamelRecord):
    """Plain text, with WhatsApp's own marks for bold, italic and so on.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/text-messages
    """

    body: str
    preview_url: bool | None = None
    """Whether WhatsApp shows a preview of the first address in the text."""


class BeginConversation(CamelRecord):
    """To whom, from which number, and what is said first: a template, or anything else while the customer's window is
    open.
    """

    type: ContentType | str
    text: TextContent | None = None
    media: MediaContent | None = None
    location: LocationContent | None = None
    contacts: list[ContactCardInput] | None = None
    interactive: (
        ButtonMessage
        | ListMessage
        | LinkMessage
        | FormMessage
        | LocationRequest
        | ContactRequest
        | CallRequest
        | CallMessage
        | ProductMessage
        | ProductListMessage
        | CatalogMessage
        | CarouselMessage
        | AddressRequest
        | PaymentRequest
        | OrderUpdate
        | dict[str, Any]
        | None
    ) = None
    template: TemplateContent | None = None
    reaction: ReactionContent | None = None
    to: str | None = None
    """A phone with its country's code, as people write it, or a business-scoped user id."""
    customer_id: UUID | None = None
    number: str | None = None
    """WhatsApp's phone_number_id; else that of the customer's latest open conversation, or the default."""
    take: bool | None = None
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""


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


class CustomerAnswer(CamelRecord):
    """`waId` and `userId` are what the customer last wrote from; both null until they have. `marketing`: `opted_out`
    or
    `opted_in`, as they told WhatsApp of this number last; null if they never did, and then they may be sent
    marketing. `group`
    is there where `kind` is `group`; that has no `waId` and no `userId`.
    """

    id: UUID
    kind: Literal["person", "group"] | str
    name: str | None
    wa_id: str | None
    user_id: str | None
    marketing: Literal["opted_out", "opted_in"] | str | None
    group: GroupAnswer | None


class QueueOfConversation(Record):
    """Where it waits, or came from."""

    id: UUID
    name: str


class WindowAnswer(CamelRecord):
    """Whether free text may be sent: for 24 hours after the customer wrote or called. `closesAt` is null if they
    never did.
    """

    open: bool
    closes_at: datetime | None


class ConversationAnswer(CamelRecord):
    """`controller` says who speaks: `none`, `flow`, `agent` (a person here) or `external` (Genesys, or a service).
    `controlEpoch` rises with each change, and `controlHolder` names them. `assignee` is that person; of one that has
    ended, the
    last. `waitingSince`: the customer's first message that nobody has answered.
    """

    id: UUID
    genesys_conversation_id: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    control_holder: str | None
    control_epoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    window: WindowAnswer
    waiting_since: datetime | None
    last_activity_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None


class BegunConversation(CamelRecord):
    """`messageId`: what was said, `queued` for WhatsApp. `isNew` is false where the customer's was open already."""

    conversation: ConversationAnswer
    message_id: UUID
    is_new: bool


class OutcomeAnswer(Record):
    """`outcome`: `replayed`, `already_done`, `discarded`, `failed` (again, with its `reason`), `not_open` or
    `not_found`.
    """

    id: UUID
    outcome: str
    message: str
    reason: str | None
    events: int


class BulkAnswer(CamelRecord):
    """`counts` by outcome. `next` is the `after` that goes on with the same filter, null when it was the last."""

    message: str
    counts: dict[str, int]
    results: list[OutcomeAnswer]
    next: UUID | None
    open_total: int


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


class ChangeStatus(CamelRecord):
    """What `PATCH /state/message/{messageId}` takes."""

    status: str
    timestamp: datetime | None = None
    error: dict[str, Any] | None = None
    tenant_id: str | None = None


class FindingAnswer(Record):
    what: str
    verdict: Literal["ok", "failed", "not_checked"] | str
    detail: str
    advice: str | None


class CheckAnswer(Record):
    """`ok`: nothing that can be checked has failed. `not_checked` says why not, and how to find out."""

    platform: str
    id: str
    ok: bool
    findings: list[FindingAnswer]


class CloseConversation(Record):
    reason: str
    """Why, in your own words"""


class ColleagueAnswer(Record):
    """A person who works in the tenant."""

    id: UUID
    name: str
    role: Role | str


class ColleagueList(Record):
    """By name. All of them: a tenant's people are few beside its customers."""

    items: list[ColleagueAnswer]


class Confirmation(Record):
    code: str
    """Six digits of the authenticator"""


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


class Greeting(Record):
    text: str | None = None


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


class ConversationMessages(Record):
    """Newest first. `before` leads to the next older page and is null where nothing is older; `after` to the next
    newer one,
    which may be empty still and is asked for again.
    """

    items: list[MessageAnswer]
    before: str | None
    after: str | None


class LastMessage(Record):
    """What was said last. `preview` is one line of it, also where it has no text."""

    id: UUID
    preview: str | None
    at: datetime | None
    direction: str


class MatchedMessage(Record):
    """The newest message that holds every word that was asked for. `spans`: from and behind which character of
    `text`.
    """

    id: UUID
    text: str
    spans: list[tuple[int, int]]


class Matches(Record):
    """What fits: a message, the customer's name (`customer`, its spans), or an id or phone of theirs (neither)."""

    message: MatchedMessage | None
    customer: list[tuple[int, int]]


class ListedConversation(CamelRecord):
    """A conversation with what was said last in it. `matches` is null where no words were asked for."""

    id: UUID
    genesys_conversation_id: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    control_holder: str | None
    control_epoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    window: WindowAnswer
    waiting_since: datetime | None
    last_activity_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    last_message: LastMessage | None
    matches: Matches | None


class ConversationPage(Record):
    """`next` is null on the last page."""

    items: list[ListedConversation]
    next: str | None


class Correlate(CamelRecord):
    """ConversationCorrelation of seed 000; camelCase is accepted too."""

    conversation_id: str = Field(validation_alias="conversation_id", serialization_alias="conversation_id")
    communication_id: str | None = Field(
        default=None, validation_alias="communication_id", serialization_alias="communication_id"
    )
    whatsapp_message_id: str = Field(validation_alias="whatsapp_message_id", serialization_alias="whatsapp_message_id")


class Correlated(Record):
    message: str
    changed: bool


class CountsAnswer(Record):
    """How many messages were said, and by which side: a second or two behind."""

    messages: int
    inbound: int
    outbound: int


class CountedConversation(CamelRecord):
    """A conversation, and how much was said in it."""

    id: UUID
    genesys_conversation_id: str | None
    number: str
    customer: CustomerAnswer
    status: str
    controller: str
    control_holder: str | None
    control_epoch: int
    assignee: AssigneeAnswer | None
    queue: QueueOfConversation | None
    subject: str | None
    tags: list[str]
    metadata: dict[str, Any]
    window: WindowAnswer
    waiting_since: datetime | None
    last_activity_at: datetime
    expires_at: datetime
    closed_at: datetime | None
    close_reason: str | None
    counts: CountsAnswer


class CredentialAnswer(CamelRecord):
    """The credential of this call: an API key (`id`, `name`, `expiresAt` are its own), a person's session, or, in
    trusted
    mode, a neighbour on the machine that named a tenant.
    """

    kind: Literal["key", "session", "trusted"] | str
    id: UUID | None
    name: str | None
    tenant: str
    scopes: list[str]
    """What it may do now"""
    expires_at: datetime | None


class CustomerProfile(CamelRecord):
    """A customer. `waIds` and `userIds` lead to them now, the newest last. `phoneNumber` is E.164, or as somebody
    edited it.

    `kind` is `group` of a WhatsApp group, which has neither of them, but a `groupId`. `messageCount` and the last
    times are a
    second or two behind.
    """

    id: UUID
    kind: Literal["person", "group"] | str
    group_id: str | None
    name: str | None
    email: str | None
    phone_number: str | None
    username: str | None
    language: str | None
    profile_picture_url: str | None
    tags: list[str]
    preferences: dict[str, Any]
    metadata: dict[str, Any]
    wa_ids: list[str]
    user_ids: list[str]
    message_count: int
    last_message_at: datetime | None
    last_activity_at: datetime
    created_at: datetime
    edited_at: datetime


class CustomerContext(Record):
    """What a service or an agent needs to know of a customer at once.

    `conversation` is the open one, or else the last; `messages` are the last ones, newest first.
    """

    customer: CustomerProfile
    conversation: ConversationAnswer | None
    messages: list[MessageAnswer]


class CustomerConversations(Record):
    """Newest first. `next` is null on the last page."""

    items: list[ConversationAnswer]
    next: str | None


class IntegrationFailure(CamelRecord):
    """Something did not arrive: at WhatsApp, or at Genesys, as `target` says. `error` is why."""

    kind: Literal["failure"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID
    message_id: UUID
    target: str
    attempts: int
    error: dict[str, Any] | None


class TimelineLog(CamelRecord):
    """Something happened to a conversation: `type` and `data` are those of its event."""

    kind: Literal["log"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID
    type: str
    data: dict[str, Any]


class CustomerIntegrations(Record):
    """Newest first. `next` is null on the last page."""

    items: list[TimelineLog | IntegrationFailure | dict[str, Any]]
    next: str | None


class CustomerMessages(Record):
    """Newest first. `next` leads to what is older, and is null on the last page; `previous` to what is newer, and
    later on
    to what was said since; it is null where nothing was.
    """

    items: list[MessageAnswer]
    next: str | None
    previous: str | None


class FoundCustomer(CamelRecord):
    """`matches`: by field, where it holds what was asked for, as pairs: from and behind which character."""

    id: UUID
    kind: Literal["person", "group"] | str
    group_id: str | None
    name: str | None
    email: str | None
    phone_number: str | None
    username: str | None
    language: str | None
    profile_picture_url: str | None
    tags: list[str]
    preferences: dict[str, Any]
    metadata: dict[str, Any]
    wa_ids: list[str]
    user_ids: list[str]
    message_count: int
    last_message_at: datetime | None
    last_activity_at: datetime
    created_at: datetime
    edited_at: datetime
    matches: dict[str, list[tuple[int, int]]]


class CustomerPage(Record):
    """`next` is null on the last page alone. Where very many customers fit each filter, and few fit all of them, a
    page may
    hold fewer than `limit`, even none: the next one goes on.
    """

    items: list[FoundCustomer]
    next: str | None


class TimelineMessage(CamelRecord):
    """A message was said."""

    kind: Literal["message"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID | None
    message: MessageAnswer


class TimelineStatus(CamelRecord):
    """A message came to a status. `source` said so."""

    kind: Literal["status"] | None = None
    id: UUID
    at: datetime
    conversation_id: UUID
    message_id: UUID
    status: str
    source: str
    error: dict[str, Any] | None


class CustomerTimeline(Record):
    """Newest first. `next` is null on the last page."""

    items: list[TimelineMessage | TimelineStatus | TimelineLog | dict[str, Any]]
    next: str | None


class CustomerWindow(CamelRecord):
    """Whether free text may be sent: for 24 hours after the customer wrote or called. `closesAt` is null if they
    never did.
    """

    open: bool
    closes_at: datetime | None


class Who(Record):
    kind: str
    id: UUID | None


class DeadLetterAnswer(CamelRecord):
    """`editedPayload` is what a replay runs where it is not null; `whatToDo` is the advice for the reason."""

    id: UUID
    pipeline: str
    reason: str
    error_message: str
    what_to_do: str | None
    original_payload: dict[str, Any]
    edited_payload: dict[str, Any] | None
    origin: str
    status: str
    retry_count: int
    last_reason: str | None
    last_error: str | None
    last_tried_at: datetime | None
    note: str | None
    edited_at: datetime | None
    replayed_at: datetime | None
    discarded_at: datetime | None
    last_actor: Who | None
    created_at: datetime
    updated_at: datetime


class DeadLetterPage(CamelRecord):
    """`next` is the `before` of the next page, null on the last one; `openTotal` counts all that are open, on any
    page.
    """

    items: list[DeadLetterAnswer]
    next: UUID | None
    open_total: int


class DeletionAnswer(Record):
    """`deleted` counts rows by table, of all calls; `left` are the tables that may have some still: call again until
    `done`.
    """

    id: str
    done: bool
    deleted: dict[str, int]
    left: list[str]


class DeletionBody(Record):
    confirm: str
    """The tenant's id once more: this cannot be undone"""


class Discard(Record):
    note: str | None = None


class Wanted(Record):
    """`since` and `until` (exclusive) are by creation. Without any, every open one."""

    reason: Reason | str | None = None
    pipeline: Pipeline | str | None = None
    since: datetime | None = None
    until: datetime | None = None


class DiscardSelection(Record):
    ids: list[UUID] | None = None
    filter: Wanted | None = None
    limit: int | None = None
    after: UUID | None = None
    """The `next` of the answer before"""
    note: str | None = None


class Discarded(Record):
    message: str


class SameReason(Record):
    """What customers have in common, as it was compared: folded, a phone in its longer spelling, a name's words in
    order.
    """

    by: Likeness | str
    value: str


class DuplicateGroup(Record):
    """Customers that may be one, who was active last first. `reasons` is what all have in common, the surest first;
    `more`: so
    have others, who are not shown.
    """

    reasons: list[SameReason]
    customers: list[CustomerProfile]
    more: bool


class DuplicatePage(Record):
    """`next` is null on the last page."""

    items: list[DuplicateGroup]
    next: str | None


class Edit(CamelRecord):
    original_payload: dict[str, Any]
    """The whole payload as it should have come"""


class EditConversation(Record):
    """JSON Merge Patch (RFC 7396): what is left out stays. `metadata` is merged into what there is; null takes
    away.
    """

    subject: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    status: Literal["waiting", "active"] | str | None = None


class EditCustomer(CamelRecord):
    """JSON Merge Patch (RFC 7396): what is left out stays. `phoneNumber` is what is shown: no address is changed by
    it.
    """

    name: str | None = None
    email: str | None = None
    language: str | None = None
    username: str | None = None
    profile_picture_url: str | None = None
    tags: list[str] | None = None
    preferences: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    phone_number: str | None = None


class EditQueue(CamelRecord):
    """JSON Merge Patch (RFC 7396): what is left out stays; `members` is replaced as a whole."""

    genesys_queue: str | None = None
    """The id of the queue at Genesys that stands for it"""
    schedule: UUID | None = None
    """By which it is open; null: always"""
    name: str | None = None
    members: list[UUID] | None = None


class EditReply(Record):
    """JSON Merge Patch (RFC 7396): what is left out stays."""

    title: str | None = None
    queue: UUID | None = None
    """Of which queue it is; null: of all"""
    shortcut: str | None = None
    text: str | None = None


class EditSchedule(CamelRecord):
    """JSON Merge Patch (RFC 7396). Hours count from `validFrom` on; what was before stays, for reports of that
    time.
    """

    valid_from: date | None = None
    """The day from which this counts; null is today, there"""
    name: str | None = None
    time_zone: str | None = None
    slots: list[SlotBody] | None = None
    holidays: list[HolidayBody] | None = None


class FactsAnswer(CamelRecord):
    """What WhatsApp's webhooks said last: `quality` is FLAGGED or UNFLAGGED, `messaging_limit` a tier such as
    TIER_10K, or how
    many customers a day may be written to outside the window.
    """

    quality: str | None
    quality_at: datetime | None = Field(validation_alias="quality_at", serialization_alias="quality_at")
    messaging_limit: str | None = Field(validation_alias="messaging_limit", serialization_alias="messaging_limit")
    messaging_limit_at: datetime | None = Field(validation_alias="messaging_limit_at", serialization_alias="messaging_limit_at")


class FieldProblem(Record):
    field: str
    problem: str


class FileError(Record):
    """Why the last try failed, or why there is none any more."""

    code: str
    message: str


class FilledReply(Record):
    """`missing`: variables of the text without a value; nothing stands in their place, so look before you send."""

    text: str
    missing: list[str]


class GenesysLimits(CamelRecord):
    requests_per_minute: int | None = Field(
        default=None, validation_alias="requests_per_minute", serialization_alias="requests_per_minute"
    )
    """Of one OAuth client (`client.credentials.token.rate.per.minute`); Genesys support can raise it. All
    integrations that use the client share it, and where they say different numbers the least counts.
    """


class GenesysIntegrationAnswer(CamelRecord):
    id: UUID
    integration_id: str = Field(validation_alias="integration_id", serialization_alias="integration_id")
    region: str
    api_url: str = Field(validation_alias="api_url", serialization_alias="api_url")
    login_url: str = Field(validation_alias="login_url", serialization_alias="login_url")
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    has_client_secret: bool = Field(validation_alias="has_client_secret", serialization_alias="has_client_secret")
    has_webhook_secret: bool = Field(validation_alias="has_webhook_secret", serialization_alias="has_webhook_secret")
    has_event_secret: bool = Field(validation_alias="has_event_secret", serialization_alias="has_event_secret")
    limits: GenesysLimits
    sender: str
    receipts: Literal["all", "final", "failed", "none"] | str
    prefetch_conversation_id: bool = Field(
        validation_alias="prefetch_conversation_id", serialization_alias="prefetch_conversation_id"
    )


class GenesysIntegrationBody(CamelRecord):
    region: str
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    client_secret: str | None = Field(default=None, validation_alias="client_secret", serialization_alias="client_secret")
    """Left out, the one that is stored stays; a new region takes it anew. It is shown to nobody."""
    webhook_secret: str | None = Field(default=None, validation_alias="webhook_secret", serialization_alias="webhook_secret")
    """At least 16 characters, the same as in Genesys. Left out, the one that is stored stays. It is shown to
    nobody.
    """
    event_secret: str | None = Field(default=None, validation_alias="event_secret", serialization_alias="event_secret")
    """At least 16 characters, which whoever tells of ends of conversations shows in a header. Left out, the one that
    is stored stays; without one nothing is taken there. It is shown to nobody.
    """
    limits: GenesysLimits | None = None
    sender: Literal["waystate", "external"] | str | None = None
    receipts: Literal["all", "final", "failed", "none"] | str | None = None
    """What Genesys is told of agents' messages, each for a request of the client's budget: `final`, whether it was
    delivered or failed; `failed`, only that it failed; `all`, also that WhatsApp took it (`Sent`); `none`,
    nothing.
    """
    prefetch_conversation_id: bool | None = Field(
        default=None, validation_alias="prefetch_conversation_id", serialization_alias="prefetch_conversation_id"
    )
    """Genesys tells its conversation's id with each answer, which then takes longer. false: it is looked up
    afterwards.
    """


class GenesysIntegrationList(Record):
    items: list[GenesysIntegrationAnswer]


class GenesysQueueAnswer(CamelRecord):
    """What waits for one OAuth client. `done_in_seconds`: when the last of it is through at `requests_per_minute`,
    should
    nothing be added, by this tenant or another that uses the client, and Genesys ask for no pause.

    `messages` are customers' messages and files, `receipts` what became of agents' messages, and `lookups` questions
    which
    conversation a customer is in.
    """

    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    login_url: str = Field(validation_alias="login_url", serialization_alias="login_url")
    integrations: list[str]
    requests_per_minute: int = Field(validation_alias="requests_per_minute", serialization_alias="requests_per_minute")
    waiting: int
    oldest_at: datetime | None = Field(validation_alias="oldest_at", serialization_alias="oldest_at")
    oldest_seconds: float = Field(validation_alias="oldest_seconds", serialization_alias="oldest_seconds")
    done_in_seconds: float = Field(validation_alias="done_in_seconds", serialization_alias="done_in_seconds")
    messages: BacklogAnswer
    receipts: BacklogAnswer
    lookups: BacklogAnswer


class GenesysQueueList(Record):
    items: list[GenesysQueueAnswer]


class PartHealth(CamelRecord):
    status: Literal["ok", "error"] | str
    latency_ms: float | None = Field(default=None, validation_alias="latency_ms", serialization_alias="latency_ms")
    mode: str | None = None
    queue_depth: int | None = Field(default=None, validation_alias="queue_depth", serialization_alias="queue_depth")
    error: str | None = None


class HealthReport(CamelRecord):
    status: Literal["healthy", "degraded", "unhealthy"] | str
    timestamp: str
    checks: dict[str, PartHealth]
    uptime_seconds: float = Field(validation_alias="uptime_seconds", serialization_alias="uptime_seconds")
    service: str | None = None


class HoldAnswer(Record):
    """Since when WhatsApp refuses the number: nothing of it leaves until somebody mends the cause. `error` is
    WhatsApp's.
    """

    since: datetime
    kind: Literal["auth", "account", "billing"] | str
    error: dict[str, Any]


class HoursAnswer(Record):
    opens: str
    closes: str


class HolidayAnswer(Record):
    date_: str = Field(validation_alias="date", serialization_alias="date")
    name: str
    slots: list[HoursAnswer]


class Hop(Record):
    """`written`, `tracked`, `received`, `queued`, `attempt`, `answer` or `status`; `what` says more."""

    at: datetime
    hop: str
    what: str


class RefusedRow(Record):
    """`line` is where the row begins in the file, the first one being 1; `code` is for programs."""

    line: int
    code: str
    detail: str


class ImportAnswer(Record):
    """Rows, and what became of them. `errors` are the first 1,000 of those `refused`, which changed nothing."""

    rows: int
    added: int
    changed: int
    unchanged: int
    refused: int
    errors: list[RefusedRow]


class Invitation(Record):
    email: str
    role: Role | str
    name: str | None = None


class UserAnswer(CamelRecord):
    id: UUID
    email: str
    name: str
    role: Role | str
    status: Literal["invited", "active", "disabled"] | str
    totp: bool
    """Whether one-time codes are on"""
    created_at: str
    invitation_expires_at: str | None = None


class InvitedAnswer(CamelRecord):
    user: UserAnswer
    token: str
    """Shown this once. Hand it to the person; it opens the account for 7 days"""
    expires_at: str


class InvolvedAnswer(Record):
    """`source`: why they take part: it is their `conversation`, they are in the `group`, it is assigned to them
    (`assignment`), or they were `added`. `name` is null where nobody knows it.
    """

    id: UUID
    kind: Literal["customer", "user"] | str
    role: TakesPart | str
    source: PartSource | str
    name: str | None
    since: datetime | None


class Maker(Record):
    """`operator` is whoever ran a command on the machine itself."""

    kind: Literal["operator", "user", "key"] | str
    id: UUID | None
    name: str | None


class KeyAnswer(CamelRecord):
    """`replaces` is the key it was rotated from; `lastUsedAt` is up to a minute old."""

    id: UUID
    name: str
    scopes: list[
        Literal[
            "state:read",
            "state:write",
            "customers:read",
            "customers:write",
            "conversations:read",
            "conversations:write",
            "conversations:assign",
            "messages:read",
            "messages:send",
            "dead_letters:read",
            "dead_letters:write",
            "tenant:read",
            "tenant:write",
            "users:read",
            "users:write",
            "keys:read",
            "keys:write",
            "audit:read",
            "platform",
        ]
        | str
    ]
    status: Literal["active", "expired", "revoked"] | str
    created_at: datetime
    created_by: Maker
    replaces: UUID | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[KeyAnswer]
    next: UUID | None


class Login(Record):
    email: str
    password: str
    tenant: str | None = None
    """Left out by who is a member of one alone"""
    code: str | None = None


class Person(Record):
    id: UUID
    email: str
    name: str


class LoginAnswer(CamelRecord):
    token: str
    """As `Authorization: Bearer …`; a browser needs only the cookie"""
    csrf_token: str
    """What a page sends as X-CSRF-Token with the cookie"""
    expires_at: str
    user: Person
    tenant: str
    role: Role | str


class MadeKey(CamelRecord):
    """`key` is the key in clear. Keep it now: nobody can show it again."""

    id: UUID
    name: str
    scopes: list[
        Literal[
            "state:read",
            "state:write",
            "customers:read",
            "customers:write",
            "conversations:read",
            "conversations:write",
            "conversations:assign",
            "messages:read",
            "messages:send",
            "dead_letters:read",
            "dead_letters:write",
            "tenant:read",
            "tenant:write",
            "users:read",
            "users:write",
            "keys:read",
            "keys:write",
            "audit:read",
            "platform",
        ]
        | str
    ]
    status: Literal["active", "expired", "revoked"] | str
    created_at: datetime
    created_by: Maker
    replaces: UUID | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    key: str


class Mapping(CamelRecord):
    """MappingResponse of seed 000, with the tenant of seed 001.

    With the setting `correlation` at `genesys`, `conversationId` is Genesys' id. With `local` it is Waystate's own,
    and
    `genesysConversationId` is there beside it.
    """

    wa_id: str | None
    conversation_id: str | None
    contact_name: str | None
    phone_number_id: str
    display_phone_number: str | None
    communication_id: str | None
    last_activity_at: datetime
    status: str
    is_new: bool
    internal_id: UUID
    tenant_id: str
    genesys_conversation_id: str | None = None


class MarkRead(Record):
    ids: list[UUID]


class MediaAnswer(CamelRecord):
    """`state`: `waiting` (it is fetched, and tried again at `nextTryAt`), `stored`, `held` (by the scanner) or
    `failed`.

    `url` and `thumbnailUrl` take no credentials and end at `urlExpiresAt`; without PUBLIC_URL they are paths of this
    server.
    They are null of what is not stored, and a thumbnail of what is no image. `size` is in bytes, `sha256`
    hexadecimal.
    """

    id: UUID
    direction: Literal["inbound", "outbound"] | str
    message_id: UUID | None
    state: Literal["waiting", "stored", "held", "failed"] | str
    mime_type: str | None
    filename: str | None
    size: int | None
    sha256: str | None
    url: str | None
    thumbnail_url: str | None
    url_expires_at: datetime | None
    error: FileError | None
    attempts: int
    next_try_at: datetime | None
    created_at: datetime
    stored_at: datetime | None


class MeetCustomer(CamelRecord):
    """Who writes, by exactly one of `phoneNumber`, `waId` and `userId`, and what else is known of it."""

    phone_number: str | None = None
    country: str | None = None
    wa_id: str | None = None
    user_id: str | None = None
    name: str | None = None
    number: str | None = None
    """A phone number id; what is open on it is found, or opened"""


class MemberAnswer(Record):
    """`name` is null of who does not work here at the moment: they were disabled."""

    id: UUID
    name: str | None


class MergeAnswer(CamelRecord):
    """A record that went into another. `mergedName` and `mergedIds` are what it was known by.

    `madeBy`: who said so; `proof`: a message of the customer's showed it. `conversations` moved with it;
    `closedConversations` ended, because each customer had one on the number.
    """

    id: UUID
    customer_id: UUID
    merged_customer_id: UUID
    merged_name: str | None
    merged_ids: list[str]
    merged_at: datetime
    made_by: Literal["proof", "user", "key", "trusted", "operator", "system"] | str
    made_by_id: UUID | None
    conversations: int
    closed_conversations: list[UUID]


class MergeCustomer(Record):
    """`from`: the record that goes into the one of the path. Its id leads there from then on."""

    from_: UUID = Field(validation_alias="from", serialization_alias="from")


class MergePage(Record):
    """The latest first. `next` is null on the last page."""

    items: list[MergeAnswer]
    next: str | None


class MergedAnswer(Record):
    """The merge, by whose `id` it can be undone, and the customer as they are now."""

    merge: MergeAnswer
    customer: CustomerProfile


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


class MetaAppAnswer(CamelRecord):
    id: str
    has_app_secret: bool | None = Field(default=None, validation_alias="has_app_secret", serialization_alias="has_app_secret")
    has_verify_token: bool | None = Field(
        default=None, validation_alias="has_verify_token", serialization_alias="has_verify_token"
    )
    webhook_path: str = Field(validation_alias="webhook_path", serialization_alias="webhook_path")


class MetaAppBody(CamelRecord):
    app_secret: str | None = Field(default=None, validation_alias="app_secret", serialization_alias="app_secret")
    """Left out, the one that is stored stays. It is shown to nobody."""
    verify_token: str | None = Field(default=None, validation_alias="verify_token", serialization_alias="verify_token")
    """Left out, the one that is stored stays. It is shown to nobody."""


class MetaAppList(Record):
    items: list[MetaAppAnswer]


class MyselfAnswer(CamelRecord):
    user: UserAnswer
    tenant: str
    role: Role | str
    scopes: list[str]
    csrf_token: str


class NewKey(CamelRecord):
    name: str
    """Who or what will use it"""
    scopes: (
        list[
            Literal[
                "state:read",
                "state:write",
                "customers:read",
                "customers:write",
                "conversations:read",
                "conversations:write",
                "conversations:assign",
                "messages:read",
                "messages:send",
                "dead_letters:read",
                "dead_letters:write",
                "tenant:read",
                "tenant:write",
                "users:read",
                "users:write",
                "keys:read",
                "keys:write",
                "audit:read",
                "platform",
            ]
            | str
        ]
        | None
    ) = None
    """What it may do; none that you do not hold yourself"""
    expires_at: datetime | None = None
    """In the future; null is never"""


class Quotas(CamelRecord):
    """What a tenant may use at the most, set by the platform. Unset, the installation's default holds, or no
    limit.
    """

    messages_per_second: float | None = Field(
        default=None, validation_alias="messages_per_second", serialization_alias="messages_per_second"
    )
    """Messages a second that `POST /state/message` records. Webhooks are never refused; tenants take turns with
    them.
    """
    api_calls_per_second: float | None = Field(
        default=None, validation_alias="api_calls_per_second", serialization_alias="api_calls_per_second"
    )
    """HTTP calls a second of all its keys, people and trusted callers. Unset, `TENANT_RATE_LIMIT` holds."""
    storage_bytes: int | None = Field(default=None, validation_alias="storage_bytes", serialization_alias="storage_bytes")
    """Bytes of customers' files that are kept at once; what comes beyond them is not stored, and its message stands
    without. Conversations and messages do not count yet.
    """
    websocket_connections: int | None = Field(
        default=None, validation_alias="websocket_connections", serialization_alias="websocket_connections"
    )
    """Live connections at once, each of which holds memory in a process; 0: none. Kept, not enforced yet."""


class WindowTemplate(Record):
    """An approved template of WhatsApp, and what it says: `components` as a send's (WhatsApp Cloud API, template
    messages).
    """

    name: str
    language: str
    components: list[dict[str, Any]] | None = None


class TenantSettingsInput(CamelRecord):
    correlation: Literal["genesys", "local"] | str | None = None
    """`genesys`: `conversationId` is null until Genesys is correlated. `local`: it is our own id, for good."""
    mapping_ttl: str | None = Field(default=None, validation_alias="mapping_ttl", serialization_alias="mapping_ttl")
    """No message in either direction for so long and the conversation is expired (Genesys' threading time-out)."""
    unknown_ttl: str | None = Field(default=None, validation_alias="unknown_ttl", serialization_alias="unknown_ttl")
    """A send whose answer was lost is `failed` (`outcome_unknown`) when no status came for so long."""
    replay_ttl: str | None = Field(default=None, validation_alias="replay_ttl", serialization_alias="replay_ttl")
    """How long events are kept for readers that were away."""
    account_events_ttl: str | None = Field(
        default=None, validation_alias="account_events_ttl", serialization_alias="account_events_ttl"
    )
    """How long what WhatsApp said of accounts and numbers is kept: longer than a year, to compare with the last
    one.
    """
    window_policy: Literal["refuse", "template", "hold"] | str | None = Field(
        default=None, validation_alias="window_policy", serialization_alias="window_policy"
    )
    """What becomes of an agent's message when the customer's last one is more than 24 hours old: it is refused and
    the agent is told, `window_template` is sent for it, or it is held until the customer writes. `hold` holds a
    service's text too, but not one to somebody who never wrote: that is refused (`window_closed`), unless it says
    `holdUntilWindow`.
    """
    window_template: WindowTemplate | None = Field(
        default=None, validation_alias="window_template", serialization_alias="window_template"
    )
    """What the policy `template` sends. Where its parameters hold `{text}`, the agent's text goes out in it; else the
    text is held until the customer answers.
    """
    hold_ttl: str | None = Field(default=None, validation_alias="hold_ttl", serialization_alias="hold_ttl")
    """How long a held message waits for its customer to write, 30 days at most; then it is failed."""
    genesys_identity: Literal["contact", "wa_id"] | str | None = Field(
        default=None, validation_alias="genesys_identity", serialization_alias="genesys_identity"
    )
    """What the customer is called towards Genesys: our contact id, which survives a change of number, or the
    `wa_id`.
    """
    genesys_attachments: bool | None = Field(
        default=None, validation_alias="genesys_attachments", serialization_alias="genesys_attachments"
    )
    """Agents get a customer's file as an attachment, where `PUBLIC_URL` says under which address Genesys loads it.
    false: a line that names it, for integrations whose supported content has no files.
    """
    genesys_typing: bool | None = Field(default=None, validation_alias="genesys_typing", serialization_alias="genesys_typing")
    """While an agent or bot writes, the customer sees that somebody types; what they wrote is shown as read with
    it.
    """
    text_format: Literal["plain", "markdown"] | str | None = Field(
        default=None, validation_alias="text_format", serialization_alias="text_format"
    )
    """How agents and bots write. `plain`: a text goes as it is, and WhatsApp shows its own marks in it. `markdown`:
    `**bold**`, `*italic*`, `~~struck~~` and `[name](address)` go as WhatsApp shows them, and a customer's marks come
    as Markdown.
    """
    agent_scope: Literal["all", "assigned"] | str | None = Field(
        default=None, validation_alias="agent_scope", serialization_alias="agent_scope"
    )
    """What agents and viewers see of conversations and messages, in lists, searches and histories alike. `assigned`:
    those that are assigned to them, and of those that nobody has the ones in their queues, and the ones in which they
    speak.
    """
    genesys_silence: str | None = Field(default=None, validation_alias="genesys_silence", serialization_alias="genesys_silence")
    """Nothing was said in an open conversation for so long, and Genesys is asked whether it has ended there, and
    whether all that agents wrote has come. Longer, fewer of the OAuth client's requests go into that.
    """
    agent_lease: str | None = Field(default=None, validation_alias="agent_lease", serialization_alias="agent_lease")
    """A person who has a conversation and has done nothing in it for so long has it no more: nobody has it then, and
    what the customer wrote and nobody answered goes to Genesys. It is longer than it takes to look something up, and
    no customer waits longer for somebody who left.
    """
    reopen_ttl: str | None = Field(default=None, validation_alias="reopen_ttl", serialization_alias="reopen_ttl")
    """How long after a person closed a conversation it may be reopened. Later, what the customer writes begins a new
    one.
    """


class NewTenant(Record):
    id: str
    """1 to 63 characters of a-z, 0-9 and '-', for good"""
    name: str
    settings: TenantSettingsInput | None = None
    quotas: Quotas | None = None


class NoteAnswer(Record):
    id: UUID
    author: AuthorAnswer
    text: str
    at: datetime


class NotePage(Record):
    """Newest first. `next` is null on the last page."""

    items: list[NoteAnswer]
    next: str | None


class Opened(Record):
    """What to log in with."""

    email: str
    tenant: str | None = None


class Overlap(CamelRecord):
    overlap_seconds: int | None = None
    """How long the old key goes on; 0 ends it at once"""


class ParticipantsAnswer(Record):
    items: list[InvolvedAnswer]


class PasswordChange(CamelRecord):
    current_password: str
    new_password: str
    """12 to 256 characters, not easily guessed"""


class PlannedPage(Record):
    """`next` is the `after` of the next page, null on the last one."""

    items: list[MessageAnswer]
    next: UUID | None


class QuotasChanges(CamelRecord):
    messages_per_second: float | None = Field(
        default=None, validation_alias="messages_per_second", serialization_alias="messages_per_second"
    )
    """Messages a second that `POST /state/message` records. Webhooks are never refused; tenants take turns with
    them.
    """
    api_calls_per_second: float | None = Field(
        default=None, validation_alias="api_calls_per_second", serialization_alias="api_calls_per_second"
    )
    """HTTP calls a second of all its keys, people and trusted callers. Unset, `TENANT_RATE_LIMIT` holds."""
    storage_bytes: int | None = Field(default=None, validation_alias="storage_bytes", serialization_alias="storage_bytes")
    """Bytes of customers' files that are kept at once; what comes beyond them is not stored, and its message stands
    without. Conversations and messages do not count yet.
    """
    websocket_connections: int | None = Field(
        default=None, validation_alias="websocket_connections", serialization_alias="websocket_connections"
    )
    """Live connections at once, each of which holds memory in a process; 0: none. Kept, not enforced yet."""


class TenantSettingsChanges(CamelRecord):
    correlation: Literal["genesys", "local"] | str | None = None
    """`genesys`: `conversationId` is null until Genesys is correlated. `local`: it is our own id, for good."""
    mapping_ttl: str | None = Field(default=None, validation_alias="mapping_ttl", serialization_alias="mapping_ttl")
    """No message in either direction for so long and the conversation is expired (Genesys' threading time-out)."""
    unknown_ttl: str | None = Field(default=None, validation_alias="unknown_ttl", serialization_alias="unknown_ttl")
    """A send whose answer was lost is `failed` (`outcome_unknown`) when no status came for so long."""
    replay_ttl: str | None = Field(default=None, validation_alias="replay_ttl", serialization_alias="replay_ttl")
    """How long events are kept for readers that were away."""
    account_events_ttl: str | None = Field(
        default=None, validation_alias="account_events_ttl", serialization_alias="account_events_ttl"
    )
    """How long what WhatsApp said of accounts and numbers is kept: longer than a year, to compare with the last
    one.
    """
    window_policy: Literal["refuse", "template", "hold"] | str | None = Field(
        default=None, validation_alias="window_policy", serialization_alias="window_policy"
    )
    """What becomes of an agent's message when the customer's last one is more than 24 hours old: it is refused and
    the agent is told, `window_template` is sent for it, or it is held until the customer writes. `hold` holds a
    service's text too, but not one to somebody who never wrote: that is refused (`window_closed`), unless it says
    `holdUntilWindow`.
    """
    window_template: WindowTemplate | None = Field(
        default=None, validation_alias="window_template", serialization_alias="window_template"
    )
    """What the policy `template` sends. Where its parameters hold `{text}`, the agent's text goes out in it; else the
    text is held until the customer answers.
    """
    hold_ttl: str | None = Field(default=None, validation_alias="hold_ttl", serialization_alias="hold_ttl")
    """How long a held message waits for its customer to write, 30 days at most; then it is failed."""
    genesys_identity: Literal["contact", "wa_id"] | str | None = Field(
        default=None, validation_alias="genesys_identity", serialization_alias="genesys_identity"
    )
    """What the customer is called towards Genesys: our contact id, which survives a change of number, or the
    `wa_id`.
    """
    genesys_attachments: bool | None = Field(
        default=None, validation_alias="genesys_attachments", serialization_alias="genesys_attachments"
    )
    """Agents get a customer's file as an attachment, where `PUBLIC_URL` says under which address Genesys loads it.
    false: a line that names it, for integrations whose supported content has no files.
    """
    genesys_typing: bool | None = Field(default=None, validation_alias="genesys_typing", serialization_alias="genesys_typing")
    """While an agent or bot writes, the customer sees that somebody types; what they wrote is shown as read with
    it.
    """
    text_format: Literal["plain", "markdown"] | str | None = Field(
        default=None, validation_alias="text_format", serialization_alias="text_format"
    )
    """How agents and bots write. `plain`: a text goes as it is, and WhatsApp shows its own marks in it. `markdown`:
    `**bold**`, `*italic*`, `~~struck~~` and `[name](address)` go as WhatsApp shows them, and a customer's marks come
    as Markdown.
    """
    agent_scope: Literal["all", "assigned"] | str | None = Field(
        default=None, validation_alias="agent_scope", serialization_alias="agent_scope"
    )
    """What agents and viewers see of conversations and messages, in lists, searches and histories alike. `assigned`:
    those that are assigned to them, and of those that nobody has the ones in their queues, and the ones in which they
    speak.
    """
    genesys_silence: str | None = Field(default=None, validation_alias="genesys_silence", serialization_alias="genesys_silence")
    """Nothing was said in an open conversation for so long, and Genesys is asked whether it has ended there, and
    whether all that agents wrote has come. Longer, fewer of the OAuth client's requests go into that.
    """
    agent_lease: str | None = Field(default=None, validation_alias="agent_lease", serialization_alias="agent_lease")
    """A person who has a conversation and has done nothing in it for so long has it no more: nobody has it then, and
    what the customer wrote and nobody answered goes to Genesys. It is longer than it takes to look something up, and
    no customer waits longer for somebody who left.
    """
    reopen_ttl: str | None = Field(default=None, validation_alias="reopen_ttl", serialization_alias="reopen_ttl")
    """How long after a person closed a conversation it may be reopened. Later, what the customer writes begins a new
    one.
    """


class PlatformTenantChange(Record):
    """What is left out stays; null sets a setting or quota back to its default."""

    name: str | None = None
    settings: TenantSettingsChanges | None = None
    quotas: QuotasChanges | None = None


class Problem(Record):
    """RFC 9457. `code` is stable and for programs, `detail` is for people; a code may bring further members."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldProblem] | None = None
    """Each field, and what is wrong with it."""


class Proof(Record):
    password: str


class ProviderSettings(CamelRecord):
    allowed_domains: list[str] | None = Field(
        default=None, validation_alias="allowed_domains", serialization_alias="allowed_domains"
    )
    """Only e-mail addresses of these domains may log in; none named, and the provider alone decides."""
    default_role: Literal["admin", "supervisor", "agent", "viewer"] | str | None = Field(
        default=None, validation_alias="default_role", serialization_alias="default_role"
    )
    """What a person becomes who comes for the first time. None: only who is a member already may log in."""


class ProviderAnswer(CamelRecord):
    """`redirect_uri` is what the provider must be told; null as long as PUBLIC_URL is not set. The secret is never
    shown.
    """

    issuer: str
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    settings: ProviderSettings
    redirect_uri: str | None = Field(validation_alias="redirect_uri", serialization_alias="redirect_uri")
    login_path: str = Field(validation_alias="login_path", serialization_alias="login_path")
    created_at: datetime = Field(validation_alias="created_at", serialization_alias="created_at")


class ProviderBody(CamelRecord):
    """`client_secret` may be left out where one is kept already, for the same issuer and client."""

    issuer: str
    client_id: str = Field(validation_alias="client_id", serialization_alias="client_id")
    client_secret: str | None = Field(default=None, validation_alias="client_secret", serialization_alias="client_secret")
    settings: ProviderSettings | None = None


class PutParticipant(CamelRecord):
    """A customer, as `customer` or `observer`, or a person of the tenant, as `agent` or `observer`."""

    customer_id: UUID | None = None
    user_id: UUID | None = None
    role: TakesPart | str


class PutParticipants(Record):
    """All that are to be added beside who takes part by themselves; who is not named is added no more."""

    participants: list[PutParticipant]


class StateAnswer(CamelRecord):
    """Whether it is open, and when that changes; null where it does not within 400 days. `holiday`: whose hours these
    are.
    """

    at: datetime
    open: bool
    opens_at: datetime | None
    closes_at: datetime | None
    holiday: str | None


class QueueAnswer(CamelRecord):
    """`state`: whether it is open now; without a schedule it always is. `openConversations`: how many are in it."""

    id: UUID
    name: str
    members: list[MemberAnswer]
    genesys_queue: str | None
    schedule: UUID | None
    state: StateAnswer
    open_conversations: int
    created_at: datetime
    edited_at: datetime


class QueuePage(Record):
    """By name. `next` is null on the last page."""

    items: list[QueueAnswer]
    next: str | None


class ReadAnswer(Record):
    changed: list[UUID]
    unchanged: list[UUID]


class ReadSoFarAnswer(CamelRecord):
    """`unread`: how many of the customer's messages are left for you, counted up to 100; null of a key.
    `customerTold`: they are being shown it by this call.
    """

    conversation_id: UUID
    up_to: UUID
    unread: int | None
    customer_told: bool


class ReadUpTo(CamelRecord):
    """`tellCustomer`: they are shown that it was read, as in WhatsApp; it takes the scope messages:send as well."""

    up_to: UUID
    """A message of the conversation: it and all before it were read"""
    tell_customer: bool | None = None


class Redemption(Record):
    token: str
    password: str
    """12 to 256 characters, not easily guessed"""


class RefusedSend(Record):
    """Why one of many was not taken: as a problem says it, with its place among the messages."""

    place: int
    code: str
    detail: str


class RenderReply(CamelRecord):
    """For whom: a conversation, by Waystate's id or Genesys', or a customer. `agentId`: who answers, where a key
    asks.
    """

    conversation_id: str | None = None
    customer_id: UUID | None = None
    agent_id: UUID | None = None


class Replay(Record):
    """Rejected bodies by `ids`, or `all` of them."""

    ids: list[UUID] | None = None
    all: Literal[True] | None = None


class Replayed(Record):
    """`outcome`: `replayed`, or `already_done` when its effect had happened before, so that nothing was done
    again.
    """

    message: str
    outcome: str
    events: int


class ReplyAnswer(CamelRecord):
    """`queue`: of which it is; null: of the whole tenant."""

    id: UUID
    shortcut: str
    title: str | None
    text: str
    queue: UUID | None
    created_at: datetime
    edited_at: datetime


class ReplyPage(Record):
    """By shortcut. `next` is null on the last page."""

    items: list[ReplyAnswer]
    next: str | None


class ResetAnswer(CamelRecord):
    token: str
    """Shown this once. Hand it to the person; it sets a new password within an hour"""
    expires_at: str


class ResetWish(CamelRecord):
    remove_totp: bool | None = None
    """Also switch one-time codes off, for who lost the device"""


class Revoked(CamelRecord):
    revoked_sessions: int


class SayMessage(CamelRecord):
    """What is said to a customer who is known: the content of the `type`, and when it goes."""

    type: ContentType | str
    text: TextContent | None = None
    media: MediaContent | None = None
    location: LocationContent | None = None
    contacts: list[ContactCardInput] | None = None
    interactive: (
        ButtonMessage
        | ListMessage
        | LinkMessage
        | FormMessage
        | LocationRequest
        | ContactRequest
        | CallRequest
        | CallMessage
        | ProductMessage
        | ProductListMessage
        | CatalogMessage
        | CarouselMessage
        | AddressRequest
        | PaymentRequest
        | OrderUpdate
        | dict[str, Any]
        | None
    ) = None
    template: TemplateContent | None = None
    reaction: ReactionContent | None = None
    reply_to: str | None = None
    """What it quotes: our id of a message, or its wamid."""
    hold_until_window: bool | None = None
    """Where the customer has not written for 24 hours: it waits until they write, for `settings.hold_ttl` at most."""
    send_at: datetime | None = None
    """Not before then; 30 days ahead at most."""
    take: bool | None = None
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""


class SlotAnswer(Record):
    opens: str
    closes: str
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] | str]


class ScheduleVersionAnswer(CamelRecord):
    """`validFrom`: the day in its time zone from which this counts."""

    valid_from: str
    time_zone: str
    slots: list[SlotAnswer]
    holidays: list[HolidayAnswer]


class ScheduleAnswer(CamelRecord):
    """A schedule as it is today, with all its `versions`, the earliest first; some may be yet to come."""

    id: UUID
    name: str
    valid_from: str
    time_zone: str
    slots: list[SlotAnswer]
    holidays: list[HolidayAnswer]
    versions: list[ScheduleVersionAnswer]
    created_at: datetime
    edited_at: datetime


class SchedulePage(Record):
    """By name. `next` is null on the last page."""

    items: list[ScheduleAnswer]
    next: str | None


class Selection(Record):
    """Open ones: by `ids`, or by `filter`, then at most `limit` of them, oldest first, from behind `after`."""

    ids: list[UUID] | None = None
    filter: Wanted | None = None
    limit: int | None = None
    after: UUID | None = None
    """The `next` of the answer before"""


class SendMessage(CamelRecord):
    """To whom, from which number, and what: one of `to`, `customerId` and `conversationId`, and the content of the
    `type`.
    """

    type: ContentType | str
    text: TextContent | None = None
    media: MediaContent | None = None
    location: LocationContent | None = None
    contacts: list[ContactCardInput] | None = None
    interactive: (
        ButtonMessage
        | ListMessage
        | LinkMessage
        | FormMessage
        | LocationRequest
        | ContactRequest
        | CallRequest
        | CallMessage
        | ProductMessage
        | ProductListMessage
        | CatalogMessage
        | CarouselMessage
        | AddressRequest
        | PaymentRequest
        | OrderUpdate
        | dict[str, Any]
        | None
    ) = None
    template: TemplateContent | None = None
    reaction: ReactionContent | None = None
    reply_to: str | None = None
    """What it quotes: our id of a message, or its wamid."""
    hold_until_window: bool | None = None
    """Where the customer has not written for 24 hours: it waits until they write, for `settings.hold_ttl` at most."""
    send_at: datetime | None = None
    """Not before then; 30 days ahead at most."""
    take: bool | None = None
    """A person takes the conversation over from whoever speaks in it; of a key it has no effect."""
    to: str | None = None
    """A phone with its country's code, as people write it, or a business-scoped user id."""
    customer_id: UUID | None = None
    conversation_id: str | None = None
    """Ours or Genesys'."""
    number: str | None = None
    """WhatsApp's phone_number_id; else that of the conversation, of the customer's latest open one, or the
    default.
    """


class SendMany(Record):
    """`allOrNothing`: one that is refused keeps all back. `each`: every message for itself."""

    messages: list[SendMessage]
    mode: Mode | str | None = None


class SentMany(Record):
    """`messages` by place, null where one was refused; `refused` says why."""

    taken: int
    messages: list[MessageAnswer | None]
    refused: list[RefusedSend]


class SessionAnswer(CamelRecord):
    id: UUID
    created_at: str
    last_seen_at: str
    expires_at: str
    user_agent: str
    address: str
    current: bool | None = None
    """The one that asks"""


class SessionList(Record):
    items: list[SessionAnswer]


class ShowRead(Record):
    typing: bool | None = None
    """Also show, for 25 seconds or until the answer comes, that somebody is writing it."""


class Shown(Record):
    message: str


class StatusChanged(CamelRecord):
    message: str
    message_id: UUID
    status: str


class SyncError(Record):
    """Why the last listing failed, as WhatsApp or the network said it."""

    code: str
    message: str | None


class SyncedAccount(CamelRecord):
    """`found` is how many templates the listing showed; of those known `added`, `changed` and `deleted` are what it
    did.
    """

    business_account_id: str
    synced_at: datetime | None
    error: SyncError | None
    found: int
    added: int
    changed: int
    deleted: int


class SyncAnswer(Record):
    accounts: list[SyncedAccount]


class SyncRequest(CamelRecord):
    business_account_id: str | None = None
    """One of the tenant's; null is all of them"""


class TagCustomers(Record):
    """Tags that each of these customers gets, and loses."""

    ids: list[UUID]
    add: list[str] | None = None
    remove: list[str] | None = None


class TagsAnswer(Record):
    """`changed`: how many customers are tagged otherwise now. `missing`: those of the ids that no customer has."""

    changed: int
    missing: list[UUID]


class TakeConversation(CamelRecord):
    control_epoch: int | None = None
    """The `controlEpoch` that you have seen: 409 if it is in other hands since"""


class TemplateAccount(CamelRecord):
    """How far a business account's templates are known.

    `syncedAt` is null until they were listed, `error` is of the last try.
    """

    business_account_id: str
    synced_at: datetime | None
    error: SyncError | None


class TemplateAnswer(CamelRecord):
    """`id` is ours, `externalId` WhatsApp's. `status` is WhatsApp's word: APPROVED, PAUSED, REJECTED, … with its
    `reason`.

    `components` is WhatsApp's definition, null while only a webhook told of the template. `changedAt` is when the
    last change
    was so at WhatsApp, `syncedAt` when a listing showed it last.
    """

    id: UUID
    business_account_id: str
    external_id: str | None
    name: str
    language: str
    status: str | None
    reason: str | None
    category: str | None
    quality: str | None
    parameter_format: str | None
    components: list[dict[str, Any]] | None
    changed_at: datetime
    synced_at: datetime | None


class TemplatePage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[TemplateAnswer]
    next: UUID | None
    accounts: list[TemplateAccount]


class TemplatePreviewAnswer(Record):
    """As the customer will see it. `cards` of a carousel have the same shape."""

    header: dict[str, Any] | None
    body: str | None
    footer: str | None
    buttons: list[dict[str, Any]]
    offer: dict[str, Any] | None = None
    cards: list[dict[str, Any]] | None = None


class TemplatePreviewRequest(Record):
    components: list[dict[str, Any]] | None = None
    """As `template.components` of a message, with WhatsApp's names or ours"""


class TenantSettings(CamelRecord):
    correlation: Literal["genesys", "local"] | str | None = None
    """`genesys`: `conversationId` is null until Genesys is correlated. `local`: it is our own id, for good."""
    mapping_ttl: str | None = Field(default=None, validation_alias="mapping_ttl", serialization_alias="mapping_ttl")
    """No message in either direction for so long and the conversation is expired (Genesys' threading time-out)."""
    unknown_ttl: str | None = Field(default=None, validation_alias="unknown_ttl", serialization_alias="unknown_ttl")
    """A send whose answer was lost is `failed` (`outcome_unknown`) when no status came for so long."""
    replay_ttl: str | None = Field(default=None, validation_alias="replay_ttl", serialization_alias="replay_ttl")
    """How long events are kept for readers that were away."""
    account_events_ttl: str | None = Field(
        default=None, validation_alias="account_events_ttl", serialization_alias="account_events_ttl"
    )
    """How long what WhatsApp said of accounts and numbers is kept: longer than a year, to compare with the last
    one.
    """
    window_policy: Literal["refuse", "template", "hold"] | str | None = Field(
        default=None, validation_alias="window_policy", serialization_alias="window_policy"
    )
    """What becomes of an agent's message when the customer's last one is more than 24 hours old: it is refused and
    the agent is told, `window_template` is sent for it, or it is held until the customer writes. `hold` holds a
    service's text too, but not one to somebody who never wrote: that is refused (`window_closed`), unless it says
    `holdUntilWindow`.
    """
    window_template: WindowTemplate | None = Field(
        default=None, validation_alias="window_template", serialization_alias="window_template"
    )
    """What the policy `template` sends. Where its parameters hold `{text}`, the agent's text goes out in it; else the
    text is held until the customer answers.
    """
    hold_ttl: str | None = Field(default=None, validation_alias="hold_ttl", serialization_alias="hold_ttl")
    """How long a held message waits for its customer to write, 30 days at most; then it is failed."""
    genesys_identity: Literal["contact", "wa_id"] | str | None = Field(
        default=None, validation_alias="genesys_identity", serialization_alias="genesys_identity"
    )
    """What the customer is called towards Genesys: our contact id, which survives a change of number, or the
    `wa_id`.
    """
    genesys_attachments: bool | None = Field(
        default=None, validation_alias="genesys_attachments", serialization_alias="genesys_attachments"
    )
    """Agents get a customer's file as an attachment, where `PUBLIC_URL` says under which address Genesys loads it.
    false: a line that names it, for integrations whose supported content has no files.
    """
    genesys_typing: bool | None = Field(default=None, validation_alias="genesys_typing", serialization_alias="genesys_typing")
    """While an agent or bot writes, the customer sees that somebody types; what they wrote is shown as read with
    it.
    """
    text_format: Literal["plain", "markdown"] | str | None = Field(
        default=None, validation_alias="text_format", serialization_alias="text_format"
    )
    """How agents and bots write. `plain`: a text goes as it is, and WhatsApp shows its own marks in it. `markdown`:
    `**bold**`, `*italic*`, `~~struck~~` and `[name](address)` go as WhatsApp shows them, and a customer's marks come
    as Markdown.
    """
    agent_scope: Literal["all", "assigned"] | str | None = Field(
        default=None, validation_alias="agent_scope", serialization_alias="agent_scope"
    )
    """What agents and viewers see of conversations and messages, in lists, searches and histories alike. `assigned`:
    those that are assigned to them, and of those that nobody has the ones in their queues, and the ones in which they
    speak.
    """
    genesys_silence: str | None = Field(default=None, validation_alias="genesys_silence", serialization_alias="genesys_silence")
    """Nothing was said in an open conversation for so long, and Genesys is asked whether it has ended there, and
    whether all that agents wrote has come. Longer, fewer of the OAuth client's requests go into that.
    """
    agent_lease: str | None = Field(default=None, validation_alias="agent_lease", serialization_alias="agent_lease")
    """A person who has a conversation and has done nothing in it for so long has it no more: nobody has it then, and
    what the customer wrote and nobody answered goes to Genesys. It is longer than it takes to look something up, and
    no customer waits longer for somebody who left.
    """
    reopen_ttl: str | None = Field(default=None, validation_alias="reopen_ttl", serialization_alias="reopen_ttl")
    """How long after a person closed a conversation it may be reopened. Later, what the customer writes begins a new
    one.
    """


class TenantAnswer(Record):
    """Settings with their defaults filled in; a quota of null is the installation's default, or no limit."""

    id: str
    name: str
    status: TenantStatus | str
    settings: TenantSettings
    quotas: Quotas


class TenantChange(Record):
    """What is left out stays; null sets a setting back to its default."""

    name: str | None = None
    settings: TenantSettingsChanges | None = None


class TenantPage(Record):
    """`next` is the `after` of the next page, null on the last one."""

    items: list[TenantAnswer]
    next: str | None


class TotpAnswer(Record):
    secret: str
    """Shown this once, to type into an authenticator"""
    uri: str
    """The same, to show as a QR code"""


class TrackMessage(CamelRecord):
    """What `POST /state/message` takes. Unknown fields are ignored, enumerations are accepted in either case."""

    meta_message_id: str | None = None
    genesys_message_id: str | None = None
    conversation_id: str
    tenant_id: str | None = None
    direction: Literal["inbound", "outbound"] | str
    status: str
    message_type: str | None = None
    media_type: str | None = None
    media_url: str | None = None
    content: dict[str, Any] | str | None = None


class TrackedMessage(CamelRecord):
    message: str
    message_id: UUID
    created: bool
    status: str


class TransferTo(Record):
    """Exactly one: a person, a queue, or Genesys (`true`)."""

    user: UUID | None = None
    queue: UUID | None = None
    genesys: bool | None = None


class TransferConversation(CamelRecord):
    to: TransferTo
    note: str | None = None
    """For whoever gets it; the customer does not see it"""
    control_epoch: int | None = None
    """The `controlEpoch` that you have seen: 409 if it is in other hands since"""


class UnmergedAnswer(CamelRecord):
    """Both customers as they are now. `conversations` went back to the `restored` one; `reopened` ones had ended by
    the merge
    alone; `movedMessages` came from, or went to, an id of the one while they stood with the other.
    """

    restored: CustomerProfile
    customer: CustomerProfile
    conversations: list[UUID]
    reopened: list[UUID]
    moved_messages: int


class Unmet(Record):
    """What of a body could not be used: `item` is its place in the body, null where the whole body was meant."""

    item: str | None
    reason: str
    message: str


class UploadAnswer(CamelRecord):
    """A file that can be sent: a message names its `id` as `mediaId`. `size` is in bytes, `sha256` is hexadecimal."""

    id: str
    state: str
    mime_type: str
    size: int
    sha256: str
    filename: str | None


class UserChange(Record):
    """What is left out stays."""

    role: Role | str | None = None
    status: Literal["active", "disabled"] | str | None = None
    name: str | None = None


class UserPage(Record):
    items: list[UserAnswer]
    next: UUID | None
    """The `after` of the following page"""


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


class WebhookAnswer(CamelRecord):
    """`lacks` names the routes that would let it be worked (`phone_number_id:…`, `waba:…`, `genesys_integration:…`,
    and `*`:
    more than can be listed): as soon as one of them is set up, it is worked by itself. Of `rejected` and `lacks` the
    first 100
    are listed; `unlisted` is how many more items were rejected. `preview` is the beginning of the body, `bytes` its
    length.
    """

    id: UUID
    received_at: datetime
    source: str
    origin: str
    """The Meta app, or the Genesys integration, of the callback it came to"""
    state: str
    items: int | None
    rejected: list[Unmet]
    unlisted: int
    lacks: list[str]
    attempts: int
    bytes: int
    preview: str


class WebhookPage(Record):
    """`next` is the `before` of the next page, null on the last one."""

    items: list[WebhookAnswer]
    next: UUID | None


class WebhookTaken(Record):
    """The answer to a webhook whose body is kept: its sender looks at the status alone."""

    pass


class WebhooksReplayed(Record):
    """How many were rejected, and are worked again now; `ids` are the first 1000 of them, oldest first where it was
    `all`.
    """

    replayed: int
    ids: list[UUID]


class WhatsAppLimits(CamelRecord):
    messages_per_second: float | None = Field(
        default=None, validation_alias="messages_per_second", serialization_alias="messages_per_second"
    )
    """Throughput of the number: 80 by default, 1,000 upgraded, 20 while the Business app shares it (Meta error
    130429).
    """
    pair_interval: float | None = Field(default=None, validation_alias="pair_interval", serialization_alias="pair_interval")
    """Seconds between messages to one customer, in the long run (Meta error 131056); an hour at most, 0: no limit."""
    pair_burst: int | None = Field(default=None, validation_alias="pair_burst", serialization_alias="pair_burst")
    """Messages to one customer that may leave at once, borrowed from the future."""


class WhatsAppAccountAnswer(CamelRecord):
    id: UUID
    phone_number_id: str = Field(validation_alias="phone_number_id", serialization_alias="phone_number_id")
    display_phone_number: str = Field(validation_alias="display_phone_number", serialization_alias="display_phone_number")
    business_account_id: str = Field(validation_alias="business_account_id", serialization_alias="business_account_id")
    meta_app_id: str = Field(validation_alias="meta_app_id", serialization_alias="meta_app_id")
    api_url: str = Field(validation_alias="api_url", serialization_alias="api_url")
    has_access_token: bool = Field(validation_alias="has_access_token", serialization_alias="has_access_token")
    limits: WhatsAppLimits
    genesys_integration: str | None = Field(validation_alias="genesys_integration", serialization_alias="genesys_integration")
    sender: str
    is_default: bool = Field(validation_alias="is_default", serialization_alias="is_default")
    is_active: bool = Field(validation_alias="is_active", serialization_alias="is_active")
    held: HoldAnswer | None
    facts: FactsAnswer | None


class WhatsAppAccountBody(CamelRecord):
    display_phone_number: str = Field(validation_alias="display_phone_number", serialization_alias="display_phone_number")
    business_account_id: str = Field(validation_alias="business_account_id", serialization_alias="business_account_id")
    meta_app_id: str = Field(validation_alias="meta_app_id", serialization_alias="meta_app_id")
    access_token: str | None = Field(default=None, validation_alias="access_token", serialization_alias="access_token")
    """Left out, the one that is stored stays. It is shown to nobody."""
    limits: WhatsAppLimits | None = None
    genesys_integration: str | None = Field(
        default=None, validation_alias="genesys_integration", serialization_alias="genesys_integration"
    )
    """The id of the integration in Genesys that serves this number."""
    sender: Literal["waystate", "external"] | str | None = None
    is_default: bool | None = Field(default=None, validation_alias="is_default", serialization_alias="is_default")
    is_active: bool | None = Field(default=None, validation_alias="is_active", serialization_alias="is_active")


class WhatsAppAccountList(Record):
    items: list[WhatsAppAccountAnswer]
