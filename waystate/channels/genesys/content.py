"""The content items of a Genesys Cloud message: attachments, and structured content written out as text.

https://developer.genesys.cloud/commdigital/digital/openmessaging/outboundMessages
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from waystate.channels.fields import find_list, find_object, find_text, find_visible, is_visible
from waystate.channels.offers import Link, Offer, Option, OptionKind
from waystate.documents import JsonObject, shorten

_TYPES = {"image": "image", "video": "video", "audio": "audio", "file": "document"}
_MEDIA_FIELDS = {"id": "id", "url": "url", "mime": "mime_type", "filename": "filename", "contentSizeBytes": "size"}
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s][^{}]*?)\s*\}\}")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NAME = 60
"""Characters of a name of the agent's in a sentence of ours."""


@dataclass(frozen=True, slots=True)
class ContentLine:
    """A line of a text, and what it is: an `option`, what a list shows beside one (`row`) or cannot show there (`apart`)."""

    text: str
    part: Literal["text", "option", "row", "apart", "picture", "link", "button"] = "text"
    option: Option | None = None
    link: Link | None = None


Lines = Iterator[ContentLine]


class Unshowable(Exception):
    """What of a message a customer on WhatsApp could not see, as a sentence for the agent."""


def attachments_of(content: list[Any]) -> list[JsonObject]:
    found = (find_object(item, "attachment") for item in content)
    return [attachment for attachment in found if attachment is not None]


def media_of(attachment: JsonObject) -> JsonObject:
    """The attachment in the words of our messages; its URL is temporary."""
    media = {ours: attachment[theirs] for theirs, ours in _MEDIA_FIELDS.items() if attachment.get(theirs) is not None}
    return media | {"type": media_type_of(attachment)}


def files_of(attachments: list[JsonObject]) -> tuple[JsonObject, ...]:
    """Those that are files, and no links; each can be loaded from its address."""
    return tuple(media for media in map(media_of, attachments) if media["type"] != "link" and find_text(media, "url"))


def without_addresses(text: str, files: Sequence[JsonObject]) -> str | None:
    """The lines of a message (`text_of`) without those of its files' addresses."""
    addresses = {file["url"] for file in files}
    return "\n".join(line for line in text.split("\n") if line not in addresses) or None


def media_type_of(attachment: JsonObject) -> str:
    return _TYPES.get((find_text(attachment, "mediaType") or "").casefold(), "link")


def parts_of(document: JsonObject) -> tuple[str | None, list[Any]]:
    """Text and content of a message. `Unshowable` where one of them has another shape, for it would be left out unseen."""
    content = document.get("content")
    if content and not isinstance(content, list):
        raise _misshapen("content")
    return _text(document, "text"), content or []


def text_of(text: str | None, content: list[Any]) -> str:
    """Everything a reader needs as lines: the text, addresses of attachments, structured content with numbered options.

    `Unshowable` when a part of it cannot be shown: the customer gets all of a message or nothing.
    """
    said = _said(text if is_visible(text) else None, content)
    found = [line for item in content for line in _lines_of(item, said)]
    lines = [] if _repeats(found, said) else [said or ""]
    number = 0
    for line in found:
        number += line.option is not None
        if line.part != "button":
            lines.append(f"{number}. {line.text}" if line.option is not None else line.text)
    if not any(is_visible(line) for line in lines):
        raise Unshowable("The message is empty: it has neither text nor content that WhatsApp could show. Write it again.")
    return "\n".join(lines)


def offer_of(text: str | None, content: list[Any]) -> Offer:
    """What a structured message lets its customer choose. Raises `Unshowable` as `text_of` does, of the same messages."""
    said = _said(text if is_visible(text) else None, content)
    found = [line for item in content for line in _lines_of(item, said)]
    offer = _offer(found)
    if not _repeats(found, said):
        offer = replace(offer, lines=(said or "", *offer.lines))
    carousel = _object(content[0], "carousel") if len(content) == 1 else None
    if carousel is None:
        return offer
    return replace(offer, cards=tuple(_offer(list(_card(card))) for card in _objects(carousel, "cards")))


def _offer(found: Sequence[ContentLine]) -> Offer:
    pictures = [line.text for line in found if line.part == "picture"]
    links = [line.link for line in found if line.link is not None]
    return Offer(
        lines=tuple(line.text for line in found if line.part in ("text", "picture", "link")),
        options=tuple(line.option for line in found if line.option is not None),
        picture=pictures[0] if len(pictures) == 1 else None,
        link=links[0] if len(links) == 1 else None,
        button=next((line.text for line in found if line.part == "button"), None),
        is_apart=any(line.part == "apart" for line in found),
    )


def _repeats(found: Sequence[ContentLine], said: str | None) -> bool:
    """The body of a template repeats the text, and stands behind its header."""
    return not said or any(line.text == said and line.option is None for line in found)


def _said(text: str | None, content: list[Any]) -> str | None:
    """The text, filled in where a template's parameters say how."""
    for item in content:
        template = find_object(item, "template")
        if template is not None and text is not None:
            text, _ = _filled(text, find_object(template, "body"))
    return text


