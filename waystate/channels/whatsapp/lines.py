"""What a reader sees of a customer's message: the line that an agent reads, a preview, and what flows get as attributes. Pure.

The third rendering, the structure that the API shows, is that of the models: `incoming.structure_of`.
https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/reference/messages
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text, is_visible
from waystate.channels.offers import ChosenOption
from waystate.channels.whatsapp.content import MEDIA_TYPES, find_media
from waystate.channels.whatsapp.incoming import (
    FILES,
    ButtonReply,
    CallPermission,
    ContactCard,
    Contacts,
    Context,
    File,
    FormReply,
    IncomingContent,
    ListReply,
    Location,
    MessageEdit,
    MessageRevoke,
    Order,
    OrderedProduct,
    QuickReply,
    Reaction,
    RequestWelcome,
    System,
    Text,
    Unsupported,
    answers_of,
    edited,
    read,
    read_context,
    read_referral,
)
from waystate.documents import JsonObject, dump, in_one_line, shorten
from waystate.messages.model import TAKEN_BACK, Amendment

_FORM_LIMIT = 1000
_PREVIEW_LIMIT = 120
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
_TOLD = _ANSWERS | {"location", "contacts", "order"}
"""Of these flows get more than the line."""
AMENDING = frozenset({"reaction", "edit", "revoke"})
"""Types of messages that change another one."""
_LABELS = {"voice": "voice message"}


@dataclass(frozen=True, slots=True)
class SpokenInGroup:
    """A WhatsApp group that a message was written in, and who of it wrote: their name and their id, as far as each is known.

    `contact_id` is whom Waystate knows them as.
    """

    group_id: str
    name: str | None = None
    writer_id: str | None = None
    contact_id: str | None = None

    @property
    def who(self) -> str:
        """One line, for people."""
        named = " ".join(shorten(self.name or "", _NAME_LIMIT).split())
        return named if is_visible(named) else self.writer_id or "somebody"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands around a message: `about` is its metadata (context, referral, …), `quoted` what it replies to, if known.

    `phone_reply`: what the business wrote to the customer since their last message, in WhatsApp's app on a phone. `group`:
    where it was written, if it was in a group. `answer`: what it chooses of an offer. `tags` and `language` are known of the
    contact.
    """

    about: JsonObject = field(default_factory=dict)
    quoted: str | None = None
    phone_reply: str | None = None
    group: SpokenInGroup | None = None
    answer: ChosenOption | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None


def line_of(kind: str, content: JsonObject, about: JsonObject | None = None) -> str:
    """What the customer wrote (a text, a caption, the title of a button or row), else what came, in brackets; never empty."""
    # Nine of ten messages, and what the model would take as it is.
    if kind == "text" and isinstance(body := content.get("body"), str) and is_visible(body):
        return shorten(body, _LONGEST_LINE)
    return _line(read(kind, content, about))


def words_of(kind: str, text: str | None, content: JsonObject, media: JsonObject | None) -> str:
    """The line of a message whichever way it came: with the name of a file that is not passed on before its caption."""
    is_said = text is not None and is_visible(text)
    if kind in MEDIA_TYPES or media is not None:
        file = (media or {}) | content
        label = _label(
            "voice" if file.get("voice") is True else kind if kind in MEDIA_TYPES else "file", find_text(file, "filename")
        )
        caption = text if is_said else find_text(content, "caption")
        if caption is None or not is_visible(caption):
            return label
        return shorten(caption if caption.startswith(label) else f"{label} {caption}", _LONGEST_LINE)
    return shorten(text, _LONGEST_LINE) if text is not None and is_said else line_of(kind, content)


def agents_text(
    kind: str, text: str | None, content: JsonObject, media: JsonObject | None, surroundings: Surroundings | None = None
) -> str:
    """All that Genesys gets as text: the line, before it what it replies to, behind it the ad or product that it came from.

    What was written in a group begins with who wrote.
    """
    around = surroundings or Surroundings()
    context = read_context(around.about)
    before = () if kind in _ANSWERS else _before(context, around.quoted)
    parts = [*before, words_of(kind, text, content, media), *_behind(context, around.about)]
    said = "\n".join(parts)
    return said if around.group is None or kind in _ANSWERS else shorten(f"{around.group.who}: {said}", _LONGEST_LINE)


