"""Webhook bodies of Genesys Cloud Open Messaging as values. Whatever the bytes are, only `Unreadable` is ever raised.

https://developer.genesys.cloud/commdigital/digital/openmessaging/outboundMessages
"""

from datetime import datetime

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.genesys.content import (
    Unshowable,
    attachments_of,
    files_of,
    media_of,
    parts_of,
    text_of,
    without_addresses,
)
from waystate.channels.model import Ignored, Parsed, Routed, Unusable, Value
from waystate.documents import JsonObject, Unreadable, parse
from waystate.messages.model import AgentTyping, GenesysReceipt, OutboundMessage

_ITEM = "0"
_OWN = frozenset({"id", "channel", "type", "text", "content", "direction", "conversationId"})


def parse_webhook(body: bytes, integration_id: str, received_at: datetime, origin: str = "") -> Parsed:
    """The one item of the body. `content` of a message is `{text?, content?}` as Genesys wrote them; `text` says it all.

    `received_at` stands in for a time that is missing or garbage. Raises `Unreadable` for what is no JSON object.
    """
    document = parse(body)
    if not isinstance(document, dict):
        raise Unreadable("the body is no JSON object; a webhook of Genesys Cloud is one message as an object")
    value = _parse(document, integration_id, received_at, origin)
    return Parsed([Routed(item=_ITEM, value=value, integration_id=integration_id)])


def _parse(document: JsonObject, integration_id: str, received_at: datetime, origin: str) -> Value:
    """What the body is. Genesys writes its enumerations in one case and other senders in another, so case says nothing."""
    kind, direction = _word(document, "type"), _word(document, "direction")
    if kind == "event":
        return _parse_event(document, integration_id, received_at, origin)
    if kind == "receipt":
        return _parse_receipt(document, received_at, origin)
    recipient = find_text(find_object(find_object(document, "channel"), "to"), "id") or ""
    if direction == "inbound" or recipient.casefold() == integration_id.casefold():
        return Ignored(_ITEM, "Inbound", "the echo of a customer's message")
    return _parse_message(document, integration_id, received_at, origin)


def _parse_event(document: JsonObject, integration_id: str, received_at: datetime, origin: str) -> AgentTyping | Ignored:
    """That somebody types. That they ceased, or anything else that happens, is nothing to show."""
    events = [event for event in find_list(document, "events") or [] if find_text(event, "eventType")]
    named = ", ".join(find_text(event, "eventType") or "" for event in events) or find_text(document, "type") or ""
    channel, direction = find_object(document, "channel"), _word(document, "direction")
    recipient, conversation = find_text(find_object(channel, "to"), "id"), find_text(document, "conversationId")
    if direction == "inbound" or (recipient or "").casefold() == integration_id.casefold():
        return Ignored(_ITEM, named, "the echo of a customer's event")
    if not any(_is_typing(event) for event in events) or not (recipient or conversation):
        return Ignored(_ITEM, named, "it is nothing that the customer could be shown")
    return AgentTyping(
        typed_at=moment_of(find_text(channel, "time"), received_at),
        conversation_id=conversation,
        recipient_id=recipient,
        integration_id=integration_id,
        origin=f"{origin}:{_ITEM}",
    )


def _is_typing(event: JsonObject) -> bool:
    return _word(event, "eventType") == "typing" and (_word(find_object(event, "typing") or {}, "type") or "on") == "on"


def _parse_receipt(document: JsonObject, received_at: datetime, origin: str) -> GenesysReceipt | Ignored:
    """Only a failure says something that we do not know: Genesys had accepted the message."""
    channel = find_object(document, "channel")
    names = [name for name in (find_text(channel, "messageId"), find_text(document, "id")) if name]
    if _word(document, "status") != "failed" or not names:
        return Ignored(_ITEM, find_text(document, "type") or "", "a receipt that tells of no failure")
    reasons = [each for each in find_list(document, "reasons") or [] if isinstance(each, dict)]
    said = [text for each in reasons if (text := find_text(each, "message") or find_text(each, "code"))]
    return GenesysReceipt(
        names=tuple(dict.fromkeys(names)),
        at=moment_of(find_text(channel, "time"), received_at),
        error={
            "code": next((code for each in reasons if (code := find_text(each, "code"))), "GeneralError"),
            "title": "; ".join(dict.fromkeys(said)) or "Genesys gave no reason.",
        },
        origin=f"{origin}:{_ITEM}",
    )


def _parse_message(document: JsonObject, integration_id: str, received_at: datetime, origin: str) -> OutboundMessage | Unusable:
    """What cannot be shown to the customer is a message all the same: it is refused where Genesys can be told."""
    channel = find_object(document, "channel")
    message_id = find_text(document, "id") or find_text(channel, "messageId")
    if message_id is None:
        return Unusable(_ITEM, "the message has no id", document)
    raw_text, content = find_text(document, "text"), find_list(document, "content") or []
    text, unshowable = raw_text, None
    try:
        _check_direction(document)
        text = text_of(*parts_of(document))
    except Unshowable as error:
        unshowable = str(error)
        if find_object(channel, "to") is None and find_text(document, "conversationId") is None:
            return Unusable(_ITEM, "the message has no recipient, and nothing that can be sent", document)
    attachments = attachments_of(content)
    media = media_of(attachments[0]) if attachments else None
    files = () if unshowable or _word(document, "type") == "structured" else files_of(attachments)
    if files:
        media, text = files[0], without_addresses(text or "", files)
    return OutboundMessage(
        genesys_message_id=message_id,
        sent_at=moment_of(find_text(channel, "time"), received_at),
        conversation_id=find_text(document, "conversationId"),
        recipient_id=find_text(find_object(channel, "to"), "id"),
        integration_id=integration_id,
        type=_type_of(document, media),
        text=text,
        content={key: value for key in ("text", "content") if (value := document.get(key))}
        | ({"text": raw_text} if raw_text else {}),
        media=media,
        files=files,
        metadata=_about(document, channel),
        unshowable=unshowable,
        origin=f"{origin}:{_ITEM}",
    )


def _check_direction(document: JsonObject) -> None:
    """Only what says that it is outbound may reach a customer, or says nothing: anything else may be the customer's own."""
    if document.get("direction") is not None and _word(document, "direction") != "outbound":
        raise Unshowable("The message does not say Outbound as its direction, so nothing was sent. Write it again.")


def _type_of(document: JsonObject, media: JsonObject | None) -> str:
    """`structured`, or what is attached (image, video, audio, document), or `text`."""
    if _word(document, "type") == "structured":
        return "structured"
    return media["type"] if media is not None and media["type"] != "link" else "text"


def _word(document: JsonObject, key: str) -> str | None:
    word = find_text(document, key)
    return None if word is None else word.strip().casefold() or None


def _about(document: JsonObject, channel: JsonObject | None) -> JsonObject:
    """Who wrote it (`originatingEntity`) and whatever else came with it."""
    about = {key: value for key, value in document.items() if key not in _OWN and value}
    attributes = find_object(channel, "metadata")
    return about | {"channel": attributes} if attributes else about
