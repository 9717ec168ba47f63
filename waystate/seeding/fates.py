"""What becomes of each message of a conversation: processed, delivered, read, refused. Pure.

Codes and titles: developers.facebook.com, WhatsApp Cloud API, error codes.
"""

from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from waystate.documents import JsonObject
from waystate.messages.model import Status
from waystate.seeding.schedule import Ending, Timed


class Step(NamedTuple):
    """A status so long `after` the message's receipt, and who says it."""

    after: timedelta
    status: Status
    source: str = "whatsapp"
    error: JsonObject | None = None


class Fate(NamedTuple):
    steps: tuple[Step, ...] = ()

    @property
    def was_sent(self) -> bool:
        return any(step.status is Status.SENT for step in self.steps)


def _error(code: int, title: str, details: str) -> JsonObject:
    return {"code": code, "title": title, "message": title, "error_data": {"details": details}}


_REFUSED = (
    _error(131026, "Message undeliverable", "The recipient cannot receive this message."),
    _error(131047, "Re-engagement message", "More than 24 hours have passed since the customer last replied."),
    _error(131049, "Message not delivered", "Not delivered to maintain healthy ecosystem engagement."),
    _error(131053, "Media upload error", "The media could not be downloaded from its URL."),
    _error(130472, "User's number is part of an experiment", "The message was not sent."),
)
_NO_PAYMENT = _error(131042, "Business eligibility payment issue", "There is an issue with the payment method of the business.")
_GENESYS_REFUSED: JsonObject = {
    "code": "delivery_failed",
    "title": "Genesys refused the message: the attachment's type is not allowed",
}


def becoming_of(timed: Timed, ending: Ending | None, random: Random) -> list[Fate]:
    """One for each turn. Who waits has not been heard; where a platform refuses, the last answer has not gone out."""
    fates: list[Fate] = []
    for place, (turn, at) in enumerate(zip(timed.turns, timed.at, strict=True)):
        following = timed.at[place + 1] if place + 1 < len(timed.at) else None
        fates.append(_of_customer(random) if turn.by_customer else _of_business(at, following, random))
    by_business = [place for place, turn in enumerate(timed.turns) if not turn.by_customer]
    if ending is Ending.ERROR:
        fates[by_business[-1]] = Fate()
        for place in by_business[-2:-1]:
            fates[place] = Fate((Step(timedelta(seconds=2), Status.FAILED, "whatsapp", _NO_PAYMENT),))
    if ending is Ending.WAITING:
        for place in range(by_business[-1] + 1 if by_business else 0, len(fates)):
            fates[place] = Fate()
    return fates


def _of_customer(random: Random) -> Fate:
    after = timedelta(milliseconds=random.randint(40, 900))
    if random.random() < 0.01:
        return Fate((Step(after, Status.FAILED, "waystate", _GENESYS_REFUSED),))
    return Fate((Step(after, Status.PROCESSED, "waystate"),))


def _of_business(at: datetime, following: datetime | None, random: Random) -> Fate:
    """Read before the customer goes on, if it is."""
    sent = timedelta(milliseconds=random.randint(150, 1500))
    delivered = sent + timedelta(seconds=random.uniform(0.3, 6))
    patience = timedelta(minutes=20) if following is None else max(following - at, delivered)
    read = delivered + (patience - delivered) * random.uniform(0.1, 0.9) if patience > delivered else delivered
    steps = (
        Step(sent, Status.SENT, "waystate"),
        Step(sent, Status.SENT),
        Step(delivered, Status.DELIVERED),
        Step(read, Status.READ),
    )
    luck = random.random()
    if luck < 0.05:
        return Fate((*steps[:2], Step(delivered, Status.FAILED, "whatsapp", random.choice(_REFUSED))))
    return Fate(steps[:2] if luck < 0.10 else steps[:3] if luck < 0.22 else steps)
