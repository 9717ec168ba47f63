"""The content items of a Genesys Cloud message: attachments, and structured content written out as text.

https://developer.genesys.cloud/commdigital/digital/openmessaging/outboundMessages
"""

from collections.abc import Callable, Iterator
from typing import Any

from waystate.channels.fields import find_list, find_object, find_text
from waystate.documents import JsonObject

_TYPES = {"Image": "image", "Video": "video", "Audio": "audio", "File": "document"}
_MEDIA_FIELDS = {"id": "id", "url": "url", "mime": "mime_type", "filename": "filename", "contentSizeBytes": "size"}


def attachments_of(content: list[Any]) -> list[JsonObject]:
    found = (find_object(item, "attachment") for item in content)
    return [attachment for attachment in found if attachment is not None]


def media_of(attachment: JsonObject) -> JsonObject:
    """The attachment in the words of our messages; its URL is temporary."""
    media = {ours: attachment[theirs] for theirs, ours in _MEDIA_FIELDS.items() if attachment.get(theirs) is not None}
    return media | {"type": media_type_of(attachment)}


def media_type_of(attachment: JsonObject) -> str:
    return _TYPES.get(find_text(attachment, "mediaType") or "", "link")


def text_of(text: str | None, content: list[Any]) -> str | None:
    """Everything a reader needs as lines: the text, addresses of attachments, structured content with numbered options."""
    lines = [text] if text else []
    number = 0
    for item in content:
        for line, is_option in _lines_of(item):
            number += is_option
            written = f"{number}. {line}" if is_option else line
            if written != text:  # a template's body repeats the text
                lines.append(written)
    return "\n".join(lines) or None


def _lines_of(item: Any) -> Iterator[tuple[str, bool]]:
    """(line, whether it is an option to choose from)."""
    for key, read in _READERS.items():
        found = find_object(item, key)
        if found is not None:
            yield from read(found)
            return
    kind = find_text(item, "contentType")
    if kind is not None:
        yield f"[{kind}]", False


def _attachment(attachment: JsonObject) -> Iterator[tuple[str, bool]]:
    yield from _plain(attachment, "text")
    name = find_text(attachment, "filename") or media_type_of(attachment)
    yield find_text(attachment, "url") or f"[{name}]", False


def _card(card: JsonObject) -> Iterator[tuple[str, bool]]:
    yield from _plain(card, "title", "description", "image", "video")
    for action in find_list(card, "actions") or []:
        yield from _action(action)


def _carousel(carousel: JsonObject) -> Iterator[tuple[str, bool]]:
    for card in find_list(carousel, "cards") or []:
        yield from _card(card)


def _action(action: Any) -> Iterator[tuple[str, bool]]:
    label, url = find_text(action, "text") or find_text(action, "title"), find_text(action, "url")
    if url is not None:
        yield f"{label}: {url}" if label else url, False
    elif label is not None:
        yield label, True


def _list_picker(picker: JsonObject) -> Iterator[tuple[str, bool]]:
    yield from _plain(picker, "title", "subtitle")
    for section in find_list(picker, "sections") or []:
        yield from _plain(section, "title")
        for entry in find_list(section, "listItems") or []:
            yield from _action(entry)


def _date_picker(picker: JsonObject) -> Iterator[tuple[str, bool]]:
    yield from _plain(picker, "title", "subtitle")
    for time in find_list(picker, "availableTimes") or []:
        moment = find_text(time, "dateTime")
        if moment is not None:
            yield moment, True


def _template(template: JsonObject) -> Iterator[tuple[str, bool]]:
    for part in ("header", "body", "footer"):
        yield from _plain(find_object(template, part), "text")


def _plain(source: Any, *keys: str) -> Iterator[tuple[str, bool]]:
    for key in keys:
        line = find_text(source, key)
        if line is not None:
            yield line, False


_READERS: dict[str, Callable[[JsonObject], Iterator[tuple[str, bool]]]] = {
    "attachment": _attachment,
    "quickReply": _action,
    "card": _card,
    "carousel": _carousel,
    "listPicker": _list_picker,
    "datePicker": _date_picker,
    "template": _template,
}
