"""Webhook bodies of Genesys Cloud Open Messaging as values. Whatever the bytes are, only `Unreadable` is ever raised.

https://developer.genesys.cloud/commdigital/digital/openmessaging/outboundMessages
"""

from datetime import datetime

from waystate.channels.fields import find_list, find_object, find_text, moment_of
from waystate.channels.genesys.content import attachments_of, media_of, text_of
from waystate.channels.model import Ignored, Parsed, Routed, Unusable
from waystate.documents import JsonObject, Unreadable, parse
from waystate.messages.model import OutboundMessage

_ITEM = "0"
_OWN = frozenset({"id", "channel", "type", "text", "content", "direction", "conversationId"})


def parse_webhook(body: bytes, integration_id: str, received_at: datetime, origin: str = "") -> Parsed:
    """The one item of the body. `content` of a message is `{text?, content?}` as Genesys wrote them; `text` says it all.

    `received_at` stands in for a time that is missing or garbage. Raises `Unreadable` for what is no JSON object.
    """
    document = parse(body)
    if not isinstance(document, dict):
        raise Unreadable("the body is no JSON object; a webhook of Genesys Cloud is one message as an object")
    value = _find_ignored(document) or _parse_message(document, integration_id, received_at, origin)
    return Parsed([Routed(item=_ITEM, value=value, integration_id=integration_id)])


def _find_ignored(document: JsonObject) -> Ignored | None:
    kind = find_text(document, "type")
    if kind == "Event":
        events = [find_text(event, "eventType") for event in find_list(document, "events") or []]
        return Ignored(_ITEM, ", ".join(event for event in events if event) or kind, "events are not shown to the customer")
    if kind == "Receipt":
        return Ignored(_ITEM, kind, "a receipt is no message")
    if find_text(document, "direction") == "Inbound":
        return Ignored(_ITEM, "Inbound", "the echo of a customer's message")
    return None


def _parse_message(document: JsonObject, integration_id: str, received_at: datetime, origin: str) -> OutboundMessage | Unusable:
    channel = find_object(document, "channel")
    message_id = find_text(document, "id") or find_text(channel, "messageId")
    if message_id is None:
        return Unusable(_ITEM, "the message has no id", document)
    raw_text, content = find_text(document, "text"), find_list(document, "content") or []
    text = text_of(raw_text, content)
    if text is None:
        return Unusable(_ITEM, "the message has neither text nor content that can be sent", document)
    attachments = attachments_of(content)
    media = media_of(attachments[0]) if attachments else None
    return OutboundMessage(
        genesys_message_id=message_id,
        sent_at=moment_of(find_text(channel, "time"), received_at),
        conversation_id=find_text(document, "conversationId"),
        recipient_id=find_text(find_object(channel, "to"), "id"),
        integration_id=integration_id,
        type=_type_of(document, media),
        text=text,
        content={key: value for key, value in (("text", raw_text), ("content", content)) if value},
        media=media,
        metadata=_about(document, channel),
        origin=f"{origin}:{_ITEM}",
    )


def _type_of(document: JsonObject, media: JsonObject | None) -> str:
    """`structured`, or what is attached (image, video, audio, document), or `text`."""
    if find_text(document, "type") == "Structured":
        return "structured"
    return media["type"] if media is not None and media["type"] != "link" else "text"


def _about(document: JsonObject, channel: JsonObject | None) -> JsonObject:
    """Who wrote it (`originatingEntity`) and whatever else came with it."""
    about = {key: value for key, value in document.items() if key not in _OWN and value}
    attributes = find_object(channel, "metadata")
    return about | {"channel": attributes} if attributes else about
