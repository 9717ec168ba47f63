"""A long text goes out in parts, and its reader misses nothing but the white space between them."""

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from waystate.messages.split import split_text

FAMILY = "👩‍👩‍👧‍👦"
WHOLE = [FAMILY, "e\u0301", "🇩🇪", "👍🏽", "1️⃣", "क्षि"]


def texts_of(*pieces):
    return st.lists(st.sampled_from(pieces), max_size=200).map("".join)


def squeezed(text):
    return "".join(text.split())


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("short", 10, ["short"]),
        ("", 10, [""]),
        ("First.\n\nSecond one.\nStill second.", 26, ["First.", "Second one.\nStill second."]),
        ("First line\nsecond line. More", 24, ["First line", "second line. More"]),
        ("One two. Three four five.", 20, ["One two.", "Three four five."]),
        ("one two three four", 9, ["one two", "three", "four"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("今日は。明日も。", 5, ["今日は。", "明日も。"]),
        ("He said “go!” Then left.", 18, ["He said “go!”", "Then left."]),
        (f"{FAMILY}{FAMILY}", 8, [FAMILY, FAMILY]),
        ("at 10\u00a0km more", 6, ["at", "10\u00a0km", "more"]),
    ],
    ids=["short", "empty", "paragraph", "line", "sentence", "word", "none", "CJK", "quote", "emoji", "no-break"],
)
def test_a_part_ends_with_the_largest_piece_that_fits(text, limit, parts):
    assert split_text(text, limit) == parts


def test_an_early_paragraph_costs_no_further_message():
    text = "Hi\n\n" + "A sentence of thirty letters. " * 200
    assert len(split_text(text)) == 2


def test_a_text_at_the_limit_stays_whole():
    assert split_text("x" * 4096) == ["x" * 4096]
    assert [len(part) for part in split_text("x" * 4097)] == [4096, 1]


def test_white_space_is_no_part():
    assert split_text("\n" * 5000 + "text" + " " * 5000) == ["text"]
    assert split_text("a" + " " * 10_000 + "b") == ["a", "b"]


def test_a_character_longer_than_a_part_is_cut_beside_no_joiner():
    joined = "👩" + "\u0301" * 3 + "\u200d👩" + "\u0301" * 10
    assert split_text(joined, 5)[0] == "👩\u0301\u0301"
    assert "".join(split_text(joined, 5)) == joined
    assert all(len(part) <= 5 for part in split_text("\u200d".join("👩" * 20), 5))
    assert "".join(split_text("a" + "\u0301" * 30, 7)) == "a" + "\u0301" * 30


@given(text=texts_of(*"ab .!?\n\t。」\u00a0\u0600\u0301", *WHOLE), limit=st.integers(12, 60))
@example(text="a " + "\u0301" * 3 + "b" * 20, limit=12)
@example(text="\u0600 " * 20, limit=12)
def test_whatever_is_split_is_whole_in_its_parts(text, limit):
    parts = split_text(text, limit)
    assert all(len(part) <= limit for part in parts)
    assert squeezed("".join(parts)) == squeezed(text)
    assert all(parts) or parts == [""]


@pytest.mark.parametrize("text", ["some words \u0301more", "some words\u0600 more"])
def test_a_space_that_belongs_to_a_character_is_no_border(text):
    assert split_text(text, 12) == ["some", text.removeprefix("some ")]


@given(text=texts_of("a", " ", ".", *WHOLE), limit=st.integers(12, 40))
def test_no_character_is_torn(text, limit):
    whole = regex.findall(r"\X", text)
    torn = [cluster for part in split_text(text, limit) for cluster in regex.findall(r"\X", part)]
    assert squeezed("".join(torn)) == squeezed(text)
    assert set(torn) <= set(whole)


@given(st.text(max_size=400), st.integers(20, 60))
def test_any_text_is_split_and_put_together_again(text, limit):
    parts = split_text(text, limit)
    assert squeezed("".join(parts)) == squeezed(text)
    assert all(len(part) <= limit for part in parts)
