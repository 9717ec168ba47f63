"""Everything both far sides saw, so that a test can compare it with what Waystate claims.

Bounded: each kind of entry keeps the newest `limit`. An evicted entry is forgotten: its repeat would count as new.
"""

import re
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

Key = TypeVar("Key")
Entry = TypeVar("Entry")

_NUMBER = re.compile(r"#(\d+)\b")


class Recent(OrderedDict[Key, Entry], Generic[Key, Entry]):
    """A mapping that drops its oldest entry when it is full."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit
        self.dropped = 0

    def __setitem__(self, key: Key, entry: Entry) -> None:
        super().__setitem__(key, entry)
        if len(self) > self._limit:
            self.popitem(last=False)
            self.dropped += 1


@dataclass(slots=True, kw_only=True)
class CustomerMessage:
    """A customer's message; `accepted` when Waystate answered 200."""

    customer: str
    number: int
    wamid: str
    type: str
    text: str | None
    at: datetime
    accepted: bool = False


@dataclass(slots=True, kw_only=True)
class MessageAtGenesys:
    """A distinct message at Genesys: (message_id, time) is what makes it distinct."""

    customer: str
    message_id: str
    time: str
    id: str
    from_id: str
    conversation_id: str
    text: str | None
    at: datetime
    repeats: int = 0


@dataclass(slots=True, kw_only=True)
class Reply:
    """An agent's message; `accepted` when Waystate answered 2xx, so `False` and not `waiting` means lost."""

    customer: str
    number: int
    id: str
    conversation_id: str
    in_reply_to: str | None
    text: str
    at: datetime
    accepted: bool = False
    waiting: bool = True


@dataclass(slots=True, kw_only=True)
class Sent:
    """What a WhatsApp user got for one `biz_opaque_callback_data` (or, without one, for one send).

    More than one wamid is a message that the user got more than once.
    """

    customer: str
    to: str
    opaque: str | None
    type: str
    text: str | None
    at: datetime
    wamids: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Receipt:
    """A distinct receipt at Genesys, by (id of the agent's message, status)."""

    customer: str | None
    id: str
    status: str
    is_final: bool
    reasons: list[str]
    at: datetime
    repeats: int = 0


class OrderCheck:
    """Counts, per customer, the steps backward in a running number."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self.inversions = 0

    def saw(self, customer: str, number: int) -> None:
        highest = self._highest.get(customer, 0)
        if number < highest:
            self.inversions += 1
        self._highest[customer] = max(highest, number)


class Journal:
    """`tally` counts what leaves no entry of its own: statuses, read marks, typing and so on."""

    def __init__(self, limit: int) -> None:
        self.written: Recent[str, CustomerMessage] = Recent(limit)
        self.received: Recent[tuple[str, str], MessageAtGenesys] = Recent(limit)
        self.replies: Recent[str, Reply] = Recent(limit)
        self.sent: Recent[str, Sent] = Recent(limit)
        self.receipts: Recent[tuple[str, str], Receipt] = Recent(limit)
        self.sent_to: Recent[str, str] = Recent(limit)
        """The customer that each wamid of ours went to."""
        self.newest_sent: Recent[str, str] = Recent(limit)
        """The wamid that each customer got last."""
        self.tally: Counter[str] = Counter()
        self.genesys_order = OrderCheck()
        self.whatsapp_order = OrderCheck()

    def add_written(self, entry: CustomerMessage) -> None:
        self.written[entry.wamid] = entry
        self.tally["written"] += 1

    def add_received(self, entry: MessageAtGenesys) -> None:
        self.received[entry.message_id, entry.time] = entry
        self.tally["received"] += 1
        original = self.written.get(entry.message_id)
        if original is not None:
            self.genesys_order.saw(original.customer, original.number)

    def add_repeat(self, entry: MessageAtGenesys) -> None:
        entry.repeats += 1
        self.tally["repeats"] += 1

    def add_reply(self, entry: Reply) -> None:
        self.replies[entry.id] = entry
        self.tally["replies"] += 1

    def add_sent(self, entry: Sent, wamid: str) -> None:
        key = wamid if entry.opaque is None else entry.opaque
        self.sent_to[wamid] = entry.customer
        if entry.type != "reaction":
            self.newest_sent[entry.customer] = wamid
        known = self.sent.get(key)
        if known is not None:
            known.wamids.append(wamid)
            self.tally["doubled"] += 1
            return
        entry.wamids.append(wamid)
        self.sent[key] = entry
        self.tally["sends"] += 1
        self.tally["without_opaque"] += entry.opaque is None
        number = find_number(entry.text)
        if number is not None:
            self.whatsapp_order.saw(entry.customer, number)

    def add_receipt(self, entry: Receipt) -> None:
        known = self.receipts.get((entry.id, entry.status))
        if known is not None:
            known.repeats += 1
            self.tally["receipt_repeats"] += 1
            return
        self.receipts[entry.id, entry.status] = entry
        self.tally[f"receipt_{entry.status}"] += 1
        self.tally["receipts_unknown"] += entry.customer is None

    def is_complete(self) -> bool:
        return not any(table.dropped for table in (self.written, self.received, self.replies, self.sent, self.receipts))


def find_number(text: str | None) -> int | None:
    """The running number that simulated customers and agents start their texts with: `#12 …`."""
    match = _NUMBER.match(text or "")
    return int(match[1]) if match else None
