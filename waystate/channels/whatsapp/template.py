"""Template messages: which template, and what fills its places. What the template itself allows is not known here.

https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/overview
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, field_serializer, model_validator

from waystate.channels.fields import find_list, find_text
from waystate.channels.whatsapp.parts import (
    LONGEST_CALL,
    MAX_BODY,
    Items,
    LocationContent,
    MediaFile,
    NamedFile,
    OneOf,
    OrderDetails,
    OrderReference,
    Part,
    ProductSection,
    Visible,
    WebAddress,
    Word,
    check_distinct,
    check_products,
    check_sections,
    refusal,
    refusal_at,
    write_part,
)
from waystate.documents import JsonObject

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
_PARAMETER_NAME = re.compile(r"[a-z0-9_]+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_UNFIT = re.compile(r"[\n\r\t]| {5}")
_CODE = re.compile(r"[^\s/._?&=#-]{4,8}")
_MAX_CODE = 15
_MAX_COUPON, _MAX_TIMED_COUPON = 20, 15
_MAX_LONE_BODY = 32_768
"""Characters of a parameter where the template has a body and nothing else."""
_FIRST_MILLISECOND = 100_000_000_000
_AUTHENTICATION = "AUTHENTICATION"


def _matching(pattern: re.Pattern[str], sentence: str) -> AfterValidator:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise refusal(sentence)
        return value

    return AfterValidator(check)


def _check_fit(text: str) -> str:
    if _UNFIT.search(text) is not None:
        raise refusal("has a line break, a tab or five spaces in a row, which WhatsApp refuses in a template; write one line")
    return text


def _check_milliseconds(value: int) -> int:
    if value < _FIRST_MILLISECOND:
        raise refusal("is before 1973 in milliseconds, so it was meant in seconds; multiply it by 1000")
    return value


def _index_of(value: Any) -> Any:
    """WhatsApp's pages write the number both ways."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 3 else value


Index = Annotated[StrictInt, Field(ge=0, le=9), BeforeValidator(_index_of)]
ParameterName = Annotated[str, _matching(_PARAMETER_NAME, "must be the name in the template: a-z, 0-9 and _ alone")]
Filling = Annotated[str, Visible(_MAX_LONE_BODY), AfterValidator(_check_fit)]


class TextFilling(Part):
    """A text in the place of `{{1}}`, or of `{{parameterName}}`."""

    type: Literal["text"]
    parameter_name: ParameterName | None = None
    text: Filling

    def shown(self) -> str:
        return self.text


class MoneyAmount(Part):
    fallback_value: Filling
    """What is shown where the amount cannot be written in the customer's way."""

    code: Annotated[str, _matching(_CURRENCY, "must be the three letters of a currency, such as EUR")]
    amount_1000: StrictInt
    """A thousand times the amount."""


class MoneyFilling(Part):
    type: Literal["currency"]
    parameter_name: ParameterName | None = None
    currency: MoneyAmount

    def shown(self) -> str:
        return self.currency.fallback_value


class DayAndTime(Part):
    fallback_value: Filling
    """What is shown; WhatsApp does not use the other fields yet."""

    day_of_week: StrictInt | str | None = None
    day_of_month: StrictInt | None = None
    year: StrictInt | None = None
    month: StrictInt | None = None
    hour: StrictInt | None = None
    minute: StrictInt | None = None
    timestamp: StrictInt | None = None
    calendar: Literal["GREGORIAN", "SOLAR_HIJRI"] | None = None


class TimeFilling(Part):
    type: Literal["date_time"]
    parameter_name: ParameterName | None = None
    date_time: DayAndTime

    def shown(self) -> str:
        return self.date_time.fallback_value


class ImageFilling(Part):
    type: Literal["image"]
    image: MediaFile

    def shown(self) -> str:
        return "[image]"


class VideoFilling(Part):
    type: Literal["video"]
    video: MediaFile

    def shown(self) -> str:
        return "[video]"


class DocumentFilling(Part):
    type: Literal["document"]
    document: NamedFile

    def shown(self) -> str:
        return f"[document: {self.document.filename}]" if self.document.filename else "[document]"


class LocationFilling(Part):
    type: Literal["location"]
    location: LocationContent

    def shown(self) -> str:
        place = ", ".join(part for part in (self.location.name, self.location.address) if part)
        return f"[location: {place}]" if place else "[location]"


class CatalogProduct(Part):
    product_retailer_id: Word
    catalog_id: Word


