"""One ledger row on its way: its items by tenant, what became of them, its dead letters. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from waystate.channels.model import Unusable, Value
from waystate.db.failures import is_unstorable
from waystate.dead_letters.model import DeadLetter, Pipeline
from waystate.documents import JsonObject
from waystate.errors import Reason, Rejected
from waystate.ledger.model import ANY_ROUTE, LedgerRow, Received, Settled
from waystate.messages.model import InboundMessage, OutboundMessage, StatusReport
from waystate.tenants.routing import TenantView

LISTED = 100
"""Items of one outcome, and routes that they lacked, that are kept with a row: a body may have a hundred thousand."""

_as_json: TypeAdapter[Any] = TypeAdapter(InboundMessage | OutboundMessage | StatusReport)


@dataclass(slots=True)
class Worked:
    """One ledger row on its way: what its items came to.

    Of a body with many items, the first `LISTED` of each outcome are kept, and how many more there are in `unlisted`.
    `handed_over`: to other lanes. `is_late`: an item is somebody's only since the row was taken. `error`: of a tenant of its.
    """

    row: LedgerRow
    items: int = 0
    ignored: list[JsonObject] = field(default_factory=list)
    rejected: list[JsonObject] = field(default_factory=list)
    unrouted: dict[str, None] = field(default_factory=dict)
    dead_letters: list[JsonObject] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    handed_over: list[Received] = field(default_factory=list)
    is_late: bool = False
    error: Exception | None = None

    def reject(self, reason: Reason, message: str, item: str | None = None) -> None:
        self._list("rejected", {"item": item, "reason": reason, "message": message})

    def ignore(self, item: str, what: str, why: str) -> None:
        self._list("ignored", {"item": item, "what": what, "why": why})

    def bury(self, item: str, reason: Reason, message: str) -> None:
        """It is a dead letter of its tenant."""
        self._list("dead_letters", {"item": item, "reason": reason, "message": message})

    def reject_unrouted(self, key: str, message: str, item: str) -> None:
        """`key` names the route that the item lacked: when it appears, the row is worked again.

        Of more than `LISTED` keys the rest is kept as `ANY_ROUTE`: the row is worked again whichever route appears.
        """
        self.reject(Reason.UNKNOWN_TENANT, message, item)
        if key not in self.unrouted:
            self.unrouted[key if len(self.unrouted) < LISTED else ANY_ROUTE] = None

    def settled(self) -> Settled:
        outcome: JsonObject = {"items": self.items}
        for name in ("ignored", "rejected", "dead_letters"):
            if listed := getattr(self, name):
                outcome[name] = listed
        if self.unrouted:
            outcome["unrouted"] = list(self.unrouted)
        if self.unlisted:
            outcome["unlisted"] = dict(self.unlisted)
        if self.rejected:
            outcome |= {"reason": self.rejected[0]["reason"], "message": self.rejected[0]["message"]}
        return Settled(
            day=self.row.day,
            id=self.row.id,
            state="rejected" if self.rejected else "done",
            outcome=outcome,
            lane=self.row.lane,
            epoch=self.row.epoch,
        )

    def _list(self, name: str, entry: JsonObject) -> None:
        listed: list[JsonObject] = getattr(self, name)
        if len(listed) < LISTED:
            listed.append(entry)
        else:
            self.unlisted[name] += 1


@dataclass(slots=True)
class TenantItems:
    """One tenant's share of a batch, in the order taken, each item with the row it came from."""

    view: TenantView
    inbound: list[tuple[Worked, InboundMessage]] = field(default_factory=list)
    outbound: list[tuple[Worked, OutboundMessage]] = field(default_factory=list)
    statuses: list[tuple[Worked, StatusReport]] = field(default_factory=list)
    unusable: list[tuple[Worked, Unusable]] = field(default_factory=list)

    def rows(self) -> list[Worked]:
        """Those that its items came from, each as often as it has some."""
        return [worked for each in (self.inbound, self.outbound, self.statuses, self.unusable) for worked, _ in each]

    def add(self, worked: Worked, value: Value) -> None:
        match value:
            case InboundMessage():
                self.inbound.append((worked, value))
            case OutboundMessage():
                self.outbound.append((worked, value))
            case StatusReport():
                self.statuses.append((worked, value))
            case Unusable():
                self.unusable.append((worked, value))


def letter_of(worked: Worked, message: object, pipeline: Pipeline, error: Exception) -> DeadLetter:
    if isinstance(error, Rejected):
        reason, text = error.reason, error.message
    elif is_unstorable(error):
        reason, text = Reason.INVALID_PAYLOAD, f"The item cannot be stored: {error}."
    else:
        reason, text = Reason.DATABASE_ERROR, f"{type(error).__name__}: {error}"
    origin = str(getattr(message, "origin", worked.row.name))
    worked.bury(origin.removeprefix(worked.row.name + ":"), reason, text)
    return DeadLetter(pipeline=pipeline, reason=reason, error_message=text, original_payload=_payload(message), origin=origin)


def letter_of_unusable(worked: Worked, value: Unusable) -> DeadLetter:
    worked.bury(value.item, Reason.INVALID_PAYLOAD, value.why)
    payload = value.payload if isinstance(value.payload, dict) else {"item": value.payload}
    return DeadLetter(
        pipeline=Pipeline.OUTBOUND if worked.row.source == "genesys" else Pipeline.INBOUND,
        reason=Reason.INVALID_PAYLOAD,
        error_message=f"The item cannot be used: {value.why}.",
        original_payload=payload,
        origin=f"{worked.row.name}:{value.item}",
    )


def _payload(message: object) -> JsonObject:
    """The item's fields as JSON values, for people to read and mend."""
    payload: JsonObject = _as_json.dump_python(message, mode="json")
    return payload
