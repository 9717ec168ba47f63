"""Whether WhatsApp would take a template message, found out before it is sent. Pure.

Refused is what WhatsApp would certainly refuse (132000, 132001, 132005, 132012, 132015, 132016, 132018): what is not known
here, a type of parameter that came later or a template whose definition nobody has seen, is let through, and WhatsApp decides.

https://developers.facebook.com/docs/whatsapp/cloud-api/guides/send-message-templates
https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text
from waystate.clock import iso
from waystate.documents import JsonObject, shorten
from waystate.templates.buttons import LONGEST_CODE, check_buttons
from waystate.templates.definition import AUTHENTICATION, MEDIA, Shape, fill, is_named, read_definition, variables_of
from waystate.templates.model import Template, find_refusal, list_similar
from waystate.templates.parameters import check_texts, check_type, find_component, given_as, kind_of, values_of

_HEADER_LENGTH = 60
_BODY_LENGTH = 1024
_BODY_LENGTH_ALONE = 32_768
_MOST_CARDS = 10
_FIRST_MILLISECOND = 100_000_000_000
"""What is below was meant in seconds: in milliseconds it is before 1973."""
_PLACES = ("header", "body", "button", "carousel", "limited_time_offer")
_NEEDED = {
    "location": (("latitude", "longitude"), '{"latitude", "longitude", "name", "address"}'),
    "product": (("product_retailer_id", "catalog_id"), '{"productRetailerId", "catalogId"}'),
}
"""What a header shows → the fields without which it is refused, and how they are written."""
_FOR_A_MEDIUM = (("id", "link"), '{"id"} or {"link"}')
"""One of the two is enough."""
_NEEDS_NOTHING = frozenset({"footer", "buttons", "call_permission_request"})


def check(template: Template, components: Sequence[Any] | None) -> list[str]:
    """Why the template cannot be sent with these `components` (WhatsApp's, of a send), a sentence each; none: it can."""
    if (refusal := find_refusal(template)) is not None:
        return [refusal]
    if template.components is None:
        return []
    sent = [each for each in components or () if isinstance(each, dict)]
    if len(sent) < len(components or ()):
        return ["Each of `components` is an object with a `type` and its `parameters`."]
    definition = read_definition(template.components)
    named = is_named(template, definition)
    problems = _check_part(definition, sent, named, is_code=template.category == AUTHENTICATION)
    return problems + _check_offer(definition, sent) + _check_carousel(definition, sent, named)


def explain_unknown(
    name: str,
    language: str,
    names: Mapping[str, Sequence[str]],
    *,
    as_of: datetime | None = None,
    is_helped: bool = True,
) -> str:
    """Why a template that is not there cannot be sent. `names`: what the account has, with the languages of each.

    `as_of`: when the account was listed; None is now. `is_helped`: similar names are looked for, which takes milliseconds where
    an account has thousands.
    """
    called, when = shorten(name, 100), f" (as of {iso(as_of)})" if as_of is not None else ""
    if languages := names.get(name):
        said = shorten(language, 35)
        there = ", ".join(languages)
        return f"Template '{called}' is not there in '{said}'{when}, but in {there}: name one of these languages."
    similar = list_similar(name[:512], list(names)) if is_helped else []
    hint = f" Similar names: {', '.join(similar)}." if similar else ""
    return f"The business account has no template '{called}'{when}: correct the name, or create it in WhatsApp Manager.{hint}"


def _check_part(
    definition: Shape, sent: Sequence[JsonObject], named: bool, *, place: str = "", is_code: bool = False
) -> list[str]:
    """Of the template itself, or of one of its cards (`place`)."""
    problems = _check_places(definition, sent, place)
    header, body = (find_component(sent, each) for each in ("header", "body"))
    problems += _check_header(definition, header, named, _called(place, "header"))
    problems += _check_body(definition, body, named, _called(place, "body"), is_alone=definition == Shape(body=definition.body))
    buttons = [each for each in sent if kind_of(each) == "button"]
    code = find_text((given_as(body) or [None])[0], "text") if is_code else None
    if code is not None and len(code) > LONGEST_CODE:
        problems.append(f"{_called(place, 'body')}: a code has at most {LONGEST_CODE} characters.")
    return problems + check_buttons(definition.buttons, buttons, place, code=code)


def _check_places(definition: Shape, sent: Sequence[JsonObject], place: str) -> list[str]:
    problems: list[str] = []
    types = [kind_of(each) for each in sent]
    for kind in _PLACES:
        if kind != "button" and types.count(kind) > 1:
            problems.append(f"{_called(place, kind)}: it is given {types.count(kind)} times; give it once.")
    for each in sent:
        if kind_of(each) in _NEEDS_NOTHING and find_list(each, "parameters"):
            problems.append(f"{_called(place, kind_of(each))}: it takes no parameters; leave it out.")
    return problems


def _check_header(definition: Shape, sent: JsonObject | None, named: bool, place: str) -> list[str]:
    given = given_as(sent)
    if definition.header_format is None:
        return [f"{place}: the template has no header; leave it out."] if given else []
    if definition.header_format == "TEXT":
        if not definition.header:
            return []
        problems = check_texts(place, variables_of(definition.header), named, given)
        return problems or _check_length(place, definition.header, named, given, _HEADER_LENGTH)
    kind = MEDIA.get(definition.header_format)
    if kind is None:
        return []
    _, example = _NEEDED.get(kind, _FOR_A_MEDIUM)
    if len(given) != 1:
        return [f"{place}: one parameter of type {kind} is needed, with {example}; {_counted(given)} given."]
    return check_type(place, given[0], {kind}) or _check_whole(place, kind, find_object(given[0], kind))


def _check_whole(place: str, kind: str, shown: JsonObject | None) -> list[str]:
    needed, example = _NEEDED.get(kind, _FOR_A_MEDIUM)
    found = [find_text(shown, each) is not None for each in needed]
    is_whole = all(found) if kind in _NEEDED else any(found)
    return [] if is_whole else [f"{place}: the {kind} needs {example}."]


def _check_body(definition: Shape, sent: JsonObject | None, named: bool, place: str, *, is_alone: bool) -> list[str]:
    given = given_as(sent)
    if definition.body is None:
        # Of a template for codes a listing may leave the text out, which is WhatsApp's own.
        return []
    problems = check_texts(place, variables_of(definition.body), named, given)
    return problems or _check_length(place, definition.body, named, given, _BODY_LENGTH_ALONE if is_alone else _BODY_LENGTH)


def _check_length(place: str, text: str, named: bool, given: Sequence[Any], most: int) -> list[str]:
    length = len(fill(text, values_of(variables_of(text), named, given)))
    if length <= most or not given:
        return []
    return [f"{place}: with its parameters it has {length:,} characters, and WhatsApp takes {most:,}; shorten them."]


def _check_offer(definition: Shape, sent: Sequence[JsonObject]) -> list[str]:
    given = given_as(find_component(sent, "limited_time_offer"))
    if definition.offer is None:
        return ["Limited-time offer: the template has none; leave it out."] if given else []
    if definition.offer.get("has_expiration") is not True:
        return []
    ends = (find_object(given[0], "limited_time_offer") or {}).get("expiration_time_ms") if given else None
    if isinstance(ends, str) and ends.isascii() and ends.isdecimal():
        ends = int(ends[:18])
    if not isinstance(ends, int) or isinstance(ends, bool):
        return ["Limited-time offer: one parameter of type limited_time_offer is needed, with `expirationTimeMs`."]
    return [] if ends >= _FIRST_MILLISECOND else ["Limited-time offer: `expirationTimeMs` is in milliseconds, not in seconds."]


def _check_carousel(definition: Shape, sent: Sequence[JsonObject], named: bool) -> list[str]:
    carousel = find_component(sent, "carousel")
    cards = [each for each in find_list(carousel, "cards") or [] if isinstance(each, dict)]
    if not definition.cards:
        return ["Carousel: the template has none; leave it out."] if cards else []
    # Cards that show products are made of the first one, as many as there are products.
    is_of_products = definition.cards[0].header_format == "PRODUCT"
    if is_of_products and not 1 < len(cards) <= _MOST_CARDS:
        return [f"Carousel: 2 to {_MOST_CARDS} cards are needed, {_counted(cards)} given."]
    if not is_of_products and len(cards) != len(definition.cards):
        return [f"Carousel: {len(definition.cards)} cards are needed, {_counted(cards)} given."]
    places = [find_text(each, "card_index") for each in cards]
    if sorted(map(str, places)) != sorted(map(str, range(len(cards)))):
        return [f"Carousel: give each card its `cardIndex`, 0 to {len(cards) - 1}, once."]
    problems: list[str] = []
    for card in sorted(cards, key=lambda each: int(each["card_index"])):
        index = int(card["card_index"])
        inner = [each for each in find_list(card, "components") or [] if isinstance(each, dict)]
        part = definition.cards[0 if is_of_products else index]
        problems += _check_part(part, inner, named, place=f"Card {index + 1}, ")
    return problems


def _called(place: str, kind: str) -> str:
    words = kind.replace("_", " ")
    return f"{place}{words}" if place else words.capitalize()


def _counted(given: Sequence[Any]) -> str:
    return f"{len(given)} {'is' if len(given) == 1 else 'are'}"
