"""What Genesys Cloud tells of conversations by EventBridge and by triggers, as values.

Whatever the bytes are, only `Unreadable` is ever raised. Only the end of the customer's own part ends a conversation: an
agent's or a queue's part also ends when it is transferred.
https://developer.genesys.cloud/analyticsdatamanagement/analytics/detail/analytics-detail-events (CustomerEndEvent),
https://help.genesys.cloud/articles/about-the-amazon-eventbridge-integration/
"""

from datetime import datetime
from typing import Any

from waystate.channels.fields import find_list, find_moment, find_object, find_text
from waystate.channels.model import Ignored, Parsed, Routed, Unusable, Value
from waystate.conversations.model import ConversationEnd
from waystate.documents import JsonObject, Unreadable, parse, shorten

_ENDS = ("customer.end", "customerend", "customerendevent", "conversation.end")
"""What a topic, or a trigger's `event`, that ends a conversation is called in the end, in any case."""
_NOTED = {
    "customer.start": "a conversation begins with its first message here",
    "acd.start": "a queue took the conversation",
    "acd.end": "a queue's part ended, as it does with each transfer",
    "user.start": "an agent took the conversation",
    "user.end": "an agent's part ended, as it does with each transfer",
    "acw": "an agent finished the work after the conversation",
    "wrapup": "an agent said what the conversation was about",
    "flow.start": "a flow took the conversation",
    "flow.end": "a flow's part ended",
    "flow.outcome": "a flow reached an outcome",
    "contact": "the contact at Genesys changed",
    "attributes": "the participant data changed",
}
_TRANSFER = "transfer"
_ENDED = frozenset({"disconnected", "terminated"})
_NAME = 200


def parse_events(body: bytes, integration_id: str, received_at: datetime, origin: str = "") -> Parsed:
    """The items of a body: one event, or several in an array. Raises `Unreadable` for what is neither."""
    document = parse(body)
    if not isinstance(document, dict | list):
        raise Unreadable("the body is no JSON object; an event of Genesys Cloud is one, or several in an array")
    events = document if isinstance(document, list) else [document]
    return Parsed(
        [
            Routed(item=str(place), value=_parse(str(place), each, received_at, origin), integration_id=integration_id)
            for place, each in enumerate(events)
        ]
    )


def find_end(conversation: JsonObject, received_at: datetime) -> datetime | None:
    """When a conversation ended of which Genesys tells all participants; None while somebody is in it.

    Of `GET /api/v2/conversations/messages/{conversationId}`, and of notifications of conversations.
    """
    ended = find_moment(find_text(conversation, "endTime"), received_at)
    if ended is not None:
        return ended
    participants = [each for each in find_list(conversation, "participants") or [] if isinstance(each, dict)]
    times = [find_moment(find_text(each, "endTime"), received_at) for each in participants]
    if not participants or not all(map(_has_left, participants, times)):
        return None
    return max((each for each in times if each is not None), default=None)


def _has_left(participant: JsonObject, ended: datetime | None) -> bool:
    state = (find_text(participant, "state") or "").casefold()
    return state in _ENDED if state else ended is not None


def _parse(item: str, document: Any, received_at: datetime, origin: str) -> Value:
    if not isinstance(document, dict):
        return Unusable(item, "an event is a JSON object", document)
    detail = find_object(document, "detail") or document
    body = find_object(detail, "eventBody") or detail
    topic = _topic_of(document, detail)
    named = shorten(topic or "an event without a name", _NAME)
    medium = find_text(body, "mediaType")
    if medium is not None and medium.casefold() != "message":
        return Ignored(item, named, f"it is of {shorten(medium, 40)}, not of messages")
    if find_list(body, "participants") is not None:
        ended = find_end(body, received_at)
        if ended is None:
            return Ignored(item, named, "somebody is in the conversation, which goes on")
        return _end(item, find_text(body, "id") or find_text(body, "conversationId"), ended, named, body, origin)
    if not _is_called(topic, *_ENDS):
        return Ignored(item, named, _why_not(topic, body))
    if _is_transfer(body):
        return Ignored(item, named, "a transfer: the conversation goes on with somebody else")
    ended = find_moment(_time_of(body), received_at) or find_moment(find_text(document, "time"), received_at)
    if ended is None:
        return Unusable(item, "the end has no eventTime, so nobody can tell what was said after it", document)
    return _end(item, find_text(body, "conversationId"), ended, named, body, origin)


def _end(item: str, conversation: str | None, ended: datetime, named: str, body: JsonObject, origin: str) -> Value:
    if conversation is None:
        return Unusable(item, "the end names no conversationId", body)
    return ConversationEnd(
        conversation_id=conversation,
        ended_at=ended,
        event=named,
        disconnect_type=find_text(body, "disconnectType"),
        origin=f"{origin}:{item}",
    )


def _topic_of(document: JsonObject, detail: JsonObject) -> str | None:
    return (
        find_text(detail, "topicName")
        or find_text(document, "detail-type")
        or find_text(document, "event")
        or find_text(document, "topicName")
    )


def _is_called(topic: str | None, *names: str) -> bool:
    word = (topic or "").strip().casefold()
    return any(word == name or word.endswith(f".{name}") for name in names)


def _is_transfer(body: JsonObject) -> bool:
    return (find_text(body, "disconnectType") or "").casefold().startswith(_TRANSFER)


def _why_not(topic: str | None, body: JsonObject) -> str:
    why = next((said for name, said in _NOTED.items() if _is_called(topic, name)), "no type of event that Waystate knows")
    code = find_text(body, "wrapupCode") or find_text(body, "wrapupCodeId")
    return f"{why} (wrap-up code {shorten(code, 60)})" if code else why


def _time_of(body: JsonObject) -> Any:
    """Milliseconds since 1970 in events of Genesys; a trigger's data action may write a text."""
    return body.get("eventTime") if isinstance(body.get("eventTime"), int | str) else find_text(body, "eventDateTime")