def preview_of(kind: str, text: str | None, content: JsonObject, media: JsonObject | None) -> str:
    """A message in short, on one line: for lists, and for the line of another that replies to it."""
    words = words_of(kind, text, content, media)
    return shorten(" ".join(words[: _PREVIEW_LIMIT * 9].split()), _PREVIEW_LIMIT)


def find_reference(content: JsonObject, about: JsonObject) -> str | None:
    """The wamid of the message that this one replies to, reacts to, edits or deletes."""
    said = find_text(find_object(about, "context"), "id")
    return said or find_text(content, "message_id") or find_text(content, "original_message_id")


def amendment_of(kind: str, content: JsonObject) -> Amendment | None:
    """What a message of one of the types `AMENDING` does to another; None where it names none, or does not say what."""
    said = read(kind, content)
    if not isinstance(said, Reaction | MessageEdit | MessageRevoke) or not said.message_id:
        return None
    match said:
        case Reaction():
            return Amendment(wamid=said.message_id, kind="reaction", emoji=said.emoji or None)
        case MessageRevoke():
            return Amendment(wamid=said.message_id, kind="revoke", text=line_of(kind, content))
    inner = edited(said)
    if inner is None:
        return None
    type, now = inner
    return Amendment(
        wamid=said.message_id, kind="edit", type=type, text=line_of(type, now), content=now, media=find_media(type, now)
    )


def attributes_of(
    kind: str, content: JsonObject, media: JsonObject | None, surroundings: Surroundings | None = None
) -> dict[str, str]:
    """What flows need of a message beyond its line, by the names of docs/reference/agents-view.md; without what is absent."""
    found: dict[str, str | None] = {"whatsapp_message_type": kind}
    if kind in _TOLD:
        found |= _attributes(read(kind, content), content)
    if kind in MEDIA_TYPES or media is not None:
        file = (media or {}) | content
        found |= {f"whatsapp_media_{name}": find_text(file, name) for name in ("id", "mime_type", "filename")}
    around = surroundings or Surroundings()
    found["whatsapp_reply_to"] = find_reference(content, around.about)
    found["whatsapp_reply_to_text"] = around.quoted
    found["whatsapp_phone_app_reply"] = around.phone_reply
    if (group := around.group) is not None:
        found["whatsapp_group_id"] = group.group_id
        found |= {"whatsapp_group_writer_name": group.name, "whatsapp_group_writer_id": group.writer_id}
        found["whatsapp_group_writer_contact_id"] = group.contact_id
    if around.answer is not None:
        found["whatsapp_payload"] = around.answer.option.payload
    found |= {"waystate_contact_tags": _tags(around.tags), "waystate_contact_language": around.language}
    context, referral = read_context(around.about), read_referral(around.about)
    if context is not None and context.referred_product is not None:
        found["whatsapp_product_id"] = context.referred_product.product_retailer_id
        found["whatsapp_product_catalog_id"] = context.referred_product.catalog_id
    if referral is not None:
        for name in ("source_type", "source_id", "source_url", "headline", "ctwa_clid"):
            found[f"whatsapp_referral_{name}"] = getattr(referral, name)
    return {name: value for name, value in found.items() if value and len(value) <= _ATTRIBUTE_LIMIT}


def _tags(tags: Iterable[str]) -> str | None:
    """As many as an attribute holds, each whole."""
    listed = ""
    for tag in tags:
        longer = f"{listed}, {tag}" if listed else tag
        if len(longer) > _ATTRIBUTE_LIMIT:
            break
        listed = longer
    return listed or None


def _before(context: Context | None, quoted: str | None) -> Iterator[str]:
    if context is not None and (context.forwarded or context.frequently_forwarded):
        yield "[forwarded]"
    if quoted is not None:
        yield f"[in reply to: {quoted}]"
    elif context is not None and context.id:
        yield "[in reply to an earlier message]"


def _behind(context: Context | None, about: JsonObject) -> Iterator[str]:
    product = context.referred_product if context is not None else None
    if product is not None:
        catalog = f"catalog {product.catalog_id}" if product.catalog_id else None
        yield _bracket("about product", [product.product_retailer_id, catalog])
    referral = read_referral(about)
    if referral is not None:
        headline = referral.headline or referral.body
        label = f"came from {'a post' if referral.source_type == 'post' else 'an ad'}"
        yield _bracket(label, [shorten(headline, _PREVIEW_LIMIT) if headline else None, referral.source_url])


