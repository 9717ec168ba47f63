"""Whatever arrives, the parsers answer: items, or `Unreadable`, and never another exception."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waystate.channels.genesys.parse import parse_webhook as parse_genesys
from waystate.channels.model import Ignored, Parsed, Unusable
from waystate.channels.whatsapp.parse import find_numbers
from waystate.channels.whatsapp.parse import parse_webhook as parse_whatsapp
from waystate.documents import Unreadable

NOW = datetime(2026, 11, 20, tzinfo=UTC)
KEYS = st.from_regex(
    r"entry|changes|field|value|messages|statuses|errors|contacts|metadata|phone_number_id|id|from|type|text|body|timestamp"
    r"|image|caption|location|latitude|name|phones|interactive|nfm_reply|response_json|button_reply|reaction|emoji"
    r"|order|product_items|system|wa_id|user_id|edit|message|status|biz_opaque_callback_data|profile|context|channel|to|time"
    r"|content|attachment|quickReply|card|actions|carousel|cards|listPicker|sections|listItems|datePicker|availableTimes"
    r"|template|events|eventType|conversationId|direction",
    fullmatch=True,
)
WORDS = st.from_regex(
    r"messages|text|image|contacts|interactive|nfm_reply|edit|system|Text|Structured|Event|1|", fullmatch=True
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=6),
    max_leaves=25,
)


def check(body: bytes) -> None:
    for parse in (parse_whatsapp, parse_from_genesys):
        with suppress(Unreadable):
            parsed = parse(body, NOW, "o")
            assert isinstance(parsed, Parsed)
            assert len({item.item for item in parsed.items}) == len(parsed.items)
            assert all(item.value.item == item.item for item in parsed.items if isinstance(item.value, Ignored | Unusable))
    check_numbers(body)


def check_numbers(body: bytes) -> None:
    """Every number that the parser finds items of has a row of its own from the start."""
    found = find_numbers(body)
    assert len(set(found)) == len(found)
    with suppress(Unreadable):
        parsed = parse_whatsapp(body, NOW, "o")
        assert {item.phone_number_id for item in parsed.items} - {None} <= set(found)


def parse_from_genesys(body: bytes, received_at: datetime, origin: str) -> Parsed:
    return parse_genesys(body, "i", received_at, origin)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered(body):
    check(body)


@settings(max_examples=150)
@given(tree=TREES)
def test_any_document_is_answered(tree):
    check(json.dumps(tree).encode())


@settings(max_examples=150)
@given(tree=TREES)
def test_any_value_of_a_change_is_answered(tree):
    check(json.dumps({"entry": [{"id": "1", "changes": [{"field": "messages", "value": tree}, tree]}, tree]}).encode())


@settings(max_examples=200)
@given(message=TREES, kind=WORDS, inner=TREES)
def test_any_message_is_answered(message, kind, inner):
    named = {"id": "w", "from": "1", "type": kind, kind: inner}
    value = {
        "metadata": {"phone_number_id": "1"},
        "messages": [named, message],
        "contacts": [inner],
        "statuses": [message, inner],
    }
    check(json.dumps({"field": "messages", "value": value}).encode())
    check(json.dumps({"id": "1", "type": kind, "channel": message, "content": [inner, {kind: inner}, message]}).encode())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damaged_payload_of_the_corpus_is_answered(corpus, data):
    files = list(corpus.files("whatsapp/text", "whatsapp/system", "whatsapp/order", "whatsapp/contacts", "genesys"))
    _, body = data.draw(st.sampled_from(files))
    check(_damaged_bytes(body, data))
    document = json.loads(body)
    _damage(document, data)
    check(json.dumps(document).encode())


def _damaged_bytes(body: bytes, data: st.DataObject) -> bytes:
    start = data.draw(st.integers(0, len(body) - 1))
    end = data.draw(st.integers(start, min(len(body), start + 20)))
    return body[:start] + data.draw(st.binary(max_size=6)) + body[end:]


def _damage(document, data: st.DataObject) -> None:
    """Put any value in the place of one node, walking down by chance."""
    node = document
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(TREES)
            return
        node = node[key]


@pytest.mark.parametrize("depth", [50, 150, 400, 900, 5000])
@pytest.mark.parametrize("careful", ["", '"n": 1e999, '], ids=["fast parser", "careful parser"])
def test_deep_nesting_is_answered(depth, careful):
    nested = '{"type":"edit","edit":{"message":' * depth + "{}" + "}}" * depth
    form = {"type": "nfm_reply", "nfm_reply": {"response_json": "{" + careful + '"a":' + "[" * depth + "]" * depth + "}"}}
    for content in (f'"type": "edit", "edit": {nested}', f'"type": "interactive", "interactive": {json.dumps(form)}'):
        message = '{"id": "w", "from": "1", ' + content + "}"
        check(f'{{{careful}"value": {{"metadata": {{"phone_number_id": "1"}}, "messages": [{message}]}}}}'.encode())
    check(b"[" * depth)


NUMBERS = st.one_of(st.text(max_size=3), st.integers(), st.floats(allow_nan=False), st.none(), st.booleans())


@st.composite
def escaped(draw: st.DrawFn, text: str) -> str:
    """A JSON string of this ASCII text, some characters of which are written as escapes."""
    chosen = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return '"' + "".join(f"\\u{ord(c):04x}" if hide else c for c, hide in zip(text, chosen, strict=True)) + '"'


@settings(max_examples=300)
@given(data=st.data(), numbers=st.lists(NUMBERS, max_size=4), is_spaced=st.booleans())
def test_no_number_of_an_item_is_missed_however_it_is_written(
    data: st.DataObject, numbers: list[object], is_spaced: bool
) -> None:
    space = " " if is_spaced else ""
    changes = []
    for number in numbers:
        key = data.draw(st.one_of(st.just('"phone_number_id"'), escaped("phone_number_id")))
        value = json.dumps(number, ensure_ascii=data.draw(st.booleans()))
        changes.append(f'{{"value":{{"metadata":{{{key}{space}:{space}{value}}},"statuses":[{{}}]}}}}')
    body = f'{{"entry":[{{"changes":[{",".join(changes)}]}}]}}'.encode(errors="surrogatepass")
    check_numbers(body)
