"""Bold, italic and struck text, as Markdown and as WhatsApp writes it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.channels.whatsapp.marks import from_markdown, to_markdown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a **bold** word", "a *bold* word"),
        ("*italic* and _italic_", "_italic_ and _italic_"),
        ("***both***", "_*both*_"),
        ("~~struck~~", "~struck~"),
        ("`code **x** ` and **y**", "`code **x** ` and *y*"),
        ("```\n**x**\n```\n**y**", "```\n**x**\n```\n*y*"),
        ("[our shop](https://shop.example/a_b_c) is *open*", "our shop (https://shop.example/a_b_c) is _open_"),
        ("[https://shop.example](https://shop.example)", "https://shop.example"),
        ('[a](https://a.example "title")', 'a (https://a.example "title")'),
        ("1. a\n- **b**\n* c", "1. a\n- *b*\n* c"),
        ("**[shop](https://shop.example)**", "*shop (https://shop.example)*"),
        ("**https://shop.example/x**", "*https://shop.example/x*"),
    ],
)
def test_markdown_becomes_whatsapps_marks(written, shown):
    assert from_markdown(written) == shown


@pytest.mark.parametrize(
    "text",
    [
        *("2*3*4", "5 * 3 * 2 = 30", "snake_case_name", "__init__", "**unclosed", "* not closed", "a*b", "~5 euros", "~a~"),
        *(
            "\\*not bold\\*",
            "x**2** y",
            "~~a~~b",
            "https://a.example/*x*/_y_",
            "[no link]",
            "[a][b]",
            "x**2 + y**2",
            "``` **open block",
            "&amp; <b>x</b>",
        ),
        *("tabs\t and  blanks \r\n stay", "_already italic_", "\x00 **\n** \ue0000\ue001 **x**"),
    ],
)
def test_what_is_not_certain_stays_as_it_is(text):
    assert from_markdown(text) == text


@given(st.text(st.characters(exclude_characters="*~[")))
def test_text_without_marks_stays_byte_for_byte(text):
    assert from_markdown(text) == text
    assert to_markdown(text.replace("_", "")) == text.replace("_", "")


@given(st.text(st.sampled_from("ab *_~`[]()\\\n\r\t\"'!<>&.:/0\ue000\ue0011#-") | st.characters(), max_size=60))
def test_nothing_but_marks_is_ever_lost_or_added(text):
    for shown in (from_markdown(text), to_markdown(text)):
        assert _without_marks(text) == _without_marks(shown), (text, shown)


def _without_marks(text):
    """Every character but those that marks consist of, however often, and the blanks of a link."""
    return Counter(each for each in text if each not in "*_~[]()\"'<> \t\n\\")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a *bold* word", "a **bold** word"),
        ("_italic_, ~struck~", "*italic*, ~~struck~~"),
        ("`*x*` *y*", "`*x*` **y**"),
        ("2*3*4 snake_case_name ~ ~", "2*3*4 snake_case_name ~ ~"),
        ("see https://a.example/_x_/", "see https://a.example/_x_/"),
        ("```*x*``` *y*", "```*x*``` **y**"),
    ],
)
def test_whatsapps_marks_become_markdown(written, shown):
    assert to_markdown(written) == shown
