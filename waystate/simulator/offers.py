"""What customers were offered to tap on: the buttons and rows of the newest such message that each of them got."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from waystate.documents import JsonObject
from waystate.simulator.journal import Recent
from waystate.simulator.webhooks import without_none

_KEPT = 100_000


class Tappable(NamedTuple):
    """`options` are `{id, title, description?}`; `kind` is the reply's type, `button_reply` or `list_reply`."""

    wamid: str
    kind: str
    options: list[JsonObject]

    def find(self, named: str) -> JsonObject | None:
        """The option of this id or title."""
        return next((each for each in self.options if named in (each["id"], each["title"])), None)

    def tap(self, option: JsonObject, number: str) -> JsonObject:
        """The message that a tap makes, in reply to that of the business's `number`."""
        return {
            "type": "interactive",
            "interactive": {"type": self.kind, self.kind: option},
            "context": {"from": number, "id": self.wamid},
        }


class Offers:
    """By customer."""

    def __init__(self) -> None:
        self._newest: Recent[str, Tappable] = Recent(_KEPT)

    def find(self, customer: str) -> Tappable | None:
        return self._newest.get(customer)

    def saw(self, customer: str, wamid: str, interactive: Any) -> None:
        """The customer got this interactive message, of any type."""
        action = getattr(interactive, "action", None)
        buttons, sections = getattr(action, "buttons", None), getattr(action, "sections", None)
        if buttons:
            self._newest[customer] = Tappable(wamid, "button_reply", [*_buttons(buttons)])
        elif sections and all(hasattr(section, "rows") for section in sections):
            self._newest[customer] = Tappable(wamid, "list_reply", [*_rows(sections)])


def _buttons(buttons: list[Any]) -> Iterator[JsonObject]:
    for button in buttons:
        yield {"id": button.reply.id, "title": button.reply.title}


def _rows(sections: list[Any]) -> Iterator[JsonObject]:
    for section in sections:
        for row in section.rows:
            yield without_none({"id": row.id, "title": row.title, "description": row.description})
