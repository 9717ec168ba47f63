"""What an agent reads of a customer's WhatsApp message, and what flows get of it as attributes. Pure.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, find_visible, is_visible
from waystate.channels.whatsapp.content import MEDIA_TYPES, content_of, type_of
from waystate.documents import JsonObject, Unreadable, dump, parse, shorten

_FORM_LIMIT = 1000
_QUOTE_LIMIT = 120
_LONGEST_LINE = 65_536
"""Characters, as many as a customer can write into one message of WhatsApp."""
_DETAIL_LIMIT = 8_000
_NUMBER_LIMIT, _NAME_LIMIT = 40, 200
"""Characters of a number, a currency and the id of a product."""
_LONGEST_TOTAL, _LONGEST_FRACTION = 15, 20  # digits
_LISTED = 50
"""Products of an order and people of a contact card that a line names one by one."""
_ATTRIBUTE_LIMIT = 2000
"""Characters of an attribute: a longer document would reach a flow torn, so it is left out."""
_MARKS = str.maketrans("", "", "\u200e\u200f")
_MAP = "https://www.google.com/maps/search/?api=1&query="  # https://developers.google.com/maps/documentation/urls/get-started
_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,20})?(e-?\d{1,2})?")
_ANSWERS = frozenset({"interactive", "button"})
"""Chosen of what was offered: a flow compares the line with its options, so it stands alone; attributes tell the question."""
_LABELS = {"voice": "voice message"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a message: `about` is its metadata (context, referral, …), `quoted` what it replies to, if known.

    `phone_reply`: what the business wrote to the customer since their last message, in WhatsApp's app on a phone.
    """

    about: JsonObject = field(default_factory=dict)
    quoted: str | None = None
    phone_reply: str | None = None


def line_of(kind: str, content: JsonObject, about: JsonObject | None = None) -> str:
    """What the customer wrote (a text, a caption, the title of a button or row), else what came, in brackets; never empty."""
    if kind in MEDIA_TYPES:
        return shorten(find_visible(content, "caption") or _label(kind, content), _LONGEST_LINE)
    made = _LINES[kind](content) if kind in _LINES else None
    line = made if made is not None and is_visible(made) else _unsupported(kind, content, about or {})
    return shorten(line, _LONGEST_LINE)


def words_of(kind: str, text: str | None, content: JsonObject, media: JsonObject | None) -> str:
    """The line of a message whichever way it came: with the name of a file that is not passed on before its caption."""
    is_said = text is not None and is_visible(text)
    if kind in MEDIA_TYPES or media is not None:
        label = _label(kind if kind in MEDIA_TYPES else "file", (media or {}) | content)
        caption = text if is_said else find_text(content, "caption")
        if caption is None or not is_visible(caption):
            return label
        return shorten(caption if caption.startswith(label) else f"{label} {caption}", _LONGEST_LINE)
    return shorten(text, _LONGEST_LINE) if text is not None and is_said else line_of(kind, content)


def agents_text(
    kind: str, text: str | None, content: JsonObject, media: JsonObject | None, surroundings: Surroundings | None = None
) -> str:
    """All that Genesys gets as text: the line, before it what it replies to, behind it the ad or product that it came from."""
    around = surroundings or Surroundings()
    before = () if kind in _ANSWERS else _before(around)
    parts = [*before, words_of(kind, text, content, media), *_behind(around.about)]
    return "\n".join(parts)


def quote_of(kind: str, text: str | None, content: JsonObject, media: JsonObject | None) -> str:
    """A message in short, on one line, for the line of another that replies to it."""
    return shorten(" ".join(words_of(kind, text, content, media).split()), _QUOTE_LIMIT)


def find_reference(content: JsonObject, about: JsonObject) -> str | None:
    """The wamid of the message that this one replies to, reacts to, edits or deletes."""
    said = find_text(find_object(about, "context"), "id")
    return said or find_text(content, "message_id") or find_text(content, "original_message_id")


