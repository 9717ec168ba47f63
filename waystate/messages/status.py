"""The state machine of a message's status (domain: message state machine). Pure.

Two things that must not be confused: the *step* table of seed 000, which tells what may follow what, and the *merge* of
reported statuses by rank, which gives the same final state whatever the order in which the reports arrive.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from waystate.documents import JsonObject, dump
from waystate.messages.model import Direction, Status, StatusReport

STEPS: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SENT, Status.FAILED}),
    Status.SENT: frozenset({Status.DELIVERED, Status.FAILED}),
    Status.DELIVERED: frozenset({Status.READ, Status.FAILED}),
    Status.READ: frozenset(),
    Status.RECEIVED: frozenset({Status.PROCESSED, Status.FAILED}),
    Status.PROCESSED: frozenset(),
    Status.FAILED: frozenset(),
}

_OUTBOUND = {
    "queued": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "played": Status.READ,
    "failed": Status.FAILED,
}
_INBOUND = {
    "received": Status.RECEIVED,
    "sent": Status.RECEIVED,
    "processed": Status.PROCESSED,
    "delivered": Status.PROCESSED,
    "read": Status.PROCESSED,
    "failed": Status.FAILED,
}
_RANK = {
    Status.QUEUED: 0,
    Status.SENT: 1,
    Status.DELIVERED: 2,
    Status.FAILED: 3,
    Status.READ: 4,
    Status.RECEIVED: 0,
    Status.PROCESSED: 4,
}


_PAYMENT = "payment_"
_LONGEST_WORD = 50
OUTCOME_UNKNOWN = "outcome_unknown"
"""The code of a failure that is our own guess: no status came. Whatever WhatsApp reports afterwards is true instead."""
_GUESSED = 0.5
"""Its rank: above `queued`, below all that is reported."""


def is_valid_state_transition(current: Status, new: Status) -> bool:
    """`isValidStateTransition` of seed 000: one step, or the same status again."""
    return current == new or new in STEPS[current]


def words_of(direction: Direction) -> list[str]:
    """Every word that `parse_status` takes for this direction."""
    return sorted(_INBOUND if direction is Direction.INBOUND else _OUTBOUND)


def later_than(current: Status, direction: Direction) -> list[Status]:
    """The statuses that a report can still bring about, the lowest first."""
    meant = {status for word in words_of(direction) if (status := parse_status(word, direction)) is not None}
    return sorted((status for status in meant if _RANK[status] > _RANK[current]), key=_RANK.__getitem__)


def unknown_status(word: str, direction: Direction) -> str:
    """What a caller is told who reported it."""
    return f"'{word}' is no status of an {direction} message. Send one of: {', '.join(words_of(direction))}."


def is_of_message(kind: str | None) -> bool:
    """Whether a status that says this of its `type`, if anything, is a message's: payments and calls have their own.

    A payment's `failed` under the id of the message that asked for it is not the message's.
    """
    return kind in (None, "", "message")


def payment_status(word: str) -> str:
    """What a payment's status is called among those of the message that asked for it."""
    return f"{_PAYMENT}{word.lower()[:_LONGEST_WORD]}"


def word_of_payment(status: str) -> str:
    """WhatsApp's own word for it, such as `captured`."""
    return status.removeprefix(_PAYMENT)


def is_of_payment(status: str) -> bool:
    return status.startswith(_PAYMENT)


def parse_status(word: str, direction: Direction) -> Status | None:
    """The status that `word` means for this direction, or None; seed 001 reports inbound messages as sent, delivered, read."""
    words = _INBOUND if direction is Direction.INBOUND else _OUTBOUND
    return words.get(word.lower())


class MessageState(NamedTuple):
    direction: Direction
    status: Status
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None
    error: JsonObject | None = None


class Merged(NamedTuple):
    """One report after the merge: the state it left, and why it changed nothing, if it did not."""

    report: StatusReport
    before: Status
    state: MessageState
    why_not: str | None


