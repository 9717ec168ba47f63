"""Interactive messages: buttons, lists, links, forms, products, and what a customer is asked for by a button.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-list-messages
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictInt, field_validator, model_validator

from waystate.channels.whatsapp.parts import (
    LONGEST_CALL,
    AnyHeader,
    BodyText,
    CardHeader,
    FooterText,
    Items,
    Label,
    LongBodyText,
    OneOf,
    OrderDetails,
    OrderReference,
    Part,
    ProductSection,
    ReplyId,
    TextHeader,
    TextHeaderOnly,
    Title,
    Visible,
    WebAddress,
    Word,
    check_distinct,
    check_products,
    check_sections,
    refusal,
    refusal_at,
)

Lines = Iterator[str]
_MAX_ROWS = 10


class ReplyButton(Part):
    """What the customer taps; `id` comes back with the answer."""

    id: ReplyId
    title: Label


class ButtonOption(Part):
    type: Literal["reply"] = "reply"
    reply: ReplyButton


class ButtonAction(Part):
    buttons: Annotated[list[ButtonOption], Items(1, 3, "buttons")]

    @model_validator(mode="after")
    def _is_distinct(self) -> Self:
        check_distinct((each.reply.id for each in self.buttons), "buttons", "id")
        check_distinct((each.reply.title for each in self.buttons), "buttons", "title")
        return self


class ButtonMessage(Part):
    """Up to three buttons under a text."""

    type: Literal["button"]
    header: AnyHeader | None = None
    body: BodyText
    footer: FooterText | None = None
    action: ButtonAction

    def lines(self) -> Lines:
        yield from _numbered([each.reply.title for each in self.action.buttons])


class ListRow(Part):
    """What the customer may choose; `id` comes back with the answer."""

    id: Annotated[str, Visible(200)]
    title: Title
    description: Annotated[str, Visible(72)] | None = None


class ListSection(Part):
    """Rows under a title, which may be missing where it is the only section."""

    title: Title | None = None
    rows: Annotated[list[ListRow], Items(1, _MAX_ROWS, "rows")]


class ListAction(Part):
    button: Label
    """What the customer taps to see the rows."""

    sections: Annotated[list[ListSection], Items(1, 10, "sections")]

    @model_validator(mode="after")
    def _is_a_list(self) -> Self:
        check_sections(self.sections)
        rows = [row for section in self.sections for row in section.rows]
        if len(rows) > _MAX_ROWS:
            raise refusal_at(("sections",), f"have {len(rows)} rows together and WhatsApp takes {_MAX_ROWS}; leave some out")
        check_distinct((row.id for row in rows), "sections", "id of a row")
        return self


class ListMessage(Part):
    """Up to ten rows, which a button opens."""

    type: Literal["list"]
    header: TextHeaderOnly | None = None
    body: LongBodyText
    footer: FooterText | None = None
    action: ListAction

    def lines(self) -> Lines:
        rows = [row for section in self.action.sections for row in section.rows]
        yield from _numbered([f"{row.title} ({row.description})" if row.description else row.title for row in rows])


class LinkButton(Part):
    display_text: Label
    url: WebAddress


class LinkAction(Part):
    name: Literal["cta_url"] = "cta_url"
    parameters: LinkButton


class LinkMessage(Part):
    """A button that opens an address of the web.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-cta-url-messages
    """

    type: Literal["cta_url"]
    header: AnyHeader | None = None
    body: BodyText
    footer: FooterText | None = None
    action: LinkAction

    def lines(self) -> Lines:
        yield f"[{self.action.parameters.display_text}: {self.action.parameters.url}]"


class FormScreen(Part):
    """The screen that a form begins with, and what it is filled in with; names inside `data` are the form's own."""

    screen: Word | None = None
    data: dict[str, Any] | str | None = None

    @field_validator("data")
    @classmethod
    def _holds_something(cls, data: dict[str, Any] | str | None) -> dict[str, Any] | str | None:
        if data is not None and not data:
            raise refusal("is empty; fill it in, or leave it out")
        return data


class FormParameters(Part):
    flow_message_version: Literal["3"] = "3"
    flow_id: Word | None = None
    flow_name: Word | None = None
    flow_cta: Annotated[str, Visible(30)]
    """What the customer taps to see the form."""

    flow_token: Word | None = None
    """Comes back with the answers."""

    mode: Literal["published", "draft"] | None = None
    flow_action: Literal["navigate", "data_exchange"] | None = None
    flow_action_payload: FormScreen | None = None

    @model_validator(mode="after")
    def _names_one_form(self) -> Self:
        if (self.flow_id is None) == (self.flow_name is None):
            raise refusal_at(("flowId",), "and `flowName` name the form: give exactly one of them")
        if self.flow_action == "data_exchange" and self.flow_action_payload is not None:
            raise refusal_at(
                ("flowActionPayload",), "goes with `flowAction` navigate alone; leave it out, your endpoint answers instead"
            )
        return self


class FormAction(Part):
    name: Literal["flow"] = "flow"
    parameters: FormParameters


