"""What becomes of an agent's message when the customer has not written for 24 hours, by `settings.window_policy`. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from waystate.conversations.model import Conversation
from waystate.documents import JsonObject
from waystate.ids import new_id
from waystate.messages.model import OutboundMessage
from waystate.planned.model import PlannedMessage
from waystate.tenants.model import WindowTemplate

PLACE = "{text}"
"""Where an agent's text stands in the parameters of a template."""
LONGEST_PARAMETER = 1024
"""Characters of a parameter in a template's body (WhatsApp Cloud API, template messages)."""


def takes_text(template: WindowTemplate) -> bool:
    return any(PLACE in each for each in _texts(template.components))


def in_template(message: OutboundMessage, template: WindowTemplate) -> OutboundMessage | None:
    """The message in the parameters of the template, on one line as these are; None where it does not fit there whole."""
    text = message.words
    if not fits(template, text) or message.type not in ("text", "structured"):
        return None
    said = replace(announcement(message, template, text), text=text)
    return replace(said, metadata=message.metadata | {"window_template": template.name})


def fits(template: WindowTemplate, text: str) -> bool:
    """Whether there is a text, and each parameter that holds it is no longer than WhatsApp takes, with the words around it."""
    line = " ".join(text.split())
    filled = [each.replace(PLACE, line) for each in _texts(template.components) if PLACE in each]
    return bool(line) and all(len(each) <= LONGEST_PARAMETER for each in filled)


def render_template(template: WindowTemplate, text: str) -> JsonObject:
    """Returns WhatsApp's object of the template, with the text on one line in its parameters."""
    content: JsonObject = {"name": template.name, "language": {"code": template.language}}
    if template.components:
        content["components"] = _filled(list(template.components), " ".join(text.split()))
    return content


def announcement(message: OutboundMessage, template: WindowTemplate, text: str = "") -> OutboundMessage:
    """The template itself, as a message of its own beside the agent's."""
    return replace(
        message,
        type="template",
        text=f"[template {template.name}]",
        content=render_template(template, text),
        media=None,
        files=(),
        composed=True,
        metadata={"window_template": template.name, "announces": message.genesys_message_id},
    )


def plan_of(
    message_id: UUID, message: OutboundMessage, conversation: Conversation, ttl: timedelta, now: datetime
) -> PlannedMessage:
    """Waits for the customer, with the agent's message that is `queued` already."""
    return PlannedMessage(
        id=new_id(),
        contact_id=conversation.contact_id,
        phone_number_id=conversation.phone_number_id,
        message_id=message_id,
        expires_at=now + ttl,
        request={"type": message.type, "text": message.text, "content": message.content},
        actor_kind="genesys",
        created_at=now,
    )


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _filled(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(PLACE, text)
    if isinstance(value, dict):
        return {key: _filled(each, text) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(each, text) for each in value]
    return value
