"""What customers are found by: words without case and diacritics, and phones in every spelling. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import phonenumbers

from waystate.contacts.model import Identity, IdentityKind
from waystate.contacts.spellings import other_spelling

NAMELESS = "\U0010ffff"
"""Sorts behind every name."""
_LONGEST, _MOST = 64, 200
"""Characters of a word, and words of a customer or of a question; what is beyond is not searched for."""
_LETTERS = {"æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th", "ŋ": "n", "ĸ": "k"}
_STRUCK = re.compile("LATIN SMALL LETTER ([A-Z]) WITH .+")
_WORD = re.compile(r"\w+")
_WRITTEN = re.compile(r"[\w\u0300-\u036f]+")
"""A word as people write it: marks may stand by themselves behind their letters."""
_PHONE = re.compile(r"\+?\(?[0-9][0-9 ()./\-]{2,30}")
_WIDE = re.compile(
    "[\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Chinese and Japanese are written without spaces: they are found by every two characters that stand together."""


def fold(text: str) -> str:
    """Returns the text as `José` and `JOSE` have in common: compatibility forms, no diacritics, no case.

    `ł`, `ø` and other letters that Unicode does not take apart are the letter that their name names, `æ` and its kind two.
    """
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(each for each in apart if not unicodedata.combining(each)).casefold()
    if not bare.isascii():
        bare = "".join(each if each.isascii() else _plain(each) for each in bare)
    return unicodedata.normalize("NFC", bare)


@lru_cache(maxsize=4096)
def _plain(letter: str) -> str:
    """Of a small letter of the Latin script."""
    if (known := _LETTERS.get(letter)) is not None:
        return known
    named = _STRUCK.fullmatch(unicodedata.name(letter, ""))
    return named[1].lower() if named else letter


def words_of(texts: Iterable[str | None], identities: Iterable[Identity], phone_number: str | None = None) -> list[str]:
    """Returns the words by which a customer is found, each once: those of texts, ids, and phones as people write them."""
    words = [word for text in texts if text for word in _split(text)]
    for identity in identities:
        if identity.kind is IdentityKind.WA_ID:
            words += _spellings(identity.external_id)
        else:
            words += _split(identity.external_id)
    if phone_number:
        words += _spellings(phone_number)
    return list(dict.fromkeys(words))[:_MOST]


def split_words(text: str, most: int) -> list[str]:
    """Returns the words of a text, each once and `most` of them, as they are found by."""
    return list(dict.fromkeys(_split(text)))[:most]


def query_of(question: str) -> str | None:
    """Returns a question as PostgreSQL's tsquery: every word, or its beginning, has to be there. None: it has no word.

    What looks like a phone is one word, whatever stands between its digits; a `0` or `00` in front says where one calls from.
    """
    folded = fold(question.strip())
    is_phone = _PHONE.fullmatch(folded)
    words = [re.sub(r"\D", "", folded.replace("(0)", "")).lstrip("0")] if is_phone else _split(question)
    found = [word for word in dict.fromkeys(words) if word][:_MOST]
    return " & ".join(f"'{word}':*" for word in found) or None


def find_matches(question: str, text: str) -> list[tuple[int, int]]:
    """Returns where a text holds what was asked for: from and behind which character, in order."""
    asked = tuple(dict.fromkeys(_split(question)))
    spans = [
        (found.start(), found.start() + _length_of(found[0], word))
        for found, folded in ((each, fold(each[0])) for each in _WRITTEN.finditer(text))
        if folded.startswith(asked)
        for word in asked
        if folded.startswith(word)
    ]
    return sorted(dict.fromkeys(spans))


def _length_of(written: str, folded: str) -> int:
    """How many characters of a word as it is written come to the folded beginning."""
    for length in range(1, len(written) + 1):
        if len(fold(written[:length])) >= len(folded):
            return _with_marks(written, length)
    return len(written)


def _with_marks(written: str, length: int) -> int:
    while length < len(written) and unicodedata.combining(written[length]):
        length += 1
    return length


def _split(text: str) -> list[str]:
    return [part[:_LONGEST] for word in _WORD.findall(fold(text)) for part in _parts(word)]


def _parts(word: str) -> Iterator[str]:
    place = 0
    for found in _WIDE.finditer(word):
        if found.start() > place:
            yield word[place : found.start()]
        wide = found[0]
        yield from (wide[at : at + 2] for at in range(max(1, len(wide) - 1)))
        place = found.end()
    if place < len(word):
        yield word[place:]


def _spellings(phone: str) -> list[str]:
    """With and without the country's code, in both spellings where there are two."""
    digits = phone.removeprefix("+")
    written = [digits, other] if (other := other_spelling(digits)) else [digits]
    return written + [national for each in written if (national := _national(each))]


def _national(digits: str) -> str | None:
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse("+" + digits))
    except phonenumbers.NumberParseException:
        return None
