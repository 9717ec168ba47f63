"""What EventBridge and triggers tell of conversations, by the shapes that Genesys documents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.genesys.ends import find_end, parse_events
from waystate.channels.model import Ignored, Unusable
from waystate.conversations.model import ConversationEnd
from waystate.documents import Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ENDED = NOW - timedelta(minutes=1)
CONVERSATION = "3b1f6a52-8c7d-4e9f-a0b1-c2d3e4f5a6b7"


def values(document: Any) -> list[Any]:
    return [each.value for each in parse_events(json.dumps(document).encode(), "integration", NOW, "ledger:1").items]


def bridged(topic: str = "customer.end", **body: Any) -> dict[str, Any]:
    said = {"eventTime": int(ENDED.timestamp() * 1000), "conversationId": CONVERSATION, "mediaType": "MESSAGE"} | body
    return {
        "version": "0",
        "id": "7bf73129-1428-4cd3-a780-95db273d1602",
        "detail-type": f"v2.detail.events.conversation.{{id}}.{topic}",
        "source": "aws.partner/genesys.com/cloud/5f0c1d9e-6a0b-4c3d-8e7f-2a1b3c4d5e6f/waystate",
        "time": "2026-03-02T11:59:30Z",
        "detail": {
            "topicName": f"v2.detail.events.conversation.{CONVERSATION}.{topic}",
            "version": "2",
            "eventBody": {name: value for name, value in said.items() if value is not None},
            "metadata": {"CorrelationId": "1"},
        },
    }


def test_the_end_of_the_customers_part_ends_the_conversation() -> None:
    (end,) = values(bridged(disconnectType="PEER"))
    assert (end.conversation_id, end.ended_at, end.disconnect_type) == (CONVERSATION, ENDED, "PEER")
    assert end.origin == "ledger:1:0"


@pytest.mark.parametrize(
    "said",
    [
        {"event": "customer.end", "eventTime": "2026-03-02T11:59:00.000Z"},
        {"event": "v2.detail.events.conversation.{id}.customer.end", "eventTime": int(ENDED.timestamp() * 1000)},
        {"event": "CustomerEnd", "eventTime": str(int(ENDED.timestamp()))},
        {"topicName": "v2.detail.events.conversation.x.customer.end", "eventBody": {"eventTime": "2026-03-02T11:59:00Z"}},
    ],
)
def test_what_a_trigger_sends_is_small_and_means_the_same(said: dict[str, Any]) -> None:
    (said.get("eventBody") or said)["conversationId"] = CONVERSATION
    (end,) = values(said)
    assert (end.conversation_id, end.ended_at) == (CONVERSATION, ENDED)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (bridged("user.end", disconnectType="TRANSFER"), "each transfer"),
        (bridged("user.end", disconnectType="PEER"), "each transfer"),
        (bridged("acd.end"), "each transfer"),
        (bridged("acw", wrapupCode="sold"), "wrap-up code sold"),
        (bridged("customer.end", disconnectType="TRANSFER_FORWARD"), "a transfer"),
        (bridged("customer.end", mediaType="VOICE"), "it is of VOICE"),
        (bridged("something.new"), "no type of event that Waystate knows"),
        ({"event": "hello", "conversationId": CONVERSATION}, "no type of event"),
        ({}, "no type of event"),
    ],
)
def test_what_ends_nothing_is_ignored_with_its_name(document: Any, why: str) -> None:
    (value,) = values(document)
    assert isinstance(value, Ignored)
    assert why in value.why


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (bridged(conversationId=None), "conversationId"),
        ({"event": "customer.end", "conversationId": CONVERSATION}, "eventTime"),
        ({"event": "customer.end", "conversationId": CONVERSATION, "eventTime": {"a": 1}}, "eventTime"),
        ([1], "JSON object"),
    ],
)
def test_an_end_that_does_not_say_of_what_or_when_is_kept_as_unusable(document: Any, why: str) -> None:
    (value,) = values(document)
    assert isinstance(value, Unusable)
    assert why in value.why


def test_time_of_the_envelope_stands_in_for_that_of_the_event() -> None:
    (end,) = values(bridged(eventTime=None))
    assert end.ended_at == datetime(2026, 3, 2, 11, 59, 30, tzinfo=UTC)


def test_several_events_in_an_array_are_items_of_their_own() -> None:
    first, second, third = values([bridged(), bridged("acw"), bridged(conversationId="other")])
    assert (first.origin, third.origin, third.conversation_id) == ("ledger:1:0", "ledger:1:2", "other")
    assert isinstance(second, Ignored)


PRESENT = {"purpose": "customer", "state": "connected"}
GONE = {"purpose": "agent", "state": "disconnected", "endTime": "2026-03-02T11:58:00Z"}
LAST = {"purpose": "customer", "state": "disconnected", "endTime": "2026-03-02T11:59:00Z"}


@pytest.mark.parametrize(
    ("participants", "ended"),
    [
        ([GONE, LAST], ENDED),
        ([GONE, {"purpose": "customer", "endTime": "2026-03-02T11:59:00Z"}], ENDED),
        ([GONE, PRESENT], None),
        ([GONE, {"purpose": "acd"}], None),
        ([{"state": "disconnected"}], None),
        ([], None),
        ([3], None),
    ],
)
def test_conversation_ended_when_all_have_left(participants: list[Any], ended: datetime | None) -> None:
    assert find_end({"participants": participants}, NOW) == ended
    (value,) = values({"topicName": "v2.conversations.messages", "eventBody": {"id": "c", "participants": participants}})
    assert isinstance(value, ConversationEnd) is (ended is not None)


NAMES = ("detail", "eventBody", "topicName", "participants", "eventTime", "conversationId", "endTime", "event", "customer.end")
WORDS = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(NAMES)


@given(st.recursive(WORDS, lambda each: st.lists(each) | st.dictionaries(st.sampled_from(NAMES), each)))
def test_whatever_comes_is_a_value_or_unreadable(document: Any) -> None:
    try:
        values(document)
    except Unreadable:
        assert not isinstance(document, dict | list)


def test_text_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        parse_events(b"hello", "integration", NOW)