class ProductFilling(Part):
    type: Literal["product"]
    product: CatalogProduct

    def shown(self) -> str:
        return f"[product: {self.product.product_retailer_id}]"


HEADER_FILLINGS = (TextFilling, ImageFilling, VideoFilling, DocumentFilling, LocationFilling, ProductFilling)
AnyHeaderFilling = Annotated[
    TextFilling | ImageFilling | VideoFilling | DocumentFilling | LocationFilling | ProductFilling, OneOf(HEADER_FILLINGS)
]
AnyBodyFilling = Annotated[TextFilling | MoneyFilling | TimeFilling, OneOf((TextFilling, MoneyFilling, TimeFilling))]


class FilledHeader(Part):
    """The header's one place."""

    type: Literal["header"]
    parameters: Annotated[list[AnyHeaderFilling], Items(1, 1, "parameters")]

    @model_validator(mode="after")
    def _fits_a_header(self) -> Self:
        (only,) = self.parameters
        if isinstance(only, TextFilling) and len(only.text) > 60:
            raise refusal_at(
                ("parameters", 0, "text"), f"has {len(only.text)} characters and WhatsApp takes 60 in a header; shorten it"
            )
        return self

    def shown(self) -> Iterator[str]:
        yield from (each.shown() for each in self.parameters)


class FilledBody(Part):
    """The places of the body: in their order, or by the names that the template gives them."""

    type: Literal["body"]
    parameters: list[AnyBodyFilling]

    @model_validator(mode="after")
    def _names_all_or_none(self) -> Self:
        names = [each.parameter_name for each in self.parameters]
        if any(names) and not all(names):
            raise refusal_at(("parameters",), "give a `parameterName` to some alone; name all of them or none")
        check_distinct((name for name in names if name), "parameters", "`parameterName`")
        return self

    def shown(self) -> Iterator[str]:
        yield from (each.shown() for each in self.parameters)


class PayloadValue(Part):
    type: Literal["payload"]
    payload: Word
    """Comes back when the customer taps the button."""


class QuickReplyFilling(Part):
    """What a quick reply answers with."""

    type: Literal["button"]
    sub_type: Literal["quick_reply"]
    index: Index
    parameters: Annotated[list[PayloadValue], Items(1, 1, "parameters")]


class ButtonText(Part):
    type: Literal["text"]
    text: Annotated[str, Visible(2000, is_ours=True)]


class LinkFilling(Part):
    """The end of a button's address, percent-encoded; of an authentication template the code."""

    type: Literal["button"]
    sub_type: Literal["url"]
    index: Index
    parameters: Annotated[list[ButtonText], Items(1, 1, "parameters")]


class CodeFilling(Part):
    """The code of an authentication template (one-tap, zero-tap, copy code). WhatsApp gets it as that of a `url` button.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates
    """

    type: Literal["button"]
    sub_type: Literal["otp"]
    index: Index = 0
    parameters: Annotated[list[ButtonText], Items(1, 1, "parameters")]

    @field_serializer("sub_type")
    def _write_sub_type(self, _: str) -> str:
        return "url"


class CouponValue(Part):
    type: Literal["coupon_code"]
    coupon_code: Annotated[str, Visible(_MAX_COUPON)]


class CouponFilling(Part):
    """The code that a button copies.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/marketing-templates/coupon-templates
    """

    type: Literal["button"]
    sub_type: Literal["copy_code"]
    index: Index
    parameters: Annotated[list[CouponValue], Items(1, 1, "parameters")]


class FormAnswer(Part):
    """Names inside `flowActionData` are the form's own."""

    flow_token: Word | None = None
    flow_action_data: dict[str, Any] | None = None


class FormValue(Part):
    type: Literal["action"]
    action: FormAnswer


class FormFilling(Part):
    """What a form begins with."""

    type: Literal["button"]
    sub_type: Literal["flow"]
    index: Index
    parameters: Annotated[list[FormValue], Items(0, 1, "parameters")] | None = None


class CatalogChoice(Part):
    thumbnail_product_retailer_id: Word


class CatalogValue(Part):
    type: Literal["action"]
    action: CatalogChoice


class CatalogFilling(Part):
    """The product whose picture stands for the catalogue."""

    type: Literal["button"]
    sub_type: Literal["catalog"]
    index: Index
    parameters: Annotated[list[CatalogValue], Items(1, 1, "parameters")] | None = None

    @field_serializer("sub_type")
    def _write_sub_type(self, sub_type: str) -> str:
        """As the page of catalogue templates has it, alone of all."""
        return sub_type.upper()


