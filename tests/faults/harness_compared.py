"""How a step of the model-based test is made, told and compared."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from tests.faults.harness_model import OPEN, TEXTS, Model, Row
from tests.faults.harness_modelled import Place
from waystate_client import errors

T = TypeVar("T")

PHONES = 4
"""Of an example: few, so that they meet."""
ELSEWHERE = "+5521988887777"
"""A phone that people write down of a customer who never wrote from it."""


class Diverged(AssertionError):
    """What happened, step by step, and where the server and the model part."""


class Compared(RuleBasedStateMachine):
    """`worlds`: the models of all examples, for what is compared at the end alone; `refused`: the codes that were met."""

    place: ClassVar[Place]
    worlds: ClassVar[list[Model]]
    refused: ClassVar[set[str]]

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.place.numbers)
        self.model = Model(self.place.people, self.place.key, self.place.queues, f"Called{self.number}x")
        self.story: list[str] = []
        self.seen: dict[str, tuple[str, Row]] = {}
        self.has_diverged = False

    def diverges(self, why: str) -> Diverged:
        self.has_diverged = True
        return Diverged("\n".join(["", *self.story, f">>> {why}"]))

    def equal(self, what: str, found: Any, expected: Any) -> None:
        if found != expected:
            raise self.diverges(f"{what}\n    server: {found}\n    model:  {expected}")

    def ask(self, who: str, what: str, codes: set[str], call: Callable[[Any], T]) -> T | None:
        """The answer; None where it was refused, as `codes` (any of them) predict."""
        said = f"{len(self.story) + 1}. {who} {what}"
        self.story.append(said)
        try:
            found = call(self.place.callers[who])
        except errors.Refused as refused:
            self.story[-1] = f"{said} → {refused.status} {refused.code}"
            if refused.code not in codes:
                raise self.diverges(f"refused: {refused}; the model says: {codes or 'done'}") from None
            self.refused.add(refused.code)
            return None
        if codes:
            raise self.diverges(f"done, and the model says: {codes}")
        return found

    def get(self, who: str, what: str, call: Callable[[Any], T]) -> T:
        found = self.ask(who, what, set(), call)
        assert found is not None
        return found

    def tag(self, tag: str) -> str:
        return f"{tag}{self.number}"

    def own(self, fields: Row) -> Row:
        """Tags and names of this example alone."""
        given = dict(fields)
        if given.get("tags"):
            given["tags"] = [self.tag(each) for each in given["tags"]]
        if given.get("name"):
            given["name"] = f"{given['name']}{self.number}x"
        return given

    def phone(self, which: int) -> str:
        return f"55119{81_000_000 + self.number * PHONES + which % PHONES:08}"

    def customer(self, which: int) -> Row:
        rows = list(self.model.customers.values())
        return rows[which % len(rows)]

    def talk(self, which: int) -> Row:
        """An open one rather than one that is over."""
        rows = list(self.model.talks.values())
        open_ = [each for each in rows if each["status"] in OPEN]
        return open_[which // 2 % len(open_)] if open_ and which % 4 else rows[which % len(rows)]

    def any_id(self, which: int) -> str:
        """Of a customer, by their own id or one that was merged into them."""
        ids = [*self.model.customers, *self.model.into]
        return ids[which % len(ids)]

    def is_customer(self, found: Any, row: Row) -> None:
        names = ("name", *TEXTS, "preferences", "metadata")
        told: Row = {each: getattr(found, each) for each in names} | {"id": str(found.id), "tags": set(found.tags)}
        told["phones"] = {_ninth(each) for each in found.wa_ids}
        if told["phone_number"] and row["phone_number"] != ELSEWHERE:
            told["phone_number"] = "+" + _ninth(told["phone_number"])
        wanted = {each: row[each] for each in (*names, "id", "tags")} | {"phones": set(row["phones"])}
        self.equal(f"customer {row['id']}", told, wanted)

    def is_talk(self, found: Any, row: Row) -> None:
        told = {
            "id": str(found.id),
            "customer": str(found.customer.id),
            "status": found.status,
            "reason": found.close_reason,
            "controller": found.controller,
            "holder": found.control_holder,
            "epoch": found.control_epoch,
            "assignee": found.assignee and str(found.assignee.id),
            "queue": found.queue and str(found.queue.id),
            "subject": found.subject,
            "tags": set(found.tags),
            "metadata": found.metadata,
        }
        self.equal(f"conversation {row['id']}", told, {each: row[each] for each in told})
        self.equal("the window", found.window.open, self.model.has_window(row["customer"]))

    def are_messages(self, what: str, found: list[Any], rows: list[Row]) -> None:
        told = [
            (str(each.id), each.direction, each.status, each.error and each.error["code"], each.text, str(each.conversation_id))
            for each in found
        ]
        wanted = [tuple(each[name] for name in ("id", "direction", "status", "code", "text", "talk")) for each in rows]
        self.equal(what, told, wanted)

    def are_listed(self, what: str, found: list[Any], fits: Callable[[Row], bool]) -> None:
        """Each once, and whom somebody edited at once; who has only written may be missed for a second."""
        ids, rows = [str(each.id) for each in found], self.model.customers
        self.equal(f"how often {what} are there", len(ids), len(set(ids)))
        expected = {key for key, row in rows.items() if fits(row)}
        late = {key for key in expected if not rows[key]["is_listed"]} - set(ids)
        self.equal(what, set(ids), expected - late)

    def are_parts(self, found: Any, talk: Row) -> None:
        """Its customer and who has it take part by themselves."""
        wanted = {each: (role, "added") for each, role in talk["parts"].items()}
        wanted[talk["customer"]] = ("customer", "conversation")
        if talk["assignee"]:
            wanted[talk["assignee"]] = ("agent", "assignment")
        self.equal("participants", {str(each.id): (each.role, each.source) for each in found.items}, wanted)


def _ninth(phone: str) -> str:
    digits = phone.removeprefix("+")
    return digits if len(digits) == 13 else f"{digits[:4]}9{digits[4:]}"