def attributes_of(
    kind: str, content: JsonObject, media: JsonObject | None, surroundings: Surroundings | None = None
) -> dict[str, str]:
    """What flows need of a message beyond its line, by the names of docs/reference/agents-view.md; without what is absent."""
    found: dict[str, str | None] = {"whatsapp_message_type": kind}
    if kind in _ATTRIBUTES:
        found |= _ATTRIBUTES[kind](content)
    if kind in MEDIA_TYPES or media is not None:
        file = (media or {}) | content
        found |= {f"whatsapp_media_{name}": find_text(file, name) for name in ("id", "mime_type", "filename")}
    around = surroundings or Surroundings()
    referral = find_object(around.about, "referral")
    product = find_object(find_object(around.about, "context"), "referred_product")
    found["whatsapp_reply_to"] = find_reference(content, around.about)
    found["whatsapp_reply_to_text"] = around.quoted
    found["whatsapp_phone_app_reply"] = around.phone_reply
    found["whatsapp_product_id"] = find_text(product, "product_retailer_id")
    found["whatsapp_product_catalog_id"] = find_text(product, "catalog_id")
    for name in ("source_type", "source_id", "source_url", "headline", "ctwa_clid"):
        found[f"whatsapp_referral_{name}"] = find_text(referral, name)
    return {name: value for name, value in found.items() if value and len(value) <= _ATTRIBUTE_LIMIT}


def _before(around: Surroundings) -> Iterator[str]:
    context = find_object(around.about, "context")
    if context is not None and (context.get("forwarded") is True or context.get("frequently_forwarded") is True):
        yield "[forwarded]"
    if around.quoted is not None:
        yield f"[in reply to: {around.quoted}]"
    elif find_text(context, "id") is not None:
        yield "[in reply to an earlier message]"


def _behind(about: JsonObject) -> Iterator[str]:
    product = find_object(find_object(about, "context"), "referred_product")
    if product is not None:
        yield _bracket("about product", [find_text(product, "product_retailer_id"), _in_catalog(product)])
    referral = find_object(about, "referral")
    if referral is not None:
        headline = find_text(referral, "headline") or find_text(referral, "body")
        label = f"came from {'a post' if find_text(referral, 'source_type') == 'post' else 'an ad'}"
        yield _bracket(label, [shorten(headline, _QUOTE_LIMIT) if headline else None, find_text(referral, "source_url")])


def _in_catalog(product: JsonObject) -> str | None:
    catalog = find_text(product, "catalog_id")
    return f"catalog {catalog}" if catalog else None


def _label(kind: str, file: JsonObject) -> str:
    name = "voice" if file.get("voice") is True else kind
    return _bracket(_LABELS.get(name, name), [find_text(file, "filename")])


def _text(content: JsonObject) -> str:
    return find_visible(content, "body", "text") or "[empty message]"


def _button(content: JsonObject) -> str:
    return find_visible(content, "text", "payload") or "[button]"


def _location(content: JsonObject) -> str:
    place = _join([find_text(content, "name"), find_text(content, "address")])
    spot = [each for key in ("latitude", "longitude") if (each := _degrees(find_text(content, key)))]
    where = ", ".join(spot)
    line = _bracket("location", [f"{place} ({where})" if place and where else place or where])
    links = [_MAP + ",".join(spot) if len(spot) == 2 else None, find_text(content, "url")]
    return " ".join([line, *(link for link in links if link)])


def _degrees(number: str | None) -> str | None:
    """Only what is a number may be part of a link."""
    return number if number is not None and _NUMBER.fullmatch(number) else None


def _contacts(content: JsonObject) -> str:
    people = [_person(entry) for entry in find_list(content, "contacts") or []]
    named = [person for person in people if person]
    more = [f"and {len(named) - _LISTED} more"] if len(named) > _LISTED else []
    return _bracket("contacts" if len(named) > 1 else "contact", ["; ".join(named[:_LISTED] + more)])


