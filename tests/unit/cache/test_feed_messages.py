"""The messages of the feed: nothing is lost or too long, and nothing that is not ours is believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.cache.feed import LONGEST, Message, parse_message, render_beat, render_messages

topics = st.dictionaries(st.sampled_from(["a", "hint:relay"]), st.lists(st.text(max_size=50), min_size=1, unique=True))


@given(topics, st.integers(800, 2000))
def test_every_payload_arrives_once_and_no_message_is_too_long(topics: dict[str, list[str]], longest: int) -> None:
    rendered = list(render_messages("me", topics, longest=longest))
    assert all(len(each.encode()) <= longest for each in rendered)
    read = [parse_message(each) for each in rendered]
    arrived = [(topic, each) for message in read if message for topic, payloads in message.topics.items() for each in payloads]
    assert sorted(arrived) == sorted((topic, each) for topic, payloads in topics.items() for each in payloads)


def test_two_hundred_customers_fit_into_few_notifications() -> None:
    payloads = [f"acme {'0' * 36}{number}" for number in range(200)]
    rendered = list(render_messages("0" * 32, {"invalidate": payloads}))
    assert len(rendered) == 2
    assert max(map(len, rendered)) <= LONGEST < 8000


def test_a_beat_says_whether_something_was_missed() -> None:
    assert parse_message(render_beat("me", missed=False)) == Message("me")
    assert parse_message(render_beat("me", missed=True)) == Message("me", missed=True)


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "1", "{}", '{"from": 1, "topics": 2}', '{"from": "a", "topics": {"b": 1}}', "[" * 100_000]
)
def test_what_is_no_message_is_none(text: str) -> None:
    assert parse_message(text) is None


@given(st.recursive(st.none() | st.integers() | st.text(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)))
def test_no_document_whatever_is_believed_or_breaks_it(document: object) -> None:
    parsed = parse_message(json.dumps(document))
    assert parsed is None or (isinstance(document, dict) and "from" in document)
