"""What customers and a business say to each other, in several languages. Pure."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

_SOURCE = Path(__file__).with_name("dialogues.txt")
_TURN = re.compile(r"([<>]) (?:\[(\w+)(?: ([^\]]*))?\] ?)?(.*)")


class Turn(NamedTuple):
    """`argument` is what the kind of message needs besides its text: a file, a place, an emoji."""

    by_customer: bool
    kind: str
    argument: str
    text: str


Dialogue = tuple[Turn, ...]


@cache
def dialogues() -> dict[str, tuple[Dialogue, ...]]:
    """By language."""
    found: dict[str, tuple[Dialogue, ...]] = {}
    for block in re.split(r"^= ", _SOURCE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        language, *lines = block.strip().splitlines()
        found[language] = (*found.get(language, ()), tuple(map(parse_turn, lines)))
    return found


def parse_turn(line: str) -> Turn:
    match = _TURN.fullmatch(line)
    if match is None:
        raise ValueError(f"{_SOURCE.name}: this is no turn: {line}")
    side, kind, argument, text = match.groups()
    return Turn(side == "<", kind or "text", argument or "", text.replace("\\n", "\n"))


def filled(turn: Turn, words: dict[str, str]) -> Turn:
    """With the names and numbers of this conversation."""
    argument, text = turn.argument, turn.text
    for name, value in words.items():
        argument, text = argument.replace(f"{{{name}}}", value), text.replace(f"{{{name}}}", value)
    return turn._replace(argument=argument, text=text)
