"""Ready answers are filled in, and what cannot be is said with its line."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystate.errors import Unprocessable
from waystate.replies.filling import FILTERS, fill, find_problems
from waystate.replies.model import LONGEST_TEXT, fold_shortcut, is_shortcut

VALUES = {
    "customer": {"name": "Ana Souza", "first_name": "Ana", "tags": ["vip"], "metadata": {"plan": {"name": "gold"}, "n": 3}},
    "agent": {"name": None},
    "business": {"name": "Acme"},
}


@pytest.mark.parametrize(
    ("text", "filled", "missing"),
    [
        ("Hello {{ customer.first_name }}!", "Hello Ana!", []),
        ("{{ customer.metadata.plan.name | upcase }} {{ customer.metadata.n }}", "GOLD 3", []),
        ("{% if customer.tags contains 'vip' %}Dear{% else %}Hi{% endif %}", "Dear", []),
        ("{{ agent.name }}, {{ business.name }}", ", Acme", ["agent.name"]),
        ("{{ agent.name | default: 'your team' }}", "your team", []),
        ("{{ customer.metadata.a.b }}", "", ["customer.metadata.a.b"]),
        ("{{ customer.metadata.plan.x | upcase }}", "", ["customer.metadata.plan.x"]),
        ("{% if agent.name %}x{% endif %}{% unless agent.name %}y{% endunless %}", "y", []),
        ("{% assign x = customer.name %}{{ x | truncate: 6 }}", "Ana...", []),
        ("{{ queue.name }}", "", ["queue.name"]),
        ("{{ '<b>' }} & {{ customer.name }}", "<b> & Ana Souza", []),
    ],
)  # fmt: skip
def test_variables_are_filled_in(text: str, filled: str, missing: list[str]) -> None:
    assert find_problems(text) == []
    assert fill(text, VALUES) == (filled, missing)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("Hello\n{{ customer.name", 2, "end of file"),
        ("a\n{% if customer.name %}\nb", 3, "endif"),
        ("a\n\n{{ customer.nme }}", 3, "customer.nme"),
        ("{{ name }}", 1, "customer"),
        ("{{ customer.metadata }}", 1, "fields"),
        ("{{ customer }}", 1, "customer"),
        ("\n{{ customer.name | replace: 'a', 'aa' }}", 2, "replace"),
        ("\n{% include 'x' %}", 2, "include"),
        ("{% render 'x' %}", 1, "render"),
        ("{% for x in customer.tags %}{{ x }}{% endfor %}", 1, "for"),
        ("{% capture x %}a{% endcapture %}", 1, "capture"),
        ("{{ a b }}", 1, "expected"),
        ("{% if a %}" * 300 + "{% endif %}" * 300, 1, ""),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, word: str) -> None:
    problems = find_problems(text)
    assert problems[0].line == line
    assert word in problems[0].sentence


def test_what_grows_too_long_is_refused() -> None:
    values = {"customer": {"name": "x" * 3000}}
    with pytest.raises(Unprocessable) as refused:
        fill("{{ customer.name }}{{ customer.name }}", values)
    assert refused.value.code == "reply_too_long"
    with pytest.raises(Unprocessable):
        fill("{{ customer.name }}" * 200, values)


WORDS = "{{ }} {% %} customer.name if endif case when contains x | : 'a' , 99999999999 (1..999999999) [ ] . - 1e999 == <"
pieces = st.sampled_from([*WORDS.split(), *sorted(FILTERS), " assign x = ", " ", "\n"])


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces, max_size=40).map("".join))
def test_no_text_does_more_than_be_filled_in_or_refused(text: str) -> None:
    begun = time.process_time()
    if not find_problems(text):
        with suppress(Unprocessable):
            assert len(fill(text, VALUES).text) <= LONGEST_TEXT
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "text",
    [
        "{{ customer.name | truncate: 4000, customer.name }}" * 70,
        "{% assign x = customer.name %}" + "{% assign x = x | truncate: 4000, x %}" * 100,
        "{{" * 2000,
        "{{ customer.name" + " | upcase" * 450 + " }}",
        "{% if customer.name %}" * 150,
        "{{ 'a' | truncate: 1e999 }}",
        "{{ 'a' | truncate: " + "9" * 4000 + " }}",
    ],
)
def test_what_is_made_to_cost_costs_little(text: str) -> None:
    begun = time.process_time()
    if not find_problems(text):
        with suppress(Unprocessable):
            fill(text, {"customer": {"name": "x" * 200}})
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("typed", "stored"), [("/Thanks", "thanks"), (" STRASSE ", "strasse"), ("Straße", "strasse"), ("ﬁn", "fin")]
)
def test_a_shortcut_is_the_same_however_it_is_typed(typed: str, stored: str) -> None:
    assert fold_shortcut(typed) == stored
    assert is_shortcut(stored)


@pytest.mark.parametrize("typed", ["", "/", "two words", "a/b", "x" * 51, "a\u202eb"])
def test_a_shortcut_is_one_word(typed: str) -> None:
    assert not is_shortcut(fold_shortcut(typed))