def _person(entry: Any) -> str:
    """Name, company, phones, e-mail, addresses on the web and on earth, as far as the card has them."""
    name, org = find_object(entry, "name"), find_object(entry, "org")
    whole = " ".join(part for key in ("first_name", "middle_name", "last_name") if (part := find_text(name, key)))
    parts: list[str | None] = [find_text(name, "formatted_name") or whole]
    parts += [find_text(org, "title"), find_text(org, "department"), find_text(org, "company")]
    parts += [find_text(phone, "phone") or find_text(phone, "wa_id") for phone in find_list(entry, "phones") or []]
    parts += [find_text(email, "email") for email in find_list(entry, "emails") or []]
    parts += [find_text(url, "url") for url in find_list(entry, "urls") or []]
    for address in find_list(entry, "addresses") or []:
        parts += [find_text(address, key) for key in ("street", "zip", "city", "state", "country")]
    return _join(parts)


def _interactive(content: JsonObject) -> str | None:
    kind = find_text(content, "type") or ""
    reply = find_object(content, kind)
    match kind:
        case "button_reply" | "list_reply":
            return _chosen(reply)
        case "nfm_reply":
            return _form(reply)
        case "call_permission_reply":
            return _bracket("call permission", [find_text(reply, "response")])
    return None


def _chosen(reply: JsonObject | None) -> str | None:
    """The title; the description where that is the whole of a title that was cut to fit a row."""
    title, description = find_text(reply, "title"), find_text(reply, "description")
    if title is not None and description is not None and title.endswith("…") and description.startswith(title[:-1]):
        return description
    return find_visible(reply, "title", "id")


def _form(reply: JsonObject | None) -> str:
    """The answers a customer gave in a flow: `response_json` is JSON inside a string, and may be anything."""
    try:
        answers = parse((find_text(reply, "response_json") or "").encode("utf-8", "replace"))
    except Unreadable:
        answers = None
    given = [f"{key}: {value}" for key, value in _answers(answers)]
    return _bracket("form", [shorten(_join(given), _FORM_LIMIT) or find_text(reply, "body")])


def _answers(answers: Any) -> Iterator[tuple[str, str]]:
    """The fields by their own names, those of a group (an address) one by one."""
    for key, value in answers.items() if isinstance(answers, dict) else ():
        if key == "flow_token":
            continue
        if isinstance(value, dict):
            yield from _answers(value)
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            yield key, ", ".join(value)
        else:
            yield key, value if isinstance(value, str) else dump(value)


def _reaction(content: JsonObject) -> str:
    emoji = find_text(content, "emoji")
    return f"[reaction {emoji}]" if emoji else "[reaction removed]"


def _order(content: JsonObject) -> str:
    products = find_list(content, "product_items") or []
    count, total = len(products), _total(products)
    line = f"[order: {count} item{'' if count == 1 else 's'}{f', {total}' if total else ''}]"
    note = find_visible(content, "text")
    lines = [f"{line} {note}" if note else line]
    lines += [each for product in products[:_LISTED] if (each := _product(product))]
    return "\n".join([*lines, f"and {count - _LISTED} more"] if count > _LISTED else lines)


def _product(product: Any) -> str | None:
    """A price is shown as it came, for an absurd one would be told wrong or at any length in digits."""
    name = shorten(find_text(product, "product_retailer_id") or "", _NAME_LIMIT)
    quantity, price, currency = (
        shorten(find_text(product, key) or "", _NUMBER_LIMIT) for key in ("quantity", "item_price", "currency")
    )
    what = f"{quantity or '?'} × {name or 'a product without id'}"
    cost = " ".join(part for part in (price, currency) if part)
    return (f"{what}, {cost} each" if price else what) if name or quantity or price else None


def _total(products: Iterable[Any]) -> str | None:
    """What all cost together, where each says its price in figures of usual size and all say one currency."""
    total, currencies = Decimal(0), set()
    try:
        for product in products:
            total += _number(product, "quantity") * _number(product, "item_price")
            currencies.add(find_text(product, "currency"))
    except ArithmeticError:
        return None
    currency = currencies.pop() if len(currencies) == 1 else None
    return f"{total.normalize():f} {shorten(currency, _NUMBER_LIMIT)}" if currency and _is_usual(total) else None