class Parts(NamedTuple):
    """An agent's message that goes out in several: the part that has Genesys' id of it, and how far each part is."""

    last_id: UUID
    statuses: dict[UUID, Status]

    @property
    def status(self) -> Status:
        """How far the whole is: failed as soon as one part is, else as far as the part furthest behind."""
        found = self.statuses.values()
        return Status.FAILED if Status.FAILED in found else min(found, key=_RANK.__getitem__)


def merge(state: MessageState, reports: Iterable[StatusReport]) -> list[Merged]:
    """Each report in turn; the last one's `state` is the result. Any order of the same reports ends in the same state.

    A message to a group is as far as whoever of it is furthest. That one person did not get it is history: the others may have.
    """
    merged: list[Merged] = []
    for report in reports:
        outcome = _merge_one(state, report)
        merged.append(outcome)
        state = outcome.state
    return merged


def merge_strictly(state: MessageState, reports: Iterable[StatusReport]) -> list[Merged]:
    """As `merge` does, but what takes the message no step forward changes nothing of it: what is refused has no effect."""
    merged: list[Merged] = []
    for report in reports:
        outcome = _merge_one(state, report)
        if outcome.why_not is not None and parse_status(report.status, state.direction) is not state.status:
            outcome = outcome._replace(state=state)
        elif outcome.state.error is None and outcome.state.status is Status.FAILED:
            # To say once more that it failed, without a why, takes the why that is known away from nobody.
            outcome = outcome._replace(state=outcome.state._replace(error=state.error))
        merged.append(outcome)
        state = outcome.state
    return merged


def keep_as_history(state: MessageState, reports: Iterable[StatusReport]) -> list[Merged]:
    """Each report as history alone: what Genesys says of a message that it had accepted is shown, and changes nothing of it."""
    return [Merged(report, state.status, state, "Genesys said so after it had accepted the message") for report in reports]


def _merge_one(state: MessageState, report: StatusReport) -> Merged:
    status = parse_status(report.status, state.direction)
    if is_of_payment(report.status):
        return Merged(report, state.status, state, "it is the payment's, not the message's")
    if status is None:
        return Merged(report, state.status, state, f"'{report.status}' is no status of an {state.direction} message")
    after = _with_times(state, status, report)
    if status is Status.FAILED and report.recipient:
        return Merged(report, state.status, state, "one person of the group did not get it")
    if _rank(status, report.error) <= _rank(state.status, state.error):
        return Merged(report, state.status, after, f"already {state.status}")
    return Merged(report, state.status, after._replace(status=status), None)


def _with_times(state: MessageState, status: Status, report: StatusReport) -> MessageState:
    """Every status keeps the earliest time it was true: `read` also proves delivery, and clears a failure of another device."""
    if _is_guess(state.error) and status not in (Status.QUEUED, Status.FAILED):
        state = state._replace(failed_at=None, error=None)
    match status:
        case Status.DELIVERED:
            return state._replace(delivered_at=_earliest(state.delivered_at, report.at))
        case Status.READ:
            return state._replace(
                delivered_at=_earliest(state.delivered_at, report.at),
                read_at=_earliest(state.read_at, report.at),
                failed_at=None,
                error=None,
            )
        case Status.PROCESSED:
            return state._replace(failed_at=None, error=None)
        case Status.FAILED if _is_guess(report.error) and state.status is not Status.QUEUED:
            return state
        case Status.FAILED if state.status not in (Status.READ, Status.PROCESSED):
            earlier = (
                state.failed_at is None
                or _is_guess(state.error)
                or _order(report.at, report.error) < _order(state.failed_at, state.error)
            )
            return state._replace(failed_at=report.at, error=report.error) if earlier else state
    return state


def _rank(status: Status, error: JsonObject | None) -> float:
    return _GUESSED if status is Status.FAILED and _is_guess(error) else _RANK[status]


def _is_guess(error: JsonObject | None) -> bool:
    return error is not None and error.get("code") == OUTCOME_UNKNOWN


def _order(at: datetime, error: JsonObject | None) -> tuple[datetime, bool, str]:
    """The first failure stays; of two at once the one that says why."""
    return at, error is None, dump(error)


def _earliest(known: datetime | None, reported: datetime) -> datetime:
    return reported if known is None else min(known, reported)
