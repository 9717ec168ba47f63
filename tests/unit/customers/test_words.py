"""Customers are found by words without case and diacritics, and by phones in every spelling."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystate.contacts.model import Identity, IdentityKind
from waystate.customers.words import find_matches, fold, query_of, words_of


def fits(question: str, words: list[str]) -> bool:
    """As PostgreSQL understands the tsquery that `query_of` writes."""
    query = query_of(question)
    return query is not None and all(
        any(word.startswith(asked) for word in words) for asked in re.findall(r"'([^']*)':\*", query)
    )


ANA = words_of(["Ana Lúcia Souza-Müller", "ana.souza@example.com", None], [Identity(IdentityKind.WA_ID, "5511987654321")])


@pytest.mark.parametrize(
    "question",
    ["ana", "ANA", "lucia", "Lúc", "muller", "souza ana", "ana.souza@example.com", "example.com", "souza-mul"],
)
def test_words_fit_whatever_their_case_and_marks(question: str) -> None:
    assert fits(question, ANA)


@pytest.mark.parametrize(
    ("name", "question"),
    [
        *(("Łukasz Żółć", "lukasz zolc"), ("Søren", "SOREN"), ("Đorđe", "dorde"), ("Işıl", "isil"), ("Æsa", "aesa")),
        *(("Œuvre", "oeuvre"), ("Þóra", "thora"), ("Ħal", "hal"), ("Straße", "strasse"), ("lukasz", "Łukasz")),
    ],
)
def test_letters_that_unicode_does_not_take_apart_fit_their_plain_ones(name: str, question: str) -> None:
    assert fits(question, words_of([name], []))
    assert find_matches(question, name)[0] == (0, len(name.split()[0]))


@pytest.mark.parametrize("question", ["anna", "lucia silva", "ouza", "bob"])
def test_what_is_not_there_does_not_fit(question: str) -> None:
    assert not fits(question, ANA)


@pytest.mark.parametrize(
    "question",
    [
        "+55 11 98765-4321", "5511987654321", "005511987654321", "(11) 98765-4321", "11987654321", "011 98765 4321",
        "1187654321", "551187654321", "+55 (0)11 98765-4321", "55119",
    ],
)  # fmt: skip
def test_a_phone_fits_in_every_spelling(question: str) -> None:
    assert fits(question, ANA)


def test_a_phone_does_not_fit_by_its_middle() -> None:
    assert not fits("87654321", ANA)


def test_a_user_id_fits() -> None:
    words = words_of([], [Identity(IdentityKind.BSUID, "US.13491208655302741918")])
    assert fits("US.13491208655302741918", words)
    assert fits("13491208", words)


def test_chinese_and_japanese_fit_by_any_two_characters() -> None:
    words = words_of(["王小明", "田中さくら"], [])
    assert fits("小明", words)
    assert fits("王小", words)
    assert fits("王", words)
    assert fits("さくら", words)
    assert not fits("明小", words)


def test_a_question_without_a_word_asks_nothing() -> None:
    assert query_of(" ...!? ") is None


def test_matches_are_told_where_they_stand() -> None:
    text = "Ana Lúcia Souza"
    assert [text[start:end] for start, end in find_matches("luc SOU", text)] == ["Lúc", "Sou"]
    decomposed = "Lu\u0301cia"
    assert [decomposed[start:end] for start, end in find_matches("lu", decomposed)] == ["Lu\u0301"]


@given(st.text(max_size=60))
def test_whatever_is_asked_is_a_query_of_plain_words(question: str) -> None:
    query = query_of(question)
    assert query is None or re.fullmatch(r"'\w+':\*( & '\w+':\*)*", query)


@given(st.text(max_size=40))
def test_everybody_is_found_by_their_own_name(name: str) -> None:
    words = words_of([name], [])
    assert all(" " not in word and word for word in words)
    if not re.fullmatch(r"\+?\(?[0-9][0-9 ()./\-]{2,30}", fold(name.strip())) and query_of(name) is not None:
        assert fits(name, words)


@given(st.text(max_size=40), st.text(max_size=10))
def test_matches_lie_inside_the_text(text: str, question: str) -> None:
    for start, end in find_matches(question, text):
        assert 0 <= start < end <= len(text)