def _lines_of(item: Any, said: str | None) -> Lines:
    is_known = False
    for key, read in _READERS.items():
        found = _object(item, key)
        if found is not None:
            is_known = True
            yield from read(found)
    template = _object(item, "template")
    if template is not None:
        yield from _template(template, said)
    elif item and not is_known:
        kind = shorten(find_text(item, "contentType") or "content without a type", _NAME)
        raise Unshowable(f"WhatsApp cannot show this kind of content ({kind}), so nothing was sent. Write it as text instead.")


def _attachment(attachment: JsonObject) -> Lines:
    yield from _plain(attachment, "text")
    url = find_text(attachment, "url") or ""
    if not url.casefold().startswith(("https://", "http://")):
        name = shorten(find_text(attachment, "filename") or media_type_of(attachment), _NAME)
        raise Unshowable(
            f"The attachment ({name}) came without an address to load it from, so nothing was sent. Attach it again."
        )
    yield ContentLine(url)


def _location(location: JsonObject) -> Lines:
    yield from _plain(location, "text", "address", "url")
    spot = [each for key in ("latitude", "longitude") if (each := find_text(location, key)) is not None]
    if spot:
        yield ContentLine(", ".join(spot))


def _card(card: JsonObject) -> Lines:
    yield from _plain(card, "title", "description")
    yield from _plain(card, "image", "video", part="picture")
    actions = [line for action in _objects(card, "actions") for line in _action(action, "Button")]
    default = _object(card, "defaultAction")
    if _text(default, "url", "text", "title"):
        # What a tap on the card does is often what its button does.
        for line in _action(default, "Button"):
            if not any(each.text == line.text or each.text.endswith(f": {line.text}") for each in actions):
                yield line
    yield from actions


def _carousel(carousel: JsonObject) -> Lines:
    """In a list the options of a card stand under its title."""
    cards = _objects(carousel, "cards")
    for card in cards:
        section = _text(card, "title") if len(cards) > 1 else None
        for line in _card(card):
            yield line if line.option is None else replace(line, option=replace(line.option, section=section))


def _action(action: JsonObject | None, kind: OptionKind) -> Lines:
    label, url = _text(action, "text", "title"), _text(action, "url")
    if url is not None:
        yield ContentLine(f"{label}: {url}", "link", link=Link(label, url)) if label else ContentLine(url)
    elif label is not None:
        option = Option(kind=kind, line=label, title=label.strip(), payload=_payload(action) or label)
        yield ContentLine(label, "option", option)
    else:
        raise _nameless()


def _payload(action: JsonObject | None) -> str | None:
    """What Genesys wants to hear of the option. Of an entry of a list it is its id."""
    return find_text(action, "payload") or find_text(action, "id")


def _quick_replies(replies: JsonObject) -> Lines:
    yield from _plain(replies, "title")
    for reply in _objects(replies, "actions"):
        yield from _action(reply, "QuickReply")


def _list_picker(picker: JsonObject) -> Lines:
    received = _object(picker, "receivedMessage")
    yield from _plain(received, "header", "title", "subtitle", "imageUrl")
    yield from _plain(received, "buttonLabel", part="button")
    yield from _plain(picker, "title", "subtitle")
    for section in _objects(picker, "sections"):
        name = _text(section, "title")
        yield from _plain(section, "title", part="row")
        # Genesys' pages and its models write the same list in two ways.
        for entry in _objects(section, "listItems") + _objects(section, "items"):
            description = _text(entry, "description", "subtitle")
            for line in _action(entry, "ListPicker"):
                if line.option is None:
                    yield line
                else:
                    yield replace(line, option=replace(line.option, description=description, section=name))
            yield from _plain(entry, "description", "subtitle", part="row")
            yield from _plain(entry, "image", "imageUrl", part="apart")


def _date_picker(picker: JsonObject) -> Lines:
    yield from _plain(picker, "title", "subtitle", "imageUrl")
    yield from _location(_object(picker, "location") or {})
    earliest, latest = (_moment(text) if (text := _text(picker, key)) else None for key in ("dateMinimum", "dateMaximum"))
    limits = [f"{word} {moment}" for word, moment in (("from", earliest), ("until", latest)) if moment]
    if limits:
        yield ContentLine(" ".join(limits))
    for time in _objects(picker, "availableTimes"):
        moment = _text(time, "dateTime")
        if moment is None:
            raise _nameless()
        day, zone = _parts_of_moment(moment)
        rest = (zone + _lasting(time.get("duration"))).strip()
        line = f"{day} {rest}" if rest else day
        option = Option(kind="DatePicker", line=line, title=day, description=rest or None, payload=moment)
        yield ContentLine(line, "option", option)


def _moment(text: str) -> str:
    """`Fri 30 May 2025, 12:00 UTC`, in the offset it was given in; what cannot be read stays as it is."""
    return "".join(_parts_of_moment(text))


