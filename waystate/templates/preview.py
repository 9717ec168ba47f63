"""A template message as the customer will see it. Pure."""

from collections.abc import Sequence
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text
from waystate.documents import JsonObject
from waystate.templates.definition import MEDIA, Button, Shape, fill, is_named, read_definition, variables_of
from waystate.templates.model import Template
from waystate.templates.parameters import find_component, given_as, kind_of, values_of


def preview(template: Template, components: Sequence[Any] | None) -> JsonObject:
    """`{header, body, footer, buttons}` with the parameters in their places, `cards` of a carousel, `offer` of one that ends.

    A currency and a date stand as their `fallback_value`; a variable without a parameter stays as it is written.
    """
    definition = read_definition(template.components or [])
    sent = [each for each in components or () if isinstance(each, dict)]
    named = is_named(template, definition)
    shown = _part(definition, sent, named)
    if definition.offer is not None:
        given = given_as(find_component(sent, "limited_time_offer"))
        ends = (find_object(given[0], "limited_time_offer") or {}).get("expiration_time_ms") if given else None
        shown["offer"] = {"text": find_text(definition.offer, "text"), "expirationTimeMs": ends}
    if definition.cards:
        shown["cards"] = _cards(definition, find_list(find_component(sent, "carousel"), "cards") or [], named)
    return shown


def _cards(definition: Shape, sent: list[Any], named: bool) -> list[JsonObject]:
    given = {find_text(card, "card_index"): find_list(card, "components") or [] for card in sent}
    # Cards that show products are made of the first one, as many as there are products.
    is_of_products = definition.cards[0].header_format == "PRODUCT"
    parts = [definition.cards[0]] * max(len(given), 1) if is_of_products else definition.cards
    return [_part(part, given.get(str(index), []), named) for index, part in enumerate(parts)]


def _part(definition: Shape, sent: Sequence[Any], named: bool) -> JsonObject:
    body = given_as(find_component(sent, "body"))
    buttons = {find_text(each, "index"): given_as(each) for each in sent if kind_of(each) == "button"}
    return {
        "header": _header(definition, given_as(find_component(sent, "header")), named),
        "body": None if definition.body is None else _filled(definition.body, body, named),
        "footer": definition.footer,
        "buttons": [_button(each, buttons.get(str(index), [])) for index, each in enumerate(definition.buttons)],
    }


def _header(definition: Shape, given: Sequence[Any], named: bool) -> JsonObject | None:
    if definition.header_format is None:
        return None
    if definition.header_format == "TEXT":
        return {"type": "text", "text": _filled(definition.header or "", given, named)}
    kind = MEDIA.get(definition.header_format, definition.header_format.lower())
    return {"type": kind, kind: find_object(given[0], kind) if given else None}


def _button(button: Button, given: Sequence[Any]) -> JsonObject:
    shown: JsonObject = {"type": button.kind.lower(), "text": button.text}
    if button.url is not None:
        shown["url"] = _filled(button.url, given, False)
    if (number := find_text(button.source, "phone_number")) is not None:
        shown["phoneNumber"] = number
    for name in ("payload", "coupon_code"):
        if given and (value := find_text(given[0], name)) is not None:
            shown["payload" if name == "payload" else "code"] = value
    return shown


def _filled(text: str, given: Sequence[Any], named: bool) -> str:
    return fill(text, values_of(variables_of(text), named, given))
