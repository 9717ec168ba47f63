"""One customer's whole story: who it is, the conversations of some weeks, each message with what became of it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple
from uuid import UUID

from waystate.contacts.model import NewContact
from waystate.conversations.model import ConversationStatus, PastConversation, preview_of
from waystate.documents import JsonObject
from waystate.ids import TenantId, id_at
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.store import MessageRow
from waystate.seeding.contents import said
from waystate.seeding.customers import SampleCustomer, customer
from waystate.seeding.dialogues import Dialogue, Turn, dialogues, filled
from waystate.seeding.fates import Fate, becoming_of
from waystate.seeding.schedule import Ending, Span, Timed, ending_of, time_all
from waystate.seeding.staff import agents_of
from waystate.simulator.webhooks import new_wamid

ORIGIN = "seed:"
"""Begins the origin of every message that is sample data."""

_LAG = timedelta(milliseconds=400)
"""From a platform's own time of a message to its receipt."""
_OPEN: dict[Ending | None, ConversationStatus] = {
    Ending.ACTIVE: ConversationStatus.ACTIVE,
    Ending.LATE: ConversationStatus.ACTIVE,
    Ending.WAITING: ConversationStatus.WAITING,
    Ending.ERROR: ConversationStatus.ERROR,
}
_LEFT = 0.3
"""Of earlier conversations, how many nobody closed."""
_MANY = 40
"""Turns, from which on a conversation is more than one dialogue."""
_FEW = 2
"""Dialogues of a language; whose has fewer writes half of them in English."""


class Plan(NamedTuple):
    """`messages` is the mean of a customer's."""

    seed: int
    contacts: int
    messages: int
    days: int


class Line(NamedTuple):
    """A business number, and the Genesys integration that it serves."""

    phone_number_id: str
    integration: str | None


@dataclass(slots=True)
class Story:
    contact: NewContact
    conversations: list[PastConversation] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    reports: dict[UUID, list[StatusReport]] = field(default_factory=dict)
    """Statuses of a message after its first, in the order in which they came."""


def mark_of(seed: int) -> JsonObject:
    """What the metadata of sample contacts and conversations say."""
    return {"seed": seed}


def origin_of(seed: int) -> str:
    return f"{ORIGIN}{seed}"


def story_of(tenant: TenantId, plan: Plan, number: int, lines: Sequence[Line], span: Span) -> Story:
    random = Random(f"story/{tenant}/{plan.seed}/{number}")
    who = customer(plan.seed, number)
    spoken = list(_spoken(who, max(1, round(plan.messages * random.uniform(0.5, 1.5))), random))
    ending = ending_of(number, spoken[-1], span)
    timed = time_all(spoken, ending, span, random)
    teller = _Teller(_contact(who, timed[0].at[0], plan.seed, random), who, lines[number % len(lines)], plan.seed, span, random)
    for each, following in pairwise(timed):
        teller.tell(each, None, until=following.at[0])
    teller.tell(timed[-1], ending, until=span.now)
    return teller.story


def _contact(who: SampleCustomer, met: datetime, seed: int, random: Random) -> NewContact:
    return NewContact(
        id=id_at(met, random.getrandbits(74)),
        identities=who.identities,
        created_at=met,
        name=who.name,
        email=who.email,
        tags=who.tags,
        preferences=who.preferences,
        metadata=mark_of(seed),
    )


def _spoken(who: SampleCustomer, total: int, random: Random) -> Iterator[Dialogue]:
    """Conversations of `total` turns in all; of many turns, several dialogues make up a conversation."""
    known = dialogues()[who.language]
    if len(known) < _FEW:
        english = dialogues()["en"]
        known = known * len(english) + english
    words = {
        "name": who.name.split()[0],
        "agent": random.choice(agents_of()),
        "order": str(random.randrange(10_000, 99_999)),
        "amount": f"{random.randrange(5, 200)},{random.randrange(10, 99)} €",
    }
    while total > 0:
        count = 1 if total <= _MANY else random.randint(1, 4)
        turns = tuple(filled(turn, words) for _ in range(count) for turn in random.choice(known))[:total]
        total -= len(turns)
        yield turns


