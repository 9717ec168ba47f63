"""One ledger row on its way: its items as the pipelines take them, and what became of them. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from waystate.channels.model import Unusable, Usable
from waystate.dead_letters.model import Pipeline
from waystate.documents import JsonObject, dump, shorten
from waystate.errors import Reason, Rejected
from waystate.ids import TenantId
from waystate.ledger.model import ANY_ROUTE, GENESYS_EVENTS, LedgerRow, Received, Settled
from waystate.pipeline.batch import Taken
from waystate.tenants.routing import TenantView

LISTED = 100
"""Items of one outcome, and routes that they lacked, that are kept with a row: a body may have a hundred thousand."""
TEXT = 400
"""Characters of one text of an outcome; what a body brings into it may be as long as the body."""
SPACE = 30_000
"""Characters, as JSON, of all items of one outcome together, and of the routes."""
_PIPELINES = {"genesys": Pipeline.OUTBOUND, GENESYS_EVENTS: Pipeline.CORRELATION}


@dataclass(slots=True)
class Worked:
    """One ledger row on its way: what its items came to.

    Of a body with many items, the first `LISTED` of each outcome that fit into `SPACE` are kept, and how many more there are in
    `unlisted`.
    `handed_over`: to other lanes. `is_late`: an item is somebody's only since the row was taken. `failures`: of its tenants,
    those that could not be worked.
    """

    row: LedgerRow
    items: int = 0
    ignored: list[JsonObject] = field(default_factory=list)
    rejected: list[JsonObject] = field(default_factory=list)
    unrouted: dict[str, None] = field(default_factory=dict)
    dead_letters: list[JsonObject] = field(default_factory=list)
    unlisted: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)
    handed_over: list[Received] = field(default_factory=list)
    is_late: bool = False
    failures: dict[TenantId, Exception] = field(default_factory=dict)

    def reject(self, reason: Reason, message: str, item: str | None = None) -> None:
        self._list("rejected", _entry(item=item, reason=reason, message=message))

    def give_up(self, reason: Reason, message: str) -> None:
        """Whatever else became of it, this is why it is set aside: the first that its outcome says."""
        self.rejected.insert(0, _entry(item=None, reason=reason, message=message))
        if len(self.rejected) > LISTED:
            del self.rejected[-1]
            self.unlisted["rejected"] += 1

    def ignore(self, item: str, what: str, why: str) -> None:
        self._list("ignored", _entry(item=item, what=what, why=why))

    def bury(self, item: str, reason: Reason, message: str) -> None:
        """It is a dead letter of its tenant."""
        self._list("dead_letters", _entry(item=item, reason=reason, message=message))

    def reject_unrouted(self, key: str, message: str, item: str) -> None:
        """`key` names the route that the item lacked: when it appears, the row is worked again.

        Of more keys than `LISTED`, or than fit into `SPACE`, the rest is kept as `ANY_ROUTE`: the row is worked again whichever
        route appears.
        """
        self.reject(Reason.UNKNOWN_TENANT, message, item)
        if key not in self.unrouted:
            self.unrouted[key if len(self.unrouted) < LISTED and self._fits("unrouted", key) else ANY_ROUTE] = None

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
        if len(listed) < LISTED and self._fits(name, entry):
            listed.append(entry)
        else:
            self.unlisted[name] += 1

    def _fits(self, name: str, value: Any) -> bool:
        size = len(dump(value))
        fits = self.taken[name] + size <= SPACE
        self.taken[name] += size if fits else 0
        return fits


def _entry(**texts: str | None) -> JsonObject:
    return {name: None if text is None else shorten(text, TEXT) for name, text in texts.items()}


@dataclass(slots=True)
class TenantItems:
    """One tenant's share of a batch, in the order taken, each item with the row it came from."""

    view: TenantView
    items: list[tuple[Worked, Taken]] = field(default_factory=list)

    def rows(self) -> list[Worked]:
        """Those that its items came from, each as often as it has some."""
        return [worked for worked, _ in self.items]


def taken_of(row: LedgerRow, value: Usable) -> Taken:
    """An item of this row, as the pipelines take it; what cannot be used is rejected here, and kept as it came."""
    if not isinstance(value, Unusable):
        return Taken(value, row.received_at, value.origin)
    return Taken(
        Rejected(Reason.INVALID_PAYLOAD, f"The item cannot be used: {value.why}."),
        row.received_at,
        f"{row.name}:{value.item}",
        value.payload if isinstance(value.payload, dict) else {"item": value.payload},
        _PIPELINES.get(row.source, Pipeline.INBOUND),
    )