def _line(content: IncomingContent) -> str:
    made = _LINES[type(content)](content)
    return shorten(made if is_visible(made) else f"[{content.type}]", _LONGEST_LINE)


def _first_visible(*texts: str | None) -> str | None:
    return next((each for each in texts if is_visible(each)), None)


def _file(file: File) -> str:
    label = "voice" if file.voice is True else file.type
    return _first_visible(file.caption) or _label(label, file.filename)


def _label(name: str, filename: str | None) -> str:
    return _bracket(_LABELS.get(name, name), [filename])


def _text(text: Text) -> str:
    return _first_visible(text.body) or "[empty message]"


def _button(button: QuickReply) -> str:
    return _first_visible(button.text, button.payload) or "[button]"


def _location(location: Location) -> str:
    place = _join([location.name, location.address])
    spot = [each for number in (location.latitude, location.longitude) if (each := _degrees(number))]
    where = ", ".join(spot)
    line = _bracket("location", [f"{place} ({where})" if place and where else place or where])
    links = [_MAP + ",".join(spot) if len(spot) == 2 else None, location.url]
    return " ".join([line, *(link for link in links if link)])


def _degrees(number: int | float | None) -> str | None:
    """Only what is a usual number may be part of a link."""
    written = str(number) if number is not None else ""
    return written if _NUMBER.fullmatch(written) else None


def _contacts(content: Contacts) -> str:
    named = [person for card in content.contacts if (person := _person(card))]
    more = [f"and {len(named) - _LISTED} more"] if len(named) > _LISTED else []
    return _bracket("contacts" if len(named) > 1 else "contact", ["; ".join(named[:_LISTED] + more)])


def _person(card: ContactCard) -> str:
    """Name, company, phones, e-mail, addresses on the web and on earth, as far as the card has them."""
    parts: list[str | None] = []
    if (name := card.name) is not None:
        parts.append(
            name.formatted_name or " ".join(each for each in (name.first_name, name.middle_name, name.last_name) if each)
        )
    if card.org is not None:
        parts += [card.org.title, card.org.department, card.org.company]
    parts += [phone.phone or phone.wa_id for phone in card.phones]
    parts += [email.email for email in card.emails]
    parts += [page.url for page in card.urls]
    for address in card.addresses:
        parts += [address.street, address.zip, address.city, address.state, address.country]
    return _join(parts)


def _chosen_button(reply: ButtonReply) -> str:
    return _first_visible(reply.title, reply.id) or "[button]"


def _chosen_row(reply: ListReply) -> str:
    """The title; the description where that is the whole of a title that was cut to fit a row."""
    title, description = reply.title, reply.description
    if title and description and title.endswith("…") and description.startswith(title[:-1]):
        return description
    return _first_visible(title, reply.id) or "[row]"


def _form(reply: FormReply) -> str:
    """The answers a customer gave in a flow."""
    given = [f"{key}: {value}" for key, value in _answers(answers_of(reply))]
    return _bracket("form", [shorten(_join(given), _FORM_LIMIT) or reply.body])


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


def _permission(reply: CallPermission) -> str:
    return _bracket("call permission", [reply.response])


def _reaction(reaction: Reaction) -> str:
    return f"[reaction {reaction.emoji}]" if reaction.emoji else "[reaction removed]"


def _order(order: Order) -> str:
    products = order.product_items
    count, total = len(products), _total(products)
    line = f"[order: {count} item{'' if count == 1 else 's'}{f', {total}' if total else ''}]"
    note = _first_visible(order.text)
    lines = [f"{line} {note}" if note else line]
    lines += [each for product in products[:_LISTED] if (each := _product(product))]
    return "\n".join([*lines, f"and {count - _LISTED} more"] if count > _LISTED else lines)


def _product(product: OrderedProduct) -> str | None:
    """A price is shown as it came, for an absurd one would be told wrong or at any length in digits."""
    name = shorten(product.product_retailer_id or "", _NAME_LIMIT)
    quantity, price, currency = (
        shorten(each or "", _NUMBER_LIMIT) for each in (product.quantity, product.item_price, product.currency)
    )
    what = f"{quantity or '?'} × {name or 'a product without id'}"
    cost = " ".join(part for part in (price, currency) if part)
    return (f"{what}, {cost} each" if price else what) if name or quantity or price else None


