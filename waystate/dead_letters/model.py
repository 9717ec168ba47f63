"""What could not be used, why, and where it came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from waystate.documents import JsonObject
from waystate.errors import Reason, Refused, Rejected
from waystate.events.model import Event
from waystate.ids import id_floor

MAX_BULK = 1000
"""Dead letters a call: a few seconds' work, and an answer that can still be read."""
NOTE_LENGTH = 1000
_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)

ADVICE: dict[Reason, str] = {
    Reason.LOCK_TIMEOUT: "Rows stayed locked. Replay it; if it comes back, look for a long transaction in the database.",
    Reason.MAPPING_NOT_FOUND: "It names a conversation or a message that is not known yet. Replay it when that was tracked.",
    Reason.INVALID_PAYLOAD: "A field is missing or wrong; the error names it. Edit the payload and replay it, and have the "
    "sender mended.",
    Reason.STATE_VIOLATION: "The status does not fit the message. Edit it, or discard it: the message stands as it is.",
    Reason.MAPPING_STATUS_EXPIRED: "The conversation had expired. The message is kept as failed; once the customer has written "
    "again, give it a new genesys_message_id and replay it, or discard it.",
    Reason.MAPPING_STATUS_CLOSED: "The conversation was closed. The message is kept as failed; once the customer has written "
    "again, give it a new genesys_message_id and replay it, or discard it.",
    Reason.DATABASE_ERROR: "It failed in the database or in our own code. Replay it; if it comes back, report it.",
    Reason.INVALID_MEDIA_URL: "WhatsApp could not fetch the medium. Edit its address and replay it.",
    Reason.UNKNOWN_TENANT: "The number is none of the tenant's. Add the account, or correct the number, then replay it.",
    Reason.WINDOW_CLOSED: "The customer's last message was more than 24 hours old. The message is kept as failed; once the "
    "customer has written again, give it a new genesys_message_id and replay it, or discard it.",
    Reason.RECIPIENT_MOVED: "The customer's number is another customer's by now. The message is kept as failed; once they have "
    "written again, give it a new genesys_message_id and replay it, or discard it.",
    Reason.GROUP_MESSAGE: "It was written in a group, and its group_id cannot be one. Correct `metadata.group_id` and replay "
    "it, or discard it.",
    Reason.GROUP_UNAVAILABLE: "WhatsApp has suspended the group, or it was deleted. The message is kept as failed; once the "
    "suspension is lifted, give it a new genesys_message_id and replay it, or discard it.",
    Reason.NOT_FOR_GROUPS: "A WhatsApp group takes texts, files and templates of these alone. Say it as one of them.",
    Reason.NOT_IN_CONTROL: "Somebody else speaks with the customer. The message is kept as failed; once the conversation is "
    "given back, give it a new genesys_message_id and replay it, or discard it.",
    Reason.DELIVERY_FAILED: "Genesys refused a customer's message. Mend the cause or the request; a replay sends it again.",
    Reason.MISSED_GENESYS_MESSAGE: "Genesys could not hand an agent's message over in time, and gave it up: it was not sent. "
    "Replay it to send it now, while the customer's window is open, or discard it if it says nothing any more.",
}
"""What an operator does about each."""


class Pipeline(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    STATUS = "status"
    CORRELATION = "correlation"
    DELIVERIES = "deliveries"
    TEMPLATES = "templates"
    ACCOUNT = "account"
    ECHOES = "echoes"
    HISTORY = "history"
    ADDRESS_BOOK = "address_book"
    PREFERENCES = "preferences"
    CALLS = "calls"
    STANDBY = "standby"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """`origin` names the ledger row and item (or queue message) it came from: one dead letter each, however often replayed."""

    pipeline: Pipeline
    reason: Reason
    error_message: str
    original_payload: JsonObject
    origin: str
    retry_count: int = 0


class Verdict(NamedTuple):
    """What became of one item, whichever door it came by.

    `error` is why it came to nothing: a dead letter, or what a caller who waits is told. `is_repeat`: its effect had happened
    before. `events` are its own ones, `answer` is what a caller who waits is answered. `aside`: what it is, and why nothing was
    done, of an item that has no effect and is no error; a webhook's outcome keeps that.
    """

    message: str = ""
    events: tuple[Event, ...] = ()
    error: Rejected | Refused | None = None
    is_repeat: bool = False
    answer: Any = None
    aside: tuple[str, str] | None = None


DONE_BEFORE = Verdict("Its effect had happened before; nothing was done again.", is_repeat=True)

Problem = dict[str, str]
"""`field` and `problem`, never the value."""


class PayloadUnusable(Rejected):
    """Says of each field what is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        said = "; ".join(f"{each['field']}: {each['problem']}" for each in problems)
        super().__init__(Reason.INVALID_PAYLOAD, f"The payload cannot be used: {said}. Edit it, then replay it.")
        self.problems = list(problems)


class Bounds(NamedTuple):
    """Ids from `since` to before `until`."""

    since: UUID = _FIRST
    until: UUID = _LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """`since` and `until` are by creation, the later one exclusive; what is None filters nothing."""

    reason: Reason | None = None
    pipeline: Pipeline | None = None
    since: datetime | None = None
    until: datetime | None = None

    def bounds(self, *, before: UUID | None = None, after: UUID | None = None) -> Bounds:
        """As ids, which are made of the time; `before` and `after` are the cursors of a page, both exclusive."""
        since = _FIRST if self.since is None else _floor(self.since)
        until = _LAST if self.until is None else _floor(self.until)
        if after is not None and after != _LAST:
            since = max(since, UUID(int=after.int + 1))
        return Bounds(since, until if before is None else min(until, before))


def _floor(moment: datetime) -> UUID:
    return _FIRST if moment.timestamp() < 0 else id_floor(moment)