class FormMessage(Part):
    """A form that the customer fills in inside WhatsApp (a Flow).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/flows/guides/sendingaflow
    """

    type: Literal["flow"]
    header: AnyHeader | None = None
    body: BodyText
    footer: FooterText | None = None
    action: FormAction

    def lines(self) -> Lines:
        yield f"[form: {self.action.parameters.flow_cta}]"


class LocationRequestAction(Part):
    name: Literal["send_location"] = "send_location"


class LocationRequest(Part):
    """Asks the customer where they are.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/location-request-messages
    """

    type: Literal["location_request_message"]
    body: BodyText
    action: LocationRequestAction = LocationRequestAction()

    def lines(self) -> Lines:
        yield "[asks for a location]"


class ContactRequestAction(Part):
    name: Literal["request_contact_info"] = "request_contact_info"


class ContactRequest(Part):
    """Asks a customer who is known by a user id alone for their phone number.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    """

    type: Literal["request_contact_info"]
    body: BodyText
    action: ContactRequestAction = ContactRequestAction()

    def lines(self) -> Lines:
        yield "[asks for the phone number]"


class CallRequestAction(Part):
    name: Literal["call_permission_request"] = "call_permission_request"


class CallRequest(Part):
    """Asks whether the business may call.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/user-call-permissions
    """

    type: Literal["call_permission_request"]
    body: BodyText | None = None
    action: CallRequestAction = CallRequestAction()

    def lines(self) -> Lines:
        yield "[asks whether to call]"


class CallButton(Part):
    display_text: Label | None = None
    ttl_minutes: Annotated[StrictInt, Field(ge=1, le=LONGEST_CALL)] | None = None
    payload: Annotated[str, Visible(512)] | None = None


class CallAction(Part):
    name: Literal["voice_call"] = "voice_call"
    parameters: CallButton | None = None


class CallMessage(Part):
    """A button by which the customer calls.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/calling/call-button-messages-deep-links
    """

    type: Literal["voice_call"]
    body: BodyText
    action: CallAction = CallAction()

    def lines(self) -> Lines:
        label = self.action.parameters.display_text if self.action.parameters else None
        yield f"[call button: {label}]" if label else "[call button]"


class ProductAction(Part):
    catalog_id: Word
    product_retailer_id: Word


class ProductMessage(Part):
    """One product of the catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/single-product-messages
    """

    type: Literal["product"]
    body: BodyText | None = None
    footer: FooterText | None = None
    action: ProductAction

    def lines(self) -> Lines:
        yield f"[product: {self.action.product_retailer_id}]"


class ProductListAction(Part):
    catalog_id: Word
    sections: Annotated[list[ProductSection], Items(1, 10, "sections")]

    @model_validator(mode="after")
    def _is_a_list(self) -> Self:
        check_sections(self.sections)
        check_products(self.sections)
        return self


class ProductListMessage(Part):
    """Up to thirty products of the catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/multi-product-messages
    """

    type: Literal["product_list"]
    header: TextHeaderOnly
    body: BodyText
    footer: FooterText | None = None
    action: ProductListAction

    def lines(self) -> Lines:
        items = [item.product_retailer_id for section in self.action.sections for item in section.product_items]
        yield f"[products: {', '.join(items)}]"


class CatalogPicture(Part):
    thumbnail_product_retailer_id: Word


class CatalogAction(Part):
    name: Literal["catalog_message"] = "catalog_message"
    parameters: CatalogPicture | None = None


class CatalogMessage(Part):
    """The whole catalogue.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/catalogs/catalog-messages
    """

    type: Literal["catalog_message"]
    body: BodyText
    footer: FooterText | None = None
    action: CatalogAction = CatalogAction()

    def lines(self) -> Lines:
        yield "[catalog]"


class CardText(Part):
    text: Annotated[str, Visible(160)]

    @field_validator("text")
    @classmethod
    def _has_few_lines(cls, text: str) -> str:
        if text.count("\n") > 2:
            raise refusal("has more than two line breaks, which WhatsApp refuses on a card; write fewer lines")
        return text


class QuickReplyOption(Part):
    type: Literal["quick_reply"] = "quick_reply"
    quick_reply: ReplyButton


class CardAction(Part):
    """A button with an address (`name`, `parameters`), or quick replies (`buttons`), or a product."""

    name: Literal["cta_url"] | None = None
    parameters: LinkButton | None = None
    buttons: Annotated[list[QuickReplyOption], Items(1, 3, "buttons")] | None = None
    catalog_id: Word | None = None
    product_retailer_id: Word | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        has_link = self.name is not None and self.parameters is not None
        has_product = self.catalog_id is not None and self.product_retailer_id is not None
        parts = sum(each is not None for each in vars(self).values())
        if parts != (2 if has_link or has_product else 1 if self.buttons else 0) or not parts:
            raise refusal("does one thing: give `name` and `parameters`, or `buttons`, or `catalogId` and `productRetailerId`")
        return self

    def shape(self) -> tuple[str, int]:
        """What kind of buttons it has, and how many."""
        return ("quick_reply", len(self.buttons)) if self.buttons else ("link" if self.parameters else "product", 1)

    def line(self) -> str:
        if self.parameters:
            return f"{self.parameters.display_text}: {self.parameters.url}"
        return ", ".join(each.quick_reply.title for each in self.buttons or []) or self.product_retailer_id or ""


