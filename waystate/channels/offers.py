"""What an agent or a bot offers a customer to choose from, and what they chose: as neither platform writes it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from waystate.channels.fields import is_visible

OptionKind = Literal["QuickReply", "Button", "ListPicker", "DatePicker"]
"""Genesys' word for what a customer tapped."""
_LONGEST_ID = 200
"""Characters of a row's id; a button's may have 256 (WhatsApp Cloud API, interactive messages)."""
_AROUND = " \t\r\n.,!?)\u00a0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing to choose. `line` is the whole of it as a text shows it; `payload` is what the platform wants to hear of it.

    `title`, `description` and `section` are the parts in which a list shows it.
    """

    kind: OptionKind
    line: str
    payload: str
    title: str
    description: str | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`lines` say all but the options, in order; of them `picture` is an image's or a video's address, `link` an action's.

    `button` opens the list. `cards` are those of a carousel, whose options and lines are its own. `is_apart`: something stands
    beside an option that only a text can show there.
    """

    lines: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    picture: str | None = None
    link: Link | None = None
    button: str | None = None
    cards: tuple["Offer", ...] = ()
    is_apart: bool = False

    def with_lines(self, change: Callable[[str], str]) -> "Offer":
        """The same with each line changed, but for addresses and links, which are known by what they say."""
        own = {self.picture, *([f"{self.link.label}: {self.link.url}"] if self.link else [])}
        return replace(
            self,
            lines=tuple(line if line in own else change(line) for line in self.lines),
            cards=tuple(card.with_lines(change) for card in self.cards),
        )


@dataclass(frozen=True, slots=True)
class ChosenOption:
    """What a customer chose of an offer; `offered_in` is Genesys' id of its message."""

    option: Option
    offered_in: str | None

    def said_by(self, who: str) -> "ChosenOption":
        """As agents read it of somebody in a group; the payload is the same."""
        return replace(self, option=replace(self.option, line=f"{who}: {self.option.line}"))


def ids_of(options: Sequence[Option]) -> list[str]:
    """What comes back for each option: its payload where these are fit for ids and all differ, else its number."""
    own = [option.payload for option in options]
    if len(set(own)) == len(own) and all(_is_id(each) for each in own):
        return own
    return [f"option-{number}" for number in range(1, len(options) + 1)]


def find_by_id(options: Sequence[Option], identifier: str | None) -> Option | None:
    """What was tapped; None where the id is none of this offer."""
    return dict(zip(ids_of(options), options, strict=True)).get(identifier or "")


def find_typed(options: Sequence[Option], text: str, *, is_numbered: bool) -> Option | None:
    """What a customer means who writes a number (where the options stand beside theirs) or the whole title, in any case."""
    typed = _bare(text)
    named = [each for each in options if typed in (_bare(each.line), _bare(each.title))]
    if len(named) == 1:
        return named[0]
    if named or not is_numbered or not (typed.isascii() and typed.isdecimal() and len(typed) <= 3):
        return None
    number = int(typed)
    return options[number - 1] if 0 < number <= len(options) else None


def _is_id(payload: str) -> bool:
    return is_visible(payload) and len(payload) <= _LONGEST_ID and payload == payload.strip()


def _bare(text: str) -> str:
    return " ".join(text.strip(_AROUND).casefold().split())
