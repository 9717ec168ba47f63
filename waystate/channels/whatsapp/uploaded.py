"""Files of ours in a message's body: which there are, and the body with WhatsApp's ids in their places. Pure.

A body names such a file by `media_id` where WhatsApp's id of it, which is another for each number, stands in the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from waystate.channels.whatsapp.media import best_of, find_type
from waystate.documents import JsonObject
from waystate.ids import find_uuid

_SHOWN = ("image", "video", "audio", "document", "sticker")
_CAPTIONED = frozenset({"image", "video", "document"})
_HANDED_ON = frozenset({"flow_action_data", "order_details"})
"""What is the business's own, whatever its fields are called."""


@dataclass(frozen=True, slots=True)
class ReadyFile:
    """`external_id` is WhatsApp's. `filename`: what a document is called that has no other name."""

    external_id: str
    mime_type: str
    filename: str | None = None


def list_files(body: Any) -> set[tuple[UUID, str]]:
    """Our files in a body, each with the type that it is shown as."""
    return set(_places(body))


def with_ids(body: JsonObject, files: Mapping[UUID, ReadyFile]) -> JsonObject:
    """The body as WhatsApp takes it, of which every file was uploaded.

    What was attached as something that does not show it goes as what does: nobody could look at the file before.
    """
    kind = body.get("type")
    if kind in _SHOWN:
        file_id = find_uuid(str(body[kind].get("media_id")))
        return body if file_id is None else _retyped(body, str(kind), files[file_id])
    written: JsonObject = _replaced(body, files)
    return written


def shown_as(wanted: str, mime_type: str, *, has_caption: bool) -> str:
    """The type of message for a file: what was wanted, if that shows it, and else the one that keeps the words beside it."""
    found = find_type(mime_type)
    if found is None:
        return wanted
    best = best_of(wanted, found)
    if has_caption and best not in _CAPTIONED and "document" in found.sent_as:
        return "document"
    return best


def _retyped(body: JsonObject, kind: str, file: ReadyFile) -> JsonObject:
    said: JsonObject = body[kind]
    shown = shown_as(kind, file.mime_type, has_caption="caption" in said)
    kept = {name: value for name, value in said.items() if name in _fields_of(shown)}
    written: JsonObject = {"id": file.external_id} | kept
    if shown == "document" and "filename" not in written and file.filename:
        written["filename"] = file.filename
    around = {name: value for name, value in body.items() if name not in ("type", kind)}
    return around | {"type": shown, shown: written}


def _fields_of(kind: str) -> frozenset[str]:
    fields = {"caption"} if kind in _CAPTIONED else set()
    return frozenset(fields | {"document": {"filename"}, "audio": {"voice"}}.get(kind, set()))


def _replaced(value: Any, files: Mapping[UUID, ReadyFile]) -> Any:
    if isinstance(value, list):
        return [_replaced(each, files) for each in value]
    if not isinstance(value, dict):
        return value
    written = {name: each if name in _HANDED_ON else _replaced(each, files) for name, each in value.items()}
    for kind in _SHOWN:
        file_id = _file_of(value.get(kind))
        if file_id is not None:
            rest = {name: each for name, each in written[kind].items() if name != "media_id"}
            written[kind] = {"id": files[file_id].external_id} | rest
    return written


def _places(value: Any) -> Iterator[tuple[UUID, str]]:
    if isinstance(value, list):
        for each in value:
            yield from _places(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            file_id = _file_of(each) if name in _SHOWN else None
            if file_id is not None:
                yield file_id, name
            elif name not in _HANDED_ON:
                yield from _places(each)


def _file_of(value: Any) -> UUID | None:
    return find_uuid(str(value["media_id"])) if isinstance(value, dict) and value.get("media_id") else None