def _total(products: Iterable[OrderedProduct]) -> str | None:
    """What all cost together, where each says its price in figures of usual size and all say one currency."""
    total, currencies = Decimal(0), set()
    try:
        for product in products:
            total += _number(product.quantity) * _number(product.item_price)
            currencies.add(product.currency)
    except ArithmeticError:
        return None
    currency = currencies.pop() if len(currencies) == 1 else None
    return f"{total.normalize():f} {shorten(currency, _NUMBER_LIMIT)}" if currency and _is_usual(total) else None


def _number(text: str | None) -> Decimal:
    """`InvalidOperation` of what is no number, or too long or too far from 1 to be written out."""
    number = Decimal(text or "") if len(text or "") <= _NUMBER_LIMIT else Decimal("NaN")
    if not _is_usual(number):
        raise InvalidOperation
    return number


def _is_usual(number: Decimal) -> bool:
    return number.is_finite() and -_LONGEST_FRACTION < number.adjusted() < _LONGEST_TOTAL


def _system(system: System) -> str:
    """The body carries direction marks in real traffic."""
    body = (system.body or "").translate(_MARKS).strip()
    return _bracket("system", [body or system.subtype])


def _edit(edit: MessageEdit) -> str:
    inner = edited(edit)
    return "[edited]" if inner is None else f"[edited] {words_of(inner[0], None, inner[1], None)}"


def _unsupported(content: Unsupported) -> str:
    """WhatsApp's word for what it does not pass on, or its explanation; of a type that is new to us its name."""
    why = content.subtype or content.detail or "" if content.is_whatsapps else _join([content.subtype, content.detail])
    return f"[unsupported message] {why}".rstrip()


def _bracket(label: str, parts: Iterable[str | None]) -> str:
    """In one line, read from where it begins: a name like "\u202efdp.exe" is not to look like another file's."""
    detail = shorten(in_one_line(_join(parts)), _DETAIL_LIMIT)
    return f"[{label}: {detail}]" if detail else f"[{label}]"


def _join(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if is_visible(part) and part)


def _attributes(model: IncomingContent, content: JsonObject) -> dict[str, str | None]:
    match model:
        case QuickReply():
            return {"whatsapp_payload": model.payload}
        case ButtonReply():
            return {"whatsapp_payload": model.id}
        case ListReply():
            return {"whatsapp_payload": model.id, "whatsapp_row_description": model.description}
        case FormReply():
            return {"whatsapp_form": model.name, "whatsapp_form_response": model.response_json}
        case Location():
            spot = {"latitude": model.latitude, "longitude": model.longitude}
            return {f"whatsapp_location_{name}": None if each is None else str(each) for name, each in spot.items()}
        case Contacts():
            return _of_first_card(model)
        case Order():
            products = find_list(content, "product_items")
            return {
                "whatsapp_order_catalog_id": model.catalog_id,
                "whatsapp_order_items": dump(products) if products else None,
            }
    return {}


def _of_first_card(contacts: Contacts) -> dict[str, str | None]:
    """Who shares several shares them for the agent to read."""
    card = contacts.contacts[0] if contacts.contacts else ContactCard()
    phone, email = next(iter(card.phones), None), next(iter(card.emails), None)
    return {
        "whatsapp_contact_phone": (phone.wa_id or phone.phone) if phone is not None else None,
        "whatsapp_contact_email": email.email if email is not None else None,
        "whatsapp_contact_company": card.org.company if card.org is not None else None,
    }


_LINES: dict[type[IncomingContent], Callable[[Any], str]] = {
    Text: _text,
    **dict.fromkeys(FILES, _file),
    Location: _location,
    Contacts: _contacts,
    QuickReply: _button,
    ButtonReply: _chosen_button,
    ListReply: _chosen_row,
    FormReply: _form,
    CallPermission: _permission,
    Reaction: _reaction,
    Order: _order,
    System: _system,
    MessageEdit: _edit,
    MessageRevoke: lambda _: TAKEN_BACK,
    RequestWelcome: lambda _: "[chat opened]",
    Unsupported: _unsupported,
}
