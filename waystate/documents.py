"""JSON from outside: the one boundary where what PostgreSQL or a reader could choke on is made harmless.

The standard parser raises ValueError on integers of 5,000 digits and RecursionError on deep nesting, and lets NaN and lone
surrogates pass; PostgreSQL refuses `\\u0000` and NaN in jsonb. Here a readable document always comes out whole, with the
smallest change that makes it storable, and an unreadable one raises `Unreadable` with a reason for people.
"""

import json
import re
from typing import Any

import pydantic_core

JsonObject = dict[str, Any]

TOO_DEEP = "not usable JSON: it is nested more than 200 levels deep"
_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
_LONG_INTEGER = 18
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBERS = (b"0" * 17, b"0e000", b"0E000", b"0e+000", b"0E+000")
_LOOK_BACK = 40  # bytes
_NUL = rb"\u0000"
_LOST = "\ufffd"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line ends, overrides of the direction of writing, lone surrogates: a terminal obeys them, or breaks."""


class Unreadable(ValueError):
    """The body is no JSON document; the message says why."""


def parse(body: bytes) -> Any:
    """The document, safe to store as jsonb.

    NUL characters and lone surrogates become U+FFFD, NaN and infinities null, integers beyond 64 bits strings.
    """
    if not _is_suspect(body):
        try:
            return pydantic_core.from_json(body, allow_inf_nan=False)
        except ValueError as error:
            # What else the fast parser does not take, the careful one judges.
            if "recursion limit" in str(error):
                raise Unreadable(TOO_DEEP) from None
    return _parse_carefully(body)


def dump(document: Any) -> str:
    """Compact JSON text, for jsonb parameters."""
    try:
        return pydantic_core.to_json(document, inf_nan_mode="null", fallback=str).decode()
    except ValueError:  # a lone surrogate, which is no UTF-8
        return _encoder.encode(document)


def shorten(text: str, most: int) -> str:
    """At most so many characters, the last one an ellipsis where some are left out."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def clean_text(text: str) -> str:
    return _UNSTORABLE.sub(_LOST, text)


def clean_tag(written: str) -> str:
    """Returns a tag as it is kept: without control characters, one space between words."""
    return " ".join(clean_text(written).split())


def merge_patch(document: JsonObject, patch: JsonObject) -> JsonObject:
    """https://www.rfc-editor.org/rfc/rfc7396#section-2"""
    merged = dict(document)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            inner = merged.get(key)
            merged[key] = merge_patch(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def is_whole(text: str) -> bool:
    """Nothing in it is unstorable, or was: U+FFFD stands where `parse` found a NUL or a lone surrogate."""
    return _LOST not in text and _UNSTORABLE.search(text) is None


def is_name(text: str) -> bool:
    """Whether people can be shown it as it is: the rule for every name that is set."""
    return _LOST not in text and _UNSHOWN.search(text) is None


def in_one_line(text: str) -> str:
    """As it is where people can be shown it so; else without what breaks a line or turns its writing around."""
    return text if _UNSHOWN.search(text) is None else " ".join(_UNSHOWN.sub(" ", text).split())


def shown(text: str) -> str:
    """For a line of a terminal: what it would obey is written as an escape, such as `\\x1b`."""
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _is_suspect(body: bytes) -> bool:
    """Whether the fast parser might take what PostgreSQL does not: a NUL, or a number that is no number of 64 bits.

    Phone numbers and wamids are as long, but stand in texts.
    """
    if _NUL in body:
        return True
    digits = body.translate(_DIGITS)
    for mark in _LONG_NUMBERS:
        place = digits.find(mark)
        while place >= 0:
            if _is_number(digits, place):
                return True
            place = digits.find(mark, place + len(mark))
    return False


def _is_number(digits: bytes, place: int) -> bool:
    """Whether a number is there and no part of a text, as far as a look at the few bytes before it tells."""
    before = digits[max(place - _LOOK_BACK, 0) : place].rstrip(b"0.").rstrip(b"-").rstrip()
    return not before or before[-1:] in b"[:,"


def _parse_carefully(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error.reason} at byte {error.start}") from None
    try:
        return clean(json.loads(text, parse_int=_integer, parse_constant=lambda _: None, parse_float=_number))
    except ValueError as error:
        raise Unreadable(f"not valid JSON: {error}") from None
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONG_INTEGER else digits


def _number(digits: str) -> float | str | None:
    value = float(digits)
    return None if value in (float("inf"), float("-inf")) else value


def clean(value: Any) -> Any:
    """Every text of the document made storable."""
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {clean_text(key): clean(item) for key, item in value.items()}
        case list():
            return [clean(item) for item in value]
    return value