def _parts_of_moment(text: str) -> tuple[str, str]:
    """Day and hour, and the zone with the space before it."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text, ""
    offset = moment.strftime("%z")
    zone = "" if moment.tzinfo is None else " UTC" if not moment.utcoffset() else f" UTC{offset[:3]}:{offset[3:5]}"
    day = f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    return f"{day}, {moment:%H:%M}", zone


def _lasting(duration: Any) -> str:
    """In whole minutes, of seconds."""
    if (
        not isinstance(duration, int | float)
        or isinstance(duration, bool)
        or not 60 <= duration < timedelta(days=7).total_seconds()
    ):
        return ""
    hours, minutes = divmod(int(duration) // 60, 60)
    return f" ({' '.join(part for part in (f'{hours} h' if hours else '', f'{minutes} min' if minutes else '') if part)})"


def _template(template: JsonObject, said: str | None) -> Lines:
    """Header, body, footer and buttons with their parameters filled in; the text is the body where that lacks a value."""
    header = _object(template, "header")
    yield from _filled_lines(header)
    media = _object(header, "media")
    if media is not None:
        yield from _attachment(media)
    body = _object(template, "body")
    _, is_whole = _filled(find_text(body, "text") or "", body)
    yield from [ContentLine(said)] if said and not is_whole else _filled_lines(body)
    yield from _filled_lines(_object(template, "footer"))
    for button in _objects(template, "buttons"):
        yield from _button(button)


def _filled_lines(part: JsonObject | None) -> Lines:
    text = _text(part, "text")
    if text is None:
        return
    filled, is_whole = _filled(text, part)
    if not is_whole:
        lacks = shorten(", ".join(_PLACEHOLDER.findall(filled)), _NAME)
        raise Unshowable(f"The template lacks a value for {lacks}, so nothing was sent. Fill it in and send again.")
    yield ContentLine(filled)


def _button(button: JsonObject) -> Lines:
    label = "".join(line.text for line in _filled_lines(button))
    url = "".join(line.text for line in _filled_lines(button | {"text": button.get("url")}))
    target = url or _text(button, "phoneNumber")
    if not target and not label:
        raise _nameless()
    if target:
        yield ContentLine(f"{label}: {target}" if label else target)
    else:
        option = Option(kind="Button", line=label, title=label.strip(), payload=_payload(button) or label)
        yield ContentLine(label, "option", option)


def _filled(text: str, part: JsonObject | None) -> tuple[str, bool]:
    """The text with its `{{placeholders}}` filled in, by name or else by place, and whether each of them had a value."""
    parameters = [each for each in find_list(part, "parameters") or [] if isinstance(each, dict)]
    by_name = {(find_text(each, "name") or "").strip("{} ").casefold(): find_text(each, "text") for each in parameters}
    names = list(dict.fromkeys(name.casefold() for name in _PLACEHOLDER.findall(text)))
    values = {name: by_name.get(name) or _by_place(name, names, parameters, by_name) for name in names}

    def fill(found: re.Match[str]) -> str:
        return values[found[1].casefold()] or found[0]

    return _PLACEHOLDER.sub(fill, text), all(values.values())


def _by_place(name: str, names: list[str], parameters: list[JsonObject], by_name: JsonObject) -> str | None:
    """`{{2}}` is the second parameter; where no name fits, the first parameter is the first placeholder's."""
    if any(each in by_name for each in names):
        return None
    place = int(name) - 1 if name.isdecimal() and len(name) < 3 else names.index(name)
    return find_text(parameters[place], "text") if 0 <= place < len(parameters) else None


def _plain(source: Any, *keys: str, part: Literal["text", "row", "apart", "picture", "button"] = "text") -> Lines:
    for key in keys:
        line = _text(source, key)
        if line is not None:
            yield ContentLine(line, part)


def _text(source: Any, *keys: str) -> str | None:
    """The first of these texts that a reader sees anything of."""
    for key in keys:
        if isinstance(source, dict) and source.get(key) and isinstance(source[key], dict | list):
            raise _misshapen(key)
    return find_visible(source, *keys)


def _object(source: Any, key: str) -> JsonObject | None:
    found = source.get(key) if isinstance(source, dict) else None
    if found and not isinstance(found, dict):
        raise _misshapen(key)
    return found if isinstance(found, dict) else None


def _objects(source: JsonObject, key: str) -> list[JsonObject]:
    found = source.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found if each):
        raise _misshapen(key)
    return [each for each in found if each]


def _misshapen(key: str) -> Unshowable:
    return Unshowable(
        f"The message has something else at `{key}` than Genesys writes there, so nothing was sent. Write it again."
    )


def _nameless() -> Unshowable:
    return Unshowable("An option to choose from has no text, so nothing was sent. Give it one and send again.")


_READERS: dict[str, Callable[[JsonObject], Lines]] = {
    "attachment": _attachment,
    "location": _location,
    "quickReply": lambda reply: _action(reply, "QuickReply"),
    "quickReplyV2": _quick_replies,
    "card": _card,
    "carousel": _carousel,
    "listPicker": _list_picker,
    "datePicker": _date_picker,
    "text": lambda text: _plain(text, "body"),
}
"""By the field that holds the content. Of a template the message's text is needed too."""
READABLE = _READERS.keys() | {"template"}
"""Every content that can be shown, by its field."""
