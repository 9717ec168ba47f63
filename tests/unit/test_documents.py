import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.documents import Unreadable, clean_text, dump, in_one_line, is_name, is_whole, parse, shown

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=[])), inner, max_size=4)
    ),
    max_leaves=12,
)


KEYS = st.text(st.characters(categories=["L", "N"]))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 10**17, 10**17 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_an_ordinary_document_comes_out_as_the_standard_parser_reads_it(document: Any) -> None:
    for ascii_only in (True, False):
        assert parse(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(DOCUMENTS)
def test_whatever_a_sender_writes_comes_out_storable(document: Any) -> None:
    assert_storable(parse(json.dumps(document).encode()))


@given(st.binary())
def test_bytes_are_a_storable_document_or_unreadable(body: bytes) -> None:
    try:
        document = parse(body)
    except Unreadable:
        return
    assert_storable(document)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (rb'{"a":"x\u0000y"}', {"a": "x\ufffdy"}),
        (rb'{"a\u0000":1}', {"a\ufffd": 1}),
        (rb'["\ud800", "\udc00", "\ud83d\ude00"]', ["\ufffd", "\ufffd", "\U0001f600"]),
        (rb'["\uD83D x"]', ["\ufffd x"]),
        (b"[NaN, Infinity, -Infinity, 1e999, -1e999]", [None] * 5),
        (b"[9223372036854775807]", ["9223372036854775807"]),
        (b"[" + b"9" * 5000 + b"]", ["9" * 5000]),
        (b'["NaN"]', ["NaN"]),
        (rb'["\\u0000"]', [r"\u0000"]),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_what_postgresql_refuses_becomes_the_nearest_it_takes(body: bytes, document: Any) -> None:
    assert parse(body) == document


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"hello",
        b"[1,]",
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        b"[" * 100_000,
        b"[" * 100_000 + b"NaN",
        b'{"a":NaN',
        b"\x00",
    ],
)
def test_what_is_no_document_is_unreadable_and_says_why(body: bytes) -> None:
    with pytest.raises(Unreadable, match="not "):
        parse(body)


def test_deep_nesting_ends_no_process() -> None:
    for depth in (50, 500, 5_000, 50_000):
        for inside in (b"1", b"NaN"):
            try:
                assert_storable(parse(b"[" * depth + inside + b"]" * depth))
            except Unreadable:
                assert depth > 50


def test_dumped_text_is_compact_and_keeps_letters() -> None:
    assert dump({"a": ["ä", 1, None]}) == '{"a":["ä",1,null]}'


def test_text_is_cleaned_alike() -> None:
    assert clean_text("a\x00b\ud800c") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize("odd", ["\x00", "\x1b[31m", "\n", "\x7f", "\x9b", "\u2028", "\u202e", "\u2066", "\u202a"])
def test_a_name_has_nothing_that_a_terminal_obeys_or_that_was_lost(odd: str) -> None:
    assert not is_name(f"a{odd}b")
    assert not is_name(chr(0xDCFF))
    assert not is_name("\ufffd")
    assert is_name("Zoë \u200f\u05d0 \U0001f468\u200d\U0001f469 \u00a0 O'Neil")
    assert is_name(shown(f"a{odd}b"))
    assert is_name(in_one_line(f"a{odd}b"))
    assert in_one_line("a\r\n\u202e b\n") == "a b"
    assert in_one_line("a  b") == "a  b"
    assert shown("é\x1b[0m") == "é\\x1b[0m"


def test_a_secret_may_hold_anything_that_can_be_stored() -> None:
    assert [is_whole(f"a{odd}") for odd in ("\n", "é", "\x00", "\udcff", "\ufffd")] == [True, True, False, False, False]


def assert_storable(document: Any) -> None:
    match document:
        case str():
            assert "\x00" not in document
            document.encode()
        case float():
            assert math.isfinite(document)
        case dict():
            for key, value in document.items():
                assert_storable(key)
                assert_storable(value)
        case list():
            for value in document:
                assert_storable(value)


@pytest.mark.parametrize("half", ["\\ud800", "\\uDBFF", "\\udc00", "\\uDFFF", "\\udc00\\ud800"])
def test_half_a_character_is_replaced_and_the_rest_is_kept(half: str) -> None:
    document = parse(f'{{"{half}": "{half}x"}}'.encode())
    assert_storable(document)
    assert [value[-1] for value in document.values()] == ["x"]


@pytest.mark.parametrize(
    ("body", "document"),
    [(b"Infinity", None), (b" -Infinity", None), (b"NaN", None), (b" " + b"9" * 30, "9" * 30), (b"1e999", None)],
)
def test_a_document_that_is_one_number_is_made_storable_too(body: bytes, document: Any) -> None:
    assert parse(body) == document
