"""Reading single fields of documents that may hold anything anywhere: what has the wrong type counts as absent."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard
from unicodedata import category

from waystate.documents import JsonObject

_CLOCK_TOLERANCE = timedelta(days=1)
_LATEST_SECOND = 32_503_680_000  # year 3000; what is larger is read as milliseconds
_LONGEST_DIGITS = 16
_BLANK = frozenset({"Cc", "Cf", "Mn", "Zs", "Zl", "Zp"})  # categories: spaces, joiners, direction marks, variation selectors
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
"""WhatsApp began that year: what is said to be older is a clock that was never set, or a date that was never filled in."""


def find_text(source: Any, key: str) -> str | None:
    """The non-empty string at `key`; numbers, which some senders use for ids, are written out."""
    value = source.get(key) if isinstance(source, dict) else None
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def is_visible(text: str | None) -> TypeGuard[str]:
    """Whether a reader sees anything of it."""
    if text is None:
        return False
    # Nearly every text begins so; of other letters some are blank.
    if text[:1].isascii() and text[:1].isalnum():
        return True
    return any(category(each) not in _BLANK and each not in _BLANK_LETTERS for each in text)


def find_visible(source: Any, *keys: str) -> str | None:
    """The first of these texts that a reader sees anything of."""
    for key in keys:
        text = find_text(source, key)
        if is_visible(text):
            return text
    return None


def find_object(source: Any, key: str) -> JsonObject | None:
    value = source.get(key) if isinstance(source, dict) else None
    return value if isinstance(value, dict) else None


def find_list(source: Any, key: str) -> list[Any] | None:
    value = source.get(key) if isinstance(source, dict) else None
    return value if isinstance(value, list) else None


def moment_of(value: Any, received_at: datetime) -> datetime:
    """A timestamp as aware UTC: Unix seconds (number or digits, milliseconds told by their size) or ISO 8601.

    `received_at` stands in for a missing, unreadable or impossible one (more than a day ahead of it, or before `EARLIEST`): a
    message is never lost for its timestamp, and one from the year 2500 must not stay the latest of its conversation.
    """
    return find_moment(value, received_at) or received_at


def find_moment(value: Any, received_at: datetime) -> datetime | None:
    """As `moment_of`; None for a missing, unreadable or impossible one."""
    moment = _find_moment(value)
    return moment if moment is not None and EARLIEST <= moment <= received_at + _CLOCK_TOLERANCE else None


def _find_moment(value: Any) -> datetime | None:
    if isinstance(value, str) and value.isascii():
        if value.isdecimal() and len(value) <= _LONGEST_DIGITS:
            return _find_unix_moment(int(value))
        return _find_iso_moment(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _find_unix_moment(value)
    return None


def _find_unix_moment(number: float) -> datetime | None:
    seconds = number / 1000 if number > _LATEST_SECOND else number
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds <= _LATEST_SECOND else None


def _find_iso_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