class CarouselCard(Part):
    card_index: Annotated[StrictInt, Field(ge=0, le=9)]
    type: Literal["cta_url", "product"] = "cta_url"
    header: CardHeader | None = None
    body: CardText | None = None
    action: CardAction

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        is_product = self.action.shape()[0] == "product"
        if is_product != (self.type == "product"):
            raise refusal_at(("type",), "must be product for a product of the catalogue, and cta_url for every other card")
        if is_product and (self.header or self.body):
            raise refusal("is a product and shows what the catalogue has; leave `header` and `body` out")
        if not is_product and self.header is None:
            raise refusal_at(("header",), "is missing; a card shows an image or a video")
        return self


class CarouselAction(Part):
    cards: Annotated[list[CarouselCard], Items(2, 10, "cards")]

    @model_validator(mode="after")
    def _is_even(self) -> Self:
        check_distinct((card.card_index for card in self.cards), "cards", "`cardIndex`")
        first = self.cards[0]
        for index, card in enumerate(self.cards):
            if card.action.shape() != first.action.shape():
                raise refusal_at(("cards", index, "action"), "must have the same kind and number of buttons on every card")
            if card.action.catalog_id != first.action.catalog_id:
                raise refusal_at(("cards", index, "action", "catalogId"), "must be the same catalogue on every card")
        return self


class CarouselMessage(Part):
    """Two to ten cards side by side.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-media-carousel-messages
    """

    type: Literal["carousel"]
    body: BodyText
    action: CarouselAction

    def lines(self) -> Lines:
        cards = sorted(self.action.cards, key=lambda card: card.card_index)
        yield from _numbered([" · ".join(_card_parts(card)) for card in cards])


class SavedAddress(Part):
    id: Word
    value: dict[str, str]


class AddressParameters(Part):
    """Names inside `values`, `validationErrors` and a saved address are WhatsApp's own, such as `in_pin_code`."""

    country: Annotated[str, Visible(2)]
    values: dict[str, str] | None = None
    saved_addresses: list[SavedAddress] | None = None
    validation_errors: dict[str, str] | None = None


class AddressAction(Part):
    name: Literal["address_message"] = "address_message"
    parameters: AddressParameters


class AddressRequest(Part):
    """Asks for a postal address (businesses and customers in India).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/address-messages
    """

    type: Literal["address_message"]
    header: AnyHeader | None = None
    body: BodyText
    footer: FooterText | None = None
    action: AddressAction

    def lines(self) -> Lines:
        yield "[asks for an address]"


class PaymentAction(Part):
    """WhatsApp's own names stand inside `parameters`."""

    name: Literal["review_and_pay"] = "review_and_pay"
    parameters: OrderDetails


class PaymentRequest(Part):
    """An order to pay (Brazil, India, Singapore).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/overview
    """

    type: Literal["order_details"]
    header: AnyHeader | None = None
    body: BodyText
    footer: FooterText | None = None
    action: PaymentAction

    def lines(self) -> Lines:
        yield f"[order to pay: {self.action.parameters['reference_id']}]"


class OrderUpdateAction(Part):
    name: Literal["review_order"] = "review_order"
    parameters: OrderReference


class OrderUpdate(Part):
    """How far an order has come that was asked to be paid.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/overview
    """

    type: Literal["order_status"]
    body: BodyText
    footer: FooterText | None = None
    action: OrderUpdateAction

    def lines(self) -> Lines:
        yield f"[order {self.action.parameters.reference_id}: {self.action.parameters.order.status}]"


InteractiveMessage = (
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
)
INTERACTIVE_MODELS: tuple[type[Part], ...] = (
    *(ButtonMessage, ListMessage, LinkMessage, FormMessage, LocationRequest, ContactRequest, CallRequest, CallMessage),
    *(ProductMessage, ProductListMessage, CatalogMessage, CarouselMessage, AddressRequest),
    *(PaymentRequest, OrderUpdate),
)
AnyInteractive = Annotated[InteractiveMessage, OneOf(INTERACTIVE_MODELS)]


def lines_of_interactive(content: InteractiveMessage) -> list[str]:
    """What a reader sees: the header, the body, what may be chosen with numbers, the small print."""
    header = getattr(content, "header", None)
    body, footer = content.body, getattr(content, "footer", None)
    lines = [] if header is None else [header.text if isinstance(header, TextHeader) else f"[{header.type}]"]
    lines += [body.text] if body is not None else []
    lines += content.lines()
    return [*lines, footer.text] if footer is not None else lines


def _numbered(titles: Sequence[str]) -> Lines:
    for number, title in enumerate(titles, start=1):
        yield f"{number}. {title}"


def _card_parts(card: CarouselCard) -> Iterator[str]:
    if card.header is not None:
        yield f"[{card.header.type}]"
    if card.body is not None:
        yield " ".join(card.body.text.split())
    yield card.action.line()
