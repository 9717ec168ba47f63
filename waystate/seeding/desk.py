"""How the sample people work: their hours, their queues, their ready answers, and what they made of each conversation. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import NamedTuple
from uuid import UUID

from waystate.conversations.desk.model import Note
from waystate.conversations.desk.store import ArrangedConversation
from waystate.conversations.model import OPEN, PastConversation
from waystate.ids import TenantId, id_at
from waystate.messages.model import Direction
from waystate.queues.model import AgentQueue
from waystate.replies.model import ReadyReply
from waystate.schedules.model import DAYS, MINUTES, Holiday, Hours, Schedule, ScheduleVersion, Slot
from waystate.seeding.stories import Story

_WEEK = (Slot(DAYS[:5], Hours(8 * 60, 18 * 60)), Slot(("sat",), Hours(10 * 60, 14 * 60)))
_ALWAYS = (Slot(DAYS, Hours(0, MINUTES)),)
_QUEUES = (("Support", "Office hours"), ("Sales", "Office hours"), ("Emergencies", "Around the clock"))
_REPLIES = (
    (
        "hello",
        "Greeting",
        "Hello {{ customer.first_name | default: 'there' }}, {{ agent.first_name }} here. How can I help?",
    ),
    ("wait", "One moment", "Thank you for your patience, {{ customer.first_name | default: 'we have not forgotten you' }}."),
    ("bye", "Goodbye", "Have a good day! {{ business.name }}"),
    ("vip", None, "{% if customer.tags contains 'vip' %}Dear {{ customer.name }}{% else %}Hello{% endif %}, we look into it."),
)
_REFUNDS = ("refund", "Refund", "We send the money back within five working days. {{ agent.first_name }}, {{ queue.name }}")
_SUBJECTS = ("Where is my order?", "Refund", "Change of address", "Appointment", "Invoice", "Faulty delivery", "Opening hours")
_TAGS = ("urgent", "refund", "delivery", "billing", "follow-up", "praise")
_NOTES = (
    "Asked for a call back on Monday.",
    "Same fault as last month; see the earlier conversation.",
    "Refund agreed with the supervisor.",
    "Prefers to be written to in the evening.",
)


@dataclass(frozen=True, slots=True)
class Arrangement:
    schedules: tuple[Schedule, ...]
    queues: tuple[AgentQueue, ...]
    replies: tuple[ReadyReply, ...]


class DeskWork(NamedTuple):
    """What the people made of conversations, and noted."""

    conversations: list[ArrangedConversation]
    notes: list[Note]


def arrangement_of(tenant: TenantId, seed: int, agents: Sequence[UUID], now: datetime) -> Arrangement:
    """The same ids each time, by which it is taken away again. Each seed has names of its own."""
    year = now.year
    holidays = tuple(
        Holiday(date(each, month, day), name)
        for each in (year, year + 1)
        for month, day, name in ((1, 1, "New Year"), (12, 25, "Christmas Day"))
    )
    hours = {"Office hours": (_WEEK, holidays), "Around the clock": (_ALWAYS, ())}
    schedules = tuple(
        Schedule(
            id=_id(tenant, seed, "schedule", name),
            name=_named(name, seed),
            versions=(
                ScheduleVersion(valid_from=date(year - 1, 1, 1), time_zone="Europe/Berlin", slots=slots, holidays=closed),
            ),
            created_at=now,
            edited_at=now,
        )
        for name, (slots, closed) in hours.items()
    )
    queues = tuple(
        AgentQueue(
            id=_id(tenant, seed, "queue", name),
            name=_named(name, seed),
            members=tuple(sorted(agents[place:] or agents)),
            schedule_id=_id(tenant, seed, "schedule", schedule),
            created_at=now,
            edited_at=now,
        )
        for place, (name, schedule) in enumerate(_QUEUES)
    )
    ready = [*((None, *each) for each in _REPLIES), (queues[0].id, *_REFUNDS)]
    replies = tuple(
        ReadyReply(
            id=_id(tenant, seed, "reply", shortcut),
            shortcut=shortcut if seed == 1 else f"{shortcut}-{seed}",
            title=title,
            text=text,
            queue_id=queue_id,
            created_at=now,
            edited_at=now,
        )
        for queue_id, shortcut, title, text in ready
    )
    return Arrangement(schedules, queues, replies)


def worked_on(story: Story, queues: Sequence[UUID], agents: Sequence[UUID]) -> DeskWork:
    """Some have a subject, tags, a queue, somebody who has them, notes; the same ones each time."""
    worked = DeskWork([], [])
    since = _waiting(story)
    for each in story.conversations:
        random = Random(f"desk/{each.id}")
        is_open = each.status in OPEN
        queue_id = random.choice(queues) if queues and random.random() < (0.8 if is_open else 0.5) else None
        has_agent = bool(agents) and each.genesys_conversation_id is not None and random.random() < 0.7
        worked.conversations.append(
            ArrangedConversation(
                id=each.id,
                queue_id=queue_id,
                assigned_user_id=random.choice(agents) if has_agent else None,
                subject=random.choice(_SUBJECTS) if random.random() < 0.6 else None,
                waiting_since=since.get(each.id) if is_open else None,
                tags=tuple(sorted(random.sample(_TAGS, random.choice((0, 0, 1, 1, 2))))),
            )
        )
        worked.notes.extend(_notes(each, agents, random))
    return worked


def _notes(conversation: PastConversation, agents: Sequence[UUID], random: Random) -> Iterator[Note]:
    if not agents or random.random() < 0.7:
        return
    at = conversation.created_at + timedelta(seconds=random.randrange(1, 60))
    if at > conversation.last_activity_at:
        return
    yield Note(
        id=id_at(at, random.getrandbits(74)),
        conversation_id=conversation.id,
        author_kind="user",
        author_id=random.choice(agents),
        text=random.choice(_NOTES),
        at=at,
    )


def _waiting(story: Story) -> Mapping[UUID, datetime]:
    """Conversation → the customer's first message that nobody has answered."""
    since: dict[UUID, datetime] = {}
    for row in story.messages:
        if row.direction is Direction.OUTBOUND:
            since.pop(row.conversation_id, None)
        else:
            since.setdefault(row.conversation_id, row.sent_at)
    return since


def _named(name: str, seed: int) -> str:
    return name if seed == 1 else f"{name} {seed}"


def _id(tenant: TenantId, seed: int, kind: str, name: str) -> UUID:
    digest = blake2b(f"{tenant}/{seed}/{kind}/{name}".encode(), digest_size=16).digest()
    return UUID(bytes=digest, version=4)