class ProductsChoice(Part):
    thumbnail_product_retailer_id: Word
    sections: Annotated[list[ProductSection], Items(1, 10, "sections")]

    @model_validator(mode="after")
    def _is_a_list(self) -> Self:
        check_sections(self.sections)
        check_products(self.sections)
        return self


class ProductsValue(Part):
    type: Literal["action"]
    action: ProductsChoice


class ProductsFilling(Part):
    """The products that a button shows."""

    type: Literal["button"]
    sub_type: Literal["mpm"]
    index: Index
    parameters: Annotated[list[ProductsValue], Items(1, 1, "parameters")]


class OrderChoice(Part):
    order_details: OrderDetails
    """WhatsApp's own names stand inside."""


class OrderAction(Part):
    type: Literal["action"]
    action: OrderChoice


class PaymentFilling(Part):
    """The order that a button lets the customer pay (Brazil, India, Singapore).

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/orderdetailstemplate
    """

    type: Literal["button"]
    sub_type: Literal["order_details"]
    index: Index
    parameters: Annotated[list[OrderAction], Items(1, 1, "parameters")]


class CallDuration(Part):
    type: Literal["ttl_minutes"]
    ttl_minutes: Annotated[StrictInt, Field(ge=1, le=LONGEST_CALL)]


class CallFilling(Part):
    """How long a call button works, and what a call by it says."""

    type: Literal["button"]
    sub_type: Literal["voice_call"]
    index: Index | None = None
    parameters: list[Annotated[CallDuration | PayloadValue, OneOf((CallDuration, PayloadValue))]]


BUTTON_FILLINGS = (
    QuickReplyFilling,
    LinkFilling,
    CodeFilling,
    CouponFilling,
    FormFilling,
    CatalogFilling,
    ProductsFilling,
    PaymentFilling,
    CallFilling,
)
AnyButton = (
    QuickReplyFilling | LinkFilling | CodeFilling | CouponFilling | FormFilling | CatalogFilling | ProductsFilling | CallFilling
)


class FilledCard(Part):
    """A card of a carousel template."""

    card_index: Annotated[StrictInt, Field(ge=0, le=9)]
    components: list[
        Annotated[FilledHeader | FilledBody | AnyButton, OneOf((FilledHeader, FilledBody), buttons=BUTTON_FILLINGS)]
    ]

    @model_validator(mode="after")
    def _says_each_once(self) -> Self:
        _check_once(self.components)
        return self


class FilledCarousel(Part):
    """The cards that stand side by side.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/marketing-templates/media-card-carousel-templates
    """

    type: Literal["carousel"]
    cards: Annotated[list[FilledCard], Items(1, 10, "cards")]

    @model_validator(mode="after")
    def _is_distinct(self) -> Self:
        check_distinct((card.card_index for card in self.cards), "cards", "`cardIndex`")
        return self

    def shown(self) -> Iterator[str]:
        for card in sorted(self.cards, key=lambda card: card.card_index):
            for component in card.components:
                yield from _shown(component)


class OfferEnd(Part):
    expiration_time_ms: Annotated[StrictInt, AfterValidator(_check_milliseconds)]
    """Unix time in milliseconds."""


class OfferValue(Part):
    type: Literal["limited_time_offer"]
    limited_time_offer: OfferEnd


class FilledOffer(Part):
    """When an offer ends.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/marketing-templates/limited-time-offer-templates
    """

    type: Literal["limited_time_offer"]
    parameters: Annotated[list[OfferValue], Items(1, 1, "parameters")]

    def shown(self) -> Iterator[str]:
        yield from ()


class OrderValue(Part):
    type: Literal["order_status"]
    order_status: OrderReference


class FilledOrder(Part):
    """How far an order has come.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/payments/payments-in/orderstatustemplate
    """

    type: Literal["order_status"]
    parameters: Annotated[list[OrderValue], Items(1, 1, "parameters")]

    def shown(self) -> Iterator[str]:
        for each in self.parameters:
            yield f"{each.order_status.reference_id}: {each.order_status.order.status}"


class TapTarget(Part):
    url: WebAddress
    title: Word


class TapTargetValue(Part):
    type: Literal["tap_target_configuration"]
    tap_target_configuration: Annotated[list[TapTarget], Items(1, 1, "targets")]


