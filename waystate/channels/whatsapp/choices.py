"""An offer as one of WhatsApp's interactive messages, where all of it fits; else it goes as text. Pure.

https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-reply-buttons-messages
https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/interactive-list-messages
"""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from pydantic import ValidationError

from waystate.channels.fields import find_object, find_text, is_visible
from waystate.channels.offers import Offer, Option, ids_of
from waystate.channels.whatsapp.outgoing import parse_whatsapp
from waystate.channels.whatsapp.parts import MAX_LABEL, MAX_TITLE
from waystate.documents import JsonObject

_PROMPT = "Please choose:"
_LIST_BUTTON = "Options"
_MAX_BUTTONS, _MAX_ROWS = 3, 10
_PICTURES = {"image": (".jpg", ".jpeg", ".png"), "video": (".mp4", ".3gp")}
"""Endings of what WhatsApp takes in a header: what its address does not promise goes as the address."""


def find_interactive(offer: Offer, *, may_be_interactive: bool = True) -> JsonObject | None:
    """The one place that decides: WhatsApp's `interactive` object, or None: numbered text. Nothing of the offer is left out.

    Groups take no interactive messages: there it is not `may_be_interactive`.
    """
    if not may_be_interactive or offer.is_apart:
        return None
    return next((made for made in _candidates(offer) if _is_taken(made)), None)


def find_chosen_id(kind: str, content: JsonObject) -> str | None:
    """What comes back of a tapped button or row, by the type and content of the customer's message."""
    if kind == "button":
        return find_text(content, "payload")
    reply = find_object(content, "button_reply") or find_object(content, "list_reply")
    return find_text(reply, "id") if kind == "interactive" else None


def _candidates(offer: Offer) -> Iterator[JsonObject]:
    """From what customers like best to what nearly always fits."""
    if len(offer.cards) > 1:
        yield from _carousel(offer)
    if offer.options and _are_distinct(offer.options):
        if len(offer.options) <= _MAX_BUTTONS and not any(each.description or each.section for each in offer.options):
            yield from _buttons(offer)
        if len(offer.options) <= _MAX_ROWS:
            yield _list(offer)
    if not offer.options and offer.link is not None and not offer.cards:
        yield from _link(offer)


def _is_taken(made: JsonObject) -> bool:
    try:
        parse_whatsapp("interactive", made)
    except ValidationError:
        return False
    return True


def _are_distinct(options: Sequence[Option]) -> bool:
    """Whether a customer can tell them apart."""
    return len({(each.section, each.title, each.description) for each in options}) == len(options)


def _buttons(offer: Offer) -> Iterator[JsonObject]:
    made: JsonObject = {"type": "button", "action": {"buttons": _reply_buttons(offer.options, ids_of(offer.options))}}
    if (header := _find_header(offer)) is not None:
        yield made | {"header": header, "body": _body(offer.lines, offer.picture)}
    yield made | {"body": _body(offer.lines)}


def _reply_buttons(options: Sequence[Option], ids: Sequence[str], type: str = "reply") -> list[JsonObject]:
    return [
        {"type": type, type: {"id": identifier, "title": option.title}} for option, identifier in zip(options, ids, strict=True)
    ]


def _list(offer: Offer) -> JsonObject:
    label = offer.button if offer.button is not None and len(offer.button) <= MAX_LABEL else _LIST_BUTTON
    sections: list[JsonObject] = []
    name: str | None = None
    for option, identifier in zip(offer.options, ids_of(offer.options), strict=True):
        if not sections or option.section != name:
            name = option.section
            sections.append({"rows": []} if name is None else {"title": name, "rows": []})
        sections[-1]["rows"].append(_row(option, identifier))
    return {"type": "list", "action": {"button": label, "sections": sections}, "body": _body(offer.lines)}


def _row(option: Option, identifier: str) -> JsonObject:
    """A title too long for its place stands whole in the description."""
    row: JsonObject = {"id": identifier, "title": option.title}
    if option.description is not None:
        row["description"] = option.description
    elif len(option.title) > MAX_TITLE:
        row |= {"title": option.title[: MAX_TITLE - 1] + "…", "description": option.title}
    return row


def _link(offer: Offer) -> Iterator[JsonObject]:
    link = offer.link
    assert link is not None
    written = f"{link.label}: {link.url}"
    made: JsonObject = {"type": "cta_url", "action": {"name": "cta_url", "parameters": _link_button(offer)}}
    if (header := _find_header(offer)) is not None:
        yield made | {"header": header, "body": _body(offer.lines, written, offer.picture, prompt=link.label)}
    yield made | {"body": _body(offer.lines, written, prompt=link.label)}


def _link_button(offer: Offer) -> JsonObject:
    return {} if offer.link is None else {"display_text": offer.link.label.strip(), "url": offer.link.url}


def _carousel(offer: Offer) -> Iterator[JsonObject]:
    """Cards that each show a picture and do the same kind of thing; what else is on one would be lost, so then it is none."""
    ids = iter(ids_of(offer.options))
    own = [line for card in offer.cards for line in card.lines]
    before = offer.lines[: len(offer.lines) - len(own)]
    cards: list[JsonObject] = []
    for place, card in enumerate(offer.cards):
        header = _find_header(card)
        links = [] if card.link is None else [f"{card.link.label}: {card.link.url}"]
        if header is None or bool(card.options) == bool(links) or list(offer.lines[len(before) :]) != own:
            return
        action: JsonObject = {"name": "cta_url", "parameters": _link_button(card)}
        if card.options:
            action = {"buttons": _reply_buttons(card.options, [next(ids) for _ in card.options], "quick_reply")}
        body = "\n".join(line for line in card.lines if line not in (card.picture, *links))
        said = {"body": {"text": body}} if body else {}
        cards.append({"card_index": place, "type": "cta_url", "header": header, "action": action} | said)
    if all(_are_distinct(card.options) for card in offer.cards):
        yield {"type": "carousel", "body": _body(before), "action": {"cards": cards}}


def _find_header(offer: Offer) -> JsonObject | None:
    if offer.picture is None or not offer.picture.startswith("https://"):
        return None
    path = urlsplit(offer.picture).path.casefold()
    return next(
        ({"type": kind, kind: {"link": offer.picture}} for kind, endings in _PICTURES.items() if path.endswith(endings)), None
    )


def _body(lines: Sequence[str], *elsewhere: str | None, prompt: str = _PROMPT) -> JsonObject:
    """All lines but those that stand elsewhere in the message."""
    text = "\n".join(line for line in lines if line not in elsewhere)
    return {"text": text if is_visible(text) else prompt}