class _Teller:
    """Adds to one customer's story conversation by conversation, in the order of time."""

    def __init__(self, contact: NewContact, who: SampleCustomer, line: Line, seed: int, span: Span, random: Random) -> None:
        self.story = Story(contact)
        self._who = who
        self._line = line
        self._seed = seed
        self._span = span
        self._random = random

    def tell(self, timed: Timed, ending: Ending | None, *, until: datetime) -> None:
        """`ending` is None where a later conversation follows, which begins at `until`."""
        conversation_id = self._id_at(timed.at[0] + _LAG)
        fates = becoming_of(timed, ending, self._random)
        written = [self._row(conversation_id, *each) for each in zip(timed.turns, timed.at, fates, strict=True)]
        for row, at, fate in zip(written, timed.at, fates, strict=True):
            if reports := list(self._reports(row, at + _LAG, fate)):
                self.story.reports[row.id] = reports
        self.story.messages += written
        self.story.conversations.append(self._conversation(conversation_id, written, ending, until))

    def _row(self, conversation_id: UUID, turn: Turn, at: datetime, fate: Fate) -> MessageRow:
        message = said(turn, self._random)
        customer_id = self._who.wa_id or self._who.user_id or ""
        is_inbound = turn.by_customer
        has_wamid = is_inbound or fate.was_sent
        return MessageRow(
            id=self._id_at(at + _LAG),
            conversation_id=conversation_id,
            direction=Direction.INBOUND if is_inbound else Direction.OUTBOUND,
            status=Status.RECEIVED if is_inbound else Status.QUEUED,
            type=message.type,
            # WhatsApp's times have whole seconds.
            sent_at=at.replace(microsecond=0) if is_inbound else at,
            origin=origin_of(self._seed),
            wamid=new_wamid(customer_id, self._random, outbound=not is_inbound) if has_wamid else None,
            genesys_message_id=None if is_inbound else self._uuid(),
            text=message.text,
            content=message.content,
            media=message.media,
            sender=customer_id if is_inbound else self._line.integration,
        )

    def _reports(self, row: MessageRow, received_at: datetime, fate: Fate) -> Iterator[StatusReport]:
        """What is known of it by now."""
        for step in fate.steps:
            if received_at + step.after <= self._span.now:
                yield StatusReport(
                    wamid=row.wamid or "",
                    status=step.status,
                    at=received_at + step.after,
                    message_id=row.id,
                    error=step.error,
                    source=step.source,
                    origin=row.origin,
                )

    def _conversation(
        self, conversation_id: UUID, written: Sequence[MessageRow], ending: Ending | None, until: datetime
    ) -> PastConversation:
        first, last = written[0], written[-1]
        active_at = last.sent_at + _LAG
        by_customer = [row.sent_at for row in written if row.direction is Direction.INBOUND]
        has_agent = len(by_customer) < len(written)
        status, closed_at = self._state(ending, active_at, until)
        is_led = has_agent and closed_at is None and status is not ConversationStatus.WAITING
        return PastConversation(
            id=conversation_id,
            contact_id=self.story.contact.id,
            phone_number_id=self._line.phone_number_id,
            wa_id=self._who.wa_id,
            genesys_conversation_id=self._uuid() if has_agent else None,
            communication_id=self._uuid() if has_agent else None,
            last_message_id=last.wamid if last.direction is Direction.INBOUND else last.genesys_message_id,
            status=status,
            controller="external" if is_led else "none",
            control_holder="genesys" if is_led else None,
            expires_at=active_at + self._span.ttl,
            last_activity_at=active_at,
            last_customer_message_at=by_customer[-1] if by_customer else None,
            last_message_at=last.sent_at,
            last_message=preview_of(last.text),
            closed_at=closed_at,
            close_reason=None if closed_at is None else "expired" if status is ConversationStatus.EXPIRED else "agent",
            version=len(written),
            metadata=mark_of(self._seed),
            created_at=first.sent_at + _LAG,
        )

    def _state(self, ending: Ending | None, active_at: datetime, until: datetime) -> tuple[ConversationStatus, datetime | None]:
        if ending in _OPEN:
            return _OPEN[ending], None
        expires_at = active_at + self._span.ttl
        is_left = ending is Ending.EXPIRED or (ending is None and self._random.random() < _LEFT)
        if is_left and expires_at <= until:
            return ConversationStatus.EXPIRED, expires_at
        closed_at = active_at + timedelta(minutes=self._random.uniform(1, 20))
        return ConversationStatus.CLOSED, min(closed_at, max(until, active_at))

    def _id_at(self, moment: datetime) -> UUID:
        return id_at(moment, self._random.getrandbits(74))

    def _uuid(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))