def _number(product: Any, key: str) -> Decimal:
    """`InvalidOperation` of what is no number, or too long or too far from 1 to be written out."""
    text = find_text(product, key) or ""
    number = Decimal(text) if len(text) <= _NUMBER_LIMIT else Decimal("NaN")
    if not _is_usual(number):
        raise InvalidOperation
    return number


def _is_usual(number: Decimal) -> bool:
    return number.is_finite() and -_LONGEST_FRACTION < number.adjusted() < _LONGEST_TOTAL


def _system(content: JsonObject) -> str:
    """The body carries direction marks in real traffic."""
    body = (find_text(content, "body") or "").translate(_MARKS).strip()
    return _bracket("system", [body or find_text(content, "type")])


def _edit(content: JsonObject) -> str:
    inner = find_object(content, "message")
    if inner is None:
        return "[edited]"
    kind = type_of(inner)
    return "[edited]" if kind == "edit" else f"[edited] {words_of(kind, None, content_of(inner, kind), None)}"


def _unsupported(kind: str, content: JsonObject, about: JsonObject) -> str:
    """WhatsApp's word for what it does not pass on, or its explanation; of a type that is new to us its name."""
    word = find_text(content, "type") or find_text(content, "unsupported")
    if kind in ("unsupported", "unknown"):
        (error, *_) = find_list(about, "errors") or find_list(content, "errors") or [None]
        details = find_text(find_object(error, "error_data"), "details") or find_text(error, "details")
        why = word or details or find_text(error, "title") or ""
    else:
        why = _join([kind, word])
    return f"[unsupported message] {why}".rstrip()


def _bracket(label: str, parts: Iterable[str | None]) -> str:
    detail = shorten(_join(parts), _DETAIL_LIMIT)
    return f"[{label}: {detail}]" if detail else f"[{label}]"


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if is_visible(part) and part)


def _of_button(content: JsonObject) -> dict[str, str | None]:
    return {"whatsapp_payload": find_text(content, "payload")}


def _of_interactive(content: JsonObject) -> dict[str, str | None]:
    kind = find_text(content, "type") or ""
    reply = find_object(content, kind)
    return {
        "whatsapp_payload": find_text(reply, "id"),
        "whatsapp_row_description": find_text(reply, "description"),
        "whatsapp_form": find_text(reply, "name") if kind == "nfm_reply" else None,
        "whatsapp_form_response": find_text(reply, "response_json"),
    }


def _of_order(content: JsonObject) -> dict[str, str | None]:
    products = find_list(content, "product_items")
    return {
        "whatsapp_order_catalog_id": find_text(content, "catalog_id"),
        "whatsapp_order_items": dump(products) if products else None,
    }


def _of_location(content: JsonObject) -> dict[str, str | None]:
    return {f"whatsapp_location_{name}": find_text(content, name) for name in ("latitude", "longitude")}


def _of_contacts(content: JsonObject) -> dict[str, str | None]:
    """Of the first card: who shares several shares them for the agent to read."""
    card = next(iter(find_list(content, "contacts") or []), None)
    phone, email = (next(iter(find_list(card, name) or []), None) for name in ("phones", "emails"))
    return {
        "whatsapp_contact_phone": find_text(phone, "wa_id") or find_text(phone, "phone"),
        "whatsapp_contact_email": find_text(email, "email"),
        "whatsapp_contact_company": find_text(find_object(card, "org"), "company"),
    }


_LINES: dict[str, Callable[[JsonObject], str | None]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "reaction": _reaction,
    "order": _order,
    "system": _system,
    "edit": _edit,
    "revoke": lambda _: "[message deleted]",
    "request_welcome": lambda _: "[chat opened]",
}
_ATTRIBUTES: dict[str, Callable[[JsonObject], dict[str, str | None]]] = {
    "location": _of_location,
    "contacts": _of_contacts,
    "interactive": _of_interactive,
    "button": _of_button,
    "order": _of_order,
}
