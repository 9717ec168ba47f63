"""Genesys' conversations as its API shows them: what agents said in them. Pure.

Sources: platform SDK, MessageConversation, MessageMediaParticipant, MessageDetails and MessageData.
"""

from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from waystate.channels.fields import find_list, find_moment, find_object, find_text
from waystate.channels.genesys.parse import parse_webhook
from waystate.documents import JsonObject, dump
from waystate.messages.model import OutboundMessage

_CUSTOMERS = frozenset({"customer", "external"})


def conversation_path(conversation_id: str) -> str:
    """With all participants, and what each of them said by its id."""
    return f"/api/v2/conversations/messages/{quote(conversation_id, safe='')}"


def message_path(conversation_id: str, message_id: str) -> str:
    return f"{conversation_path(conversation_id)}/messages/{quote(message_id, safe='')}"


def list_said(conversation: JsonObject, now: datetime) -> dict[str, datetime]:
    """Message id → when, of all that was said by others than the customer: agents, bots and flows. Oldest first."""
    said: dict[str, datetime] = {}
    for participant in find_list(conversation, "participants") or []:
        if (find_text(participant, "purpose") or "").casefold() in _CUSTOMERS:
            continue
        for message in find_list(participant, "messages") or []:
            name, at = find_text(message, "messageId"), find_moment(find_text(message, "messageTime"), now)
            if name is not None and at is not None:
                said[name] = at
    return dict(sorted(said.items(), key=lambda each: each[1]))


def find_outbound(
    document: JsonObject, *, conversation_id: str, message_id: str, integration_id: str, now: datetime
) -> OutboundMessage | None:
    """A message as the callback would have brought it; None where it is none to the customer."""
    if (find_text(document, "direction") or "outbound").casefold() != "outbound":
        return None
    normal = find_object(document, "normalizedMessage") or {}
    channel = find_object(normal, "channel") or {}
    recipient = find_object(channel, "to") or {"id": find_text(document, "toAddress")}
    body = {
        **normal,
        "id": message_id,
        "type": find_text(normal, "type") or "Text",
        "text": find_text(normal, "text") or find_text(document, "textBody"),
        "direction": "Outbound",
        "conversationId": conversation_id,
        "channel": {**channel, "to": recipient, "time": find_text(document, "timestamp")},
    }
    (item,) = parse_webhook(dump(body).encode(), integration_id, now).items
    if not isinstance(item.value, OutboundMessage):
        return None
    return replace(item.value, is_late=True, origin=f"genesys:{conversation_id}:{message_id}")