class FilledTapTarget(Part):
    """What opens when the customer taps the picture.

    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/tap-target-url-title-override
    """

    type: Literal["tap_target_configuration"]
    parameters: Annotated[list[TapTargetValue], Items(1, 1, "parameters")]

    def shown(self) -> Iterator[str]:
        yield from ()


COMPONENTS = (FilledHeader, FilledBody, FilledCarousel, FilledOffer, FilledOrder, FilledTapTarget)
AnyComponent = Annotated[
    FilledHeader | FilledBody | AnyButton | FilledCarousel | FilledOffer | FilledOrder | FilledTapTarget,
    OneOf(COMPONENTS, buttons=BUTTON_FILLINGS),
]


class TemplateLanguage(Part):
    code: Annotated[str, _matching(_LANGUAGE, "must be the template's language, such as en or pt_BR")]
    """One it was approved in, such as en or pt_BR."""

    policy: Literal["deterministic"] | None = None


class TemplateContent(Part):
    """An approved template, filled in. It is the one content that may be sent outside the customer's 24 hours."""

    name: Annotated[str, _matching(_NAME, "must be the template's name: a-z, 0-9 and _ alone, at most 512 characters")]
    """As it was approved: a-z, 0-9 and _, at most 512 characters."""

    language: TemplateLanguage
    components: list[AnyComponent] | None = None
    """What fills its places; a button's by their `subType`."""

    @model_validator(mode="after")
    def _says_each_once(self) -> Self:
        components = self.components or []
        _check_once(components)
        has_offer = any(isinstance(each, FilledOffer) for each in components)
        for index, component in enumerate(components):
            place = ("components", index, "parameters", 0)
            if isinstance(component, CouponFilling) and has_offer:
                _check_length(component.parameters[0].coupon_code, _MAX_TIMED_COUPON, (*place, "couponCode"))
            if isinstance(component, CodeFilling):
                _check_length(component.parameters[0].text, _MAX_CODE, (*place, "text"))
            if isinstance(component, FilledBody) and len(components) > 1:
                for number, each in enumerate(component.parameters):
                    if isinstance(each, TextFilling):
                        _check_length(each.text, MAX_BODY, ("components", index, "parameters", number, "text"))
        return self


def line_of_template(content: TemplateContent) -> str:
    """Its name and what fills it, but not the code of an authentication template, which is the customer's alone."""
    components = content.components or []
    if any(isinstance(each, CodeFilling) for each in components) or has_code(write_part(content)):
        return f"[template: {content.name}] (a code)"
    shown = [text for component in components for text in _shown(component)]
    return f"[template: {content.name}] {', '.join(shown)}".rstrip()


def has_code(template: JsonObject, category: str | None = None) -> bool:
    """Whether WhatsApp's template object carries a one-time code, which it delivers to phone numbers alone (131062).

    `category` is the template's own, where it is known. Without it the form decides, for WhatsApp's body has no word for it:
    one text that looks like a code, repeated as the end of the first button's address, and nothing else. The number of an
    order may look so too.
    https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/authentication-templates/authentication-templates
    """
    if category is not None:
        return category.upper() == _AUTHENTICATION
    components = find_list(template, "components") or []
    if len(components) != 2:
        return False
    body, button = sorted(components, key=lambda each: find_text(each, "type") or "")
    if (find_text(body, "type"), find_text(button, "type"), find_text(button, "sub_type")) != ("body", "button", "url"):
        return False
    said, copied = _only_text(body), _only_text(button)
    return find_text(button, "index") == "0" and said is not None and said == copied and _CODE.fullmatch(said) is not None


def _only_text(component: Any) -> str | None:
    parameters = find_list(component, "parameters") or []
    return find_text(parameters[0], "text") if len(parameters) == 1 else None


def _check_length(text: str, most: int, place: tuple[str | int, ...]) -> None:
    if len(text) > most:
        raise refusal_at(place, f"has {len(text)} characters and WhatsApp takes {most} here; shorten it")


def _check_once(components: Sequence[Part]) -> None:
    """A header, a body and each button at most once."""
    buttons = [each.index for each in components if isinstance(each, BUTTON_FILLINGS) and each.index is not None]
    check_distinct(buttons, "components", "`index` of a button")
    check_distinct((type(each) for each in components if not isinstance(each, BUTTON_FILLINGS)), "components", "component")


def _shown(component: Part) -> Iterator[str]:
    """What fills it of what a reader sees; of a button that is nothing."""
    if isinstance(component, (FilledHeader, FilledBody, FilledCarousel, FilledOffer, FilledOrder, FilledTapTarget)):
        yield from component.shown()
