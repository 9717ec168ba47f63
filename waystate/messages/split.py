"""A long text as several messages, in order. Pure."""

from bisect import bisect_right
from math import ceil
from typing import NamedTuple

import regex

_GLUED = r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]"
"""What belongs to the character before it, be that a space."""
_BORDER = regex.compile(
    rf"(?<!\p{{GCB=Prepend}})[^\S\u00a0\u2007\u202f]+(?!{_GLUED})"  # white space, but that which keeps two words together
    rf"|(?<=[。！？][」』）]?)(?=[^\s。！？」』）])(?!{_GLUED})"  # such sentences have no space between them
)
_SENTENCE_END = regex.compile(r"""[.!?…。！？]["'”’»)\]」』）]*$""")
_LONGEST_CLOSE = 8
_CLUSTER = regex.compile(r"\X")
_JOINER = "\u200d"


class _Border(NamedTuple):
    """A part may end before `end`, and the next begin at `next`.

    `kind`: 0 of a paragraph, 1 of a line, 2 of a sentence, 3 of a word, 4 of none.
    """

    end: int
    next: int
    kind: int


def split_text(text: str, limit: int = 4096) -> list[str]:
    """The text in parts of at most `limit` characters, as few as its borders allow: nothing is lost but the space between them.

    A part ends with a paragraph, else with a line, a sentence or a word; where not even a word ends in time, between two
    characters as a reader sees them (an emoji of several code points is one).
    """
    if len(text) <= limit:
        return [text]
    text = text.strip()
    borders = [_border_of(text, match) for match in _BORDER.finditer(text)]
    parts, start = [], 0
    while len(text) - start > limit:
        first = bisect_right(borders, start, key=lambda border: border.end)
        last = bisect_right(borders, start + limit, key=lambda border: border.end)
        cut = _find_cut(borders[first:last], start, limit, len(text)) or _between_characters(text, start, limit)
        parts.append(text[start : cut.end])
        start = cut.next
    return [*parts, text[start:]]


def _border_of(text: str, match: "regex.Match[str]") -> _Border:
    lines = match[0].count("\n")
    if lines:
        return _Border(match.start(), match.end(), 0 if lines > 1 else 1)
    ends = _SENTENCE_END.search(text, max(0, match.start() - _LONGEST_CLOSE), match.start())
    return _Border(match.start(), match.end(), 2 if ends else 3)


def _find_cut(borders: list[_Border], start: int, limit: int, length: int) -> _Border | None:
    """The last border of the best kind that costs no further part; else of the best kind that fills half a part, or any."""
    last = {border.kind: border for border in borders}
    found = [last[kind] for kind in sorted(last)]
    parts = ceil((length - start) / limit)
    for border in found:
        if ceil((length - border.next) / limit) < parts:
            return border
    for border in found:
        if border.end - start >= limit // 2:
            return border
    return max(found, default=None)


def _between_characters(text: str, start: int, limit: int) -> _Border:
    end = start
    for cluster in _CLUSTER.finditer(text, start):
        if cluster.end() > start + limit:
            break
        end = cluster.end()
    if end > start and not _is_torn(text, end):
        return _Border(end, end, 4)
    return _within_a_character(text, start, limit)


def _within_a_character(text: str, start: int, limit: int) -> _Border:
    """One character of more code points than fit: beside none that joins two others, if there is such a place."""
    for end in range(start + limit, start, -1):
        if not _is_torn(text, end):
            return _Border(end, end, 4)
    return _Border(start + limit, start + limit, 4)


def _is_torn(text: str, end: int) -> bool:
    before, after = text[end - 1], text[end : end + 1]
    return _JOINER in (before, after) or ("\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff")
