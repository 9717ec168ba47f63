"""One customer's whole story: who it is, the conversations of some weeks, each message with what became of it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from waystate.contacts.store import NewContact
from waystate.conversations.model import ConversationStatus, preview_of
from waystate.conversations.store import PastConversation
from waystate.ids import TenantId, id_at
from waystate.json import JsonObject
from waystate.messages.model import Direction, Status, StatusReport
from waystate.messages.store import MessageRow
from waystate.seeding.contents import said
from waystate.seeding.customers import Customer, customer
from waystate.seeding.dialogues import Dialogue, dialogues, filled
from waystate.seeding.fates import becoming_of
from waystate.seeding.schedule import Ending, Span, Timed, ending_of, time_all
from waystate.seeding.staff import agents_of
from waystate.simulator.envelope import new_wamid

ORIGIN = "seed:"
"""Begins the origin of every message that is sample data."""

_LAG = timedelta(milliseconds=400)
"""From a platform's own time of a message to its receipt."""
_ENDED = {Ending.CLOSED: ConversationStatus.CLOSED, Ending.EXPIRED: ConversationStatus.EXPIRED}
_OPEN = {Ending.WAITING: ConversationStatus.WAITING, Ending.ERROR: ConversationStatus.ERROR}
_FEW = 2
"""Dialogues of a language; whoever has no more of them also writes in English."""


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
    met = timed[0].at[0]
    contact = NewContact(
        id=id_at(met, random.getrandbits(74)),
        identities=who.identities,
        created_at=met,
        name=who.name,
        email=who.email,
        tags=who.tags,
        preferences=who.preferences,
        metadata=mark_of(plan.seed),
    )
    story = Story(contact)
    line = lines[number % len(lines)]
    for place, each in enumerate(timed):
        is_last = place == len(timed) - 1
        until = span.now if is_last else timed[place + 1].at[0]
        _tell(story, who, line, each, ending if is_last else None, until, plan.seed, span, random)
    return story


def _spoken(who: Customer, total: int, random: Random) -> Iterator[Dialogue]:
    """Conversations of `total` turns in all; of many turns, several dialogues make up a conversation."""
    known = dialogues()[who.language]
    if len(known) < _FEW:
        known += dialogues()["en"]
    words = {
        "name": who.name.split()[0],
        "agent": random.choice(agents_of()),
        "order": str(random.randrange(10_000, 99_999)),
        "amount": f"{random.randrange(5, 200)},{random.randrange(10, 99)} €",
    }
    while total > 0:
        count = 1 if total <= 40 else random.randint(1, 4)
        turns = tuple(filled(turn, words) for _ in range(count) for turn in random.choice(known))[:total]
        total -= len(turns)
        yield turns


def _tell(
    story: Story,
    who: Customer,
    line: Line,
    timed: Timed,
    ending: Ending | None,
    until: datetime,
    seed: int,
    span: Span,
    random: Random,
) -> None:
    """One conversation with its messages; `ending` is None where a later one follows, which begins at `until`."""
    conversation_id = id_at(timed.at[0] + _LAG, random.getrandbits(74))
    fates = becoming_of(timed, ending, random)
    written: list[MessageRow] = []
    for turn, at, fate in zip(timed.turns, timed.at, fates, strict=True):
        message = said(turn, random)
        sender = who.wa_id or who.user_id or ""
        by_customer = turn.by_customer
        row = MessageRow(
            id=id_at(at + _LAG, random.getrandbits(74)),
            conversation_id=conversation_id,
            direction=Direction.INBOUND if by_customer else Direction.OUTBOUND,
            status=Status.RECEIVED if by_customer else Status.QUEUED,
            type=message.type,
            # WhatsApp's times have whole seconds.
            sent_at=at.replace(microsecond=0) if by_customer else at,
            origin=origin_of(seed),
            wamid=new_wamid(sender, random, outbound=not by_customer) if by_customer or fate.was_sent else None,
            genesys_message_id=None if by_customer else _uuid(random),
            text=message.text,
            content=message.content,
            media=message.media,
            sender=sender if by_customer else line.integration,
        )
        written.append(row)
        reports = [
            StatusReport(
                wamid=row.wamid or "",
                status=step.status,
                at=at + _LAG + step.after,
                message_id=row.id,
                error=step.error,
                source=step.source,
                origin=origin_of(seed),
            )
            for step in fate.steps
            if at + _LAG + step.after <= span.now
        ]
        if reports:
            story.reports[row.id] = reports
    story.messages += written
    story.conversations.append(
        _conversation(story.contact.id, conversation_id, who, line, written, ending, until, seed, span, random)
    )


def _conversation(
    contact_id: UUID,
    conversation_id: UUID,
    who: Customer,
    line: Line,
    written: Sequence[MessageRow],
    ending: Ending | None,
    until: datetime,
    seed: int,
    span: Span,
    random: Random,
) -> PastConversation:
    last, first = written[-1], written[0]
    active_at = last.sent_at + _LAG
    by_customer = [row.sent_at for row in written if row.direction is Direction.INBOUND]
    has_agent = len(by_customer) < len(written)
    status, closed_at = _state(ending, active_at, until, span, random)
    return PastConversation(
        id=conversation_id,
        contact_id=contact_id,
        phone_number_id=line.phone_number_id,
        wa_id=who.wa_id,
        genesys_conversation_id=_uuid(random) if has_agent else None,
        communication_id=_uuid(random) if has_agent else None,
        last_message_id=last.wamid if last.direction is Direction.INBOUND else last.genesys_message_id,
        status=status,
        controller="agent" if has_agent and closed_at is None and status is not ConversationStatus.WAITING else "none",
        expires_at=active_at + span.ttl,
        last_activity_at=active_at,
        last_customer_message_at=by_customer[-1] if by_customer else None,
        last_message_at=last.sent_at,
        last_message=preview_of(last.text),
        closed_at=closed_at,
        close_reason=None if closed_at is None else "expired" if status is ConversationStatus.EXPIRED else "agent",
        version=len(written),
        metadata=mark_of(seed),
        created_at=first.sent_at + _LAG,
    )


def _state(
    ending: Ending | None, active_at: datetime, until: datetime, span: Span, random: Random
) -> tuple[ConversationStatus, datetime | None]:
    if ending is not None and ending not in _ENDED:
        return _OPEN.get(ending, ConversationStatus.ACTIVE), None
    expires_at = active_at + span.ttl
    if expires_at <= until and (ending is Ending.EXPIRED or (ending is None and random.random() < 0.3)):
        return ConversationStatus.EXPIRED, expires_at
    closed_at = active_at + timedelta(minutes=random.uniform(1, 20))
    return ConversationStatus.CLOSED, min(closed_at, max(until, active_at))


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))
