"""Of `messages_bodies`. Generated from docs/reference/openapi.json: `make clients` writes it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from waystate_client.records import CamelRecord, Record

__all__ = [
    "AddressAction",
    "AddressParameters",
    "AddressRequest",
    "BodyText",
    "ButtonAction",
    "ButtonMessage",
    "ButtonOption",
    "ButtonText",
    "CallAction",
    "CallButton",
    "CallDuration",
    "CallFilling",
    "CallMessage",
    "CallRequest",
    "CallRequestAction",
    "CardAction",
    "CardAddress",
    "CardAddressOfWeb",
    "CardEmail",
    "CardName",
    "CardOrganization",
    "CardPhone",
    "CardText",
    "CarouselAction",
    "CarouselCard",
    "CarouselMessage",
    "CatalogAction",
    "CatalogChoice",
    "CatalogFilling",
    "CatalogMessage",
    "CatalogPicture",
    "CatalogProduct",
    "CatalogValue",
    "CodeFilling",
    "ContactCardInput",
    "ContactRequest",
    "ContactRequestAction",
    "ContentType",
    "CouponFilling",
    "CouponValue",
    "DayAndTime",
    "DocumentFilling",
    "DocumentHeader",
    "FilledBody",
    "FilledCard",
    "FilledCarousel",
    "FilledHeader",
    "FilledOffer",
    "FilledOrder",
    "FilledTapTarget",
    "FooterText",
    "FormAction",
    "FormAnswer",
    "FormFilling",
    "FormMessage",
    "FormParameters",
    "FormScreen",
    "FormValue",
    "ImageFilling",
    "ImageHeader",
    "LinkAction",
    "LinkButton",
    "LinkFilling",
    "LinkMessage",
    "ListAction",
    "ListMessage",
    "ListRow",
    "ListSection",
    "LocationContent",
    "LocationFilling",
    "LocationRequest",
    "LocationRequestAction",
    "LongBodyText",
    "MarkRead",
    "MediaContent",
    "MediaFile",
    "Mode",
    "MoneyAmount",
    "MoneyFilling",
    "NamedFile",
    "OfferEnd",
    "OfferValue",
    "OrderReference",
    "OrderState",
    "OrderUpdate",
    "OrderUpdateAction",
    "OrderValue",
    "PayloadValue",
    "PaymentAction",
    "PaymentRequest",
    "ProductAction",
    "ProductFilling",
    "ProductItem",
    "ProductListAction",
    "ProductListMessage",
    "ProductMessage",
    "ProductSection",
    "ProductsChoice",
    "ProductsFilling",
    "ProductsValue",
    "QuickReplyFilling",
    "QuickReplyOption",
    "ReactionContent",
    "ReplyButton",
    "SavedAddress",
    "SendMany",
    "SendMessage",
    "ShowRead",
    "TapTarget",
    "TapTargetValue",
    "TemplateContent",
    "TemplateLanguage",
    "TextContent",
    "TextFilling",
    "TextHeader",
    "TimeFilling",
    "VideoFilling",
    "VideoHeader",
]

ContentType = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive", "template", "reaction"
]
"""What can be sent. Read marks and typing are no contents."""
Mode = Literal["allOrNothing", "each"]
"""Of many at once: all are taken or none (seed 004), or each for itself."""


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


class ButtonText(Record):
    type: Literal["text"]
    text: str


class CallButton(CamelRecord):
    display_text: str | None = None
    ttl_minutes: int | None = None
    payload: str | None = None


class CallAction(Record):
    name: Literal["voice_call"] | None = None
    parameters: CallButton | None = None


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


class CatalogMessage(Record):
    """The whole catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/catalog-messages
    """

    type: Literal["catalog_message"]
    body: BodyText
    footer: FooterText | None = None
    action: CatalogAction | None = None


class CatalogProduct(CamelRecord):
    product_retailer_id: str
    catalog_id: str


class CodeFilling(CamelRecord):
    """The code of an authentication template (one-tap, zero-tap, copy code). WhatsApp gets it as that of a `url`
    button.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates
    """

    type: Literal["button"]
    sub_type: Literal["otp"]
    index: int | None = None
    parameters: list[ButtonText]


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


class DocumentFilling(Record):
    type: Literal["document"]
    document: NamedFile


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


class TimeFilling(CamelRecord):
    type: Literal["date_time"]
    parameter_name: str | None = None
    date_time: DayAndTime


class FilledBody(Record):
    """The places of the body: in their order, or by the names that the template gives them."""

    type: Literal["body"]
    parameters: list[TextFilling | MoneyFilling | TimeFilling | dict[str, Any]]


class ImageFilling(Record):
    type: Literal["image"]
    image: MediaFile


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


class LocationFilling(Record):
    type: Literal["location"]
    location: LocationContent


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


class ProductItem(CamelRecord):
    """A product by its id in the catalogue."""

    product_retailer_id: str


class ProductSection(CamelRecord):
    """Products under a title."""

    title: str | None = None
    product_items: list[ProductItem]


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


class OrderState(Record):
    status: Literal["pending", "processing", "partially-shipped", "shipped", "completed", "canceled"] | str
    description: str | None = None


class OrderReference(CamelRecord):
    reference_id: str
    order: OrderState


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


class LocationRequestAction(Record):
    name: Literal["send_location"] | None = None


class LocationRequest(Record):
    """Asks the customer where they are.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-request-messages
    """

    type: Literal["location_request_message"]
    body: BodyText
    action: LocationRequestAction | None = None


class MarkRead(Record):
    ids: list[UUID]


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


class ProductAction(CamelRecord):
    catalog_id: str
    product_retailer_id: str


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


class ShowRead(Record):
    typing: bool | None = None
    """Also show, for 25 seconds or until the answer comes, that somebody is writing it."""
