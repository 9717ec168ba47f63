"""Sample data written and taken away through the stores of real traffic. No event is made, so nothing is sent."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from secrets import token_bytes
from typing import NamedTuple
from uuid import UUID

from waystate.audit import store as audit_store
from waystate.audit.model import Entry
from waystate.cache.breaker import PATIENCE, Away, Breaker
from waystate.cache.connection import open_redis
from waystate.cache.second_level import SecondLevel
from waystate.contacts import store as contact_store
from waystate.conversations import store as conversation_store
from waystate.conversations.desk import store as desk_store
from waystate.db import partitions
from waystate.db.pool import Connection, Database
from waystate.errors import BadRequest, Conflict
from waystate.ids import PLATFORM, TenantId, id_at
from waystate.messages import store as message_store
from waystate.messages.model import StatusReport
from waystate.messages.status import Merged, MessageState, merge
from waystate.messages.store import MessageRow
from waystate.people import store as people_store
from waystate.people.model import INVITATION_TTL
from waystate.principal import OPERATOR, Role
from waystate.queues import store as queue_store
from waystate.replies import store as reply_store
from waystate.replies.store import ReplyFilter
from waystate.schedules import store as schedule_store
from waystate.seeding.desk import arrangement_of, worked_on
from waystate.seeding.schedule import Span
from waystate.seeding.staff import StaffMember, staff_of
from waystate.seeding.stories import ORIGIN, Line, Plan, Story, mark_of, origin_of, story_of
from waystate.tenants import store as tenant_store
from waystate.tenants.routing import TenantView

MADE_UP = Line("100000000000000", None)
"""The number of conversations in a tenant that has none yet."""

_BATCH = 2_000
"""Messages a transaction, about."""
_PAGE = 200
"""Contacts a transaction when they are taken away."""

_MANY = 10_000
"""Queues, schedules or ready answers: all of a tenant's."""

Told = Callable[[int, int], None]
"""Customers done, of how many."""


class Desk(NamedTuple):
    """Where conversations wait, and who answers."""

    queues: tuple[UUID, ...]
    agents: tuple[UUID, ...]


@dataclass(slots=True)
class Seeded:
    people: int = 0
    contacts: int = 0
    conversations: int = 0
    messages: int = 0
    queues: int = 0
    replies: int = 0
    kept: int = 0
    """Contacts that stay, because they have had traffic of their own since."""
    partitions: int = 0
    example: str = ""
    """The id of one of the messages."""


async def seed(
    db: Database,
    tenant: TenantId,
    plan: Plan,
    lines: Sequence[Line],
    now: datetime,
    *,
    force: bool = False,
    told: Told = lambda done, total: None,
) -> Seeded:
    """Who is there already, by the same seed or by themselves, is left as they are."""
    settings = await _check(db, tenant, force=force)
    span = Span(now - timedelta(days=plan.days), now, settings)
    seeded = Seeded()
    async with db.owner() as conn:
        # Without them the rows would lie in the default partition, whose first row raises an alarm.
        seeded.partitions = len(await partitions.make_since(conn, ("messages", "message_events"), span.start, now))
    seeded.people = await _write_people(db, tenant, staff_of(tenant, plan.seed), now)
    desk = await _arrange(db, tenant, plan.seed, now, seeded)
    size = max(1, _BATCH // plan.messages)
    for start in range(0, plan.contacts, size):
        numbers = range(start, min(start + size, plan.contacts))
        stories = [story_of(tenant, plan, number, lines or (MADE_UP,), span) for number in numbers]
        async with db.tenant(tenant) as conn:
            before = seeded.contacts
            await _write(conn, tenant, stories, desk, seeded, now)
            if before == 0 and seeded.contacts:
                await _note(conn, tenant, "sample_data.added", plan.seed, now)
        told(numbers.stop, plan.contacts)
    return seeded


async def remove(db: Database, tenant: TenantId, seed: int, now: datetime) -> Seeded:
    """What `seed` made, and only that: what came since, and whoever has some of it, stays."""
    removed = Seeded()
    async with db.tenant(tenant) as conn:
        await tenant_store.get(conn, tenant)
    removed.people = await _remove_people(db, tenant, staff_of(tenant, seed))
    after: UUID | None = None
    while True:
        async with db.tenant(tenant) as conn:
            contacts = await contact_store.list_marked(conn, tenant, mark_of(seed), after=after, page=_PAGE)
            if not contacts:
                await _clear(conn, tenant, seed, now, removed)
                return removed
            await _take_away(conn, tenant, contacts, seed, removed)
            if after is None:
                await _note(conn, tenant, "sample_data.removed", seed, now)
        after = contacts[-1]


def lines_of(view: TenantView) -> list[Line]:
    """The tenant's numbers that are in use."""
    named = {each.id: each.integration_id for each in view.integrations.values()}
    return [
        Line(each.phone_number_id, named.get(each.genesys_integration_id) if each.genesys_integration_id else None)
        for each in view.accounts.values()
        if each.is_active
    ]


async def _check(db: Database, tenant: TenantId, *, force: bool) -> timedelta:
    """The tenant's own time to live of a conversation; refused where sample data would be among real ones."""
    if tenant == PLATFORM:
        raise BadRequest(
            "no_customers", "The platform itself has no customers. Name a tenant; `waystate tenant apply` makes one."
        )
    async with db.tenant(tenant) as conn:
        found = await tenant_store.get(conn, tenant)
        if not force and await message_store.has_others(conn, tenant, ORIGIN):
            raise Conflict(
                "real_traffic",
                f"Tenant '{tenant}' has real messages, and sample data would stand among them. Take a tenant of its own for "
                "trying, or say --force; `waystate seed --remove` takes it out again.",
            )
    return found.settings.mapping_ttl


async def _write(
    conn: Connection, tenant: TenantId, stories: Sequence[Story], desk: Desk, seeded: Seeded, now: datetime
) -> None:
    added = await contact_store.add_many(conn, tenant, [story.contact for story in stories])
    new = [story for story in stories if story.contact.id in added]
    conversations = [each for story in new for each in story.conversations]
    messages = [each for story in new for each in story.messages]
    if not new:
        return
    await conversation_store.add_many(conn, tenant, conversations, now)
    for source, keys in (
        ("whatsapp", {row.wamid: row.id for row in messages if row.wamid}),
        ("genesys", {row.genesys_message_id: row.id for row in messages if row.genesys_message_id}),
    ):
        await message_store.claim_many(conn, tenant, source, keys)
    await message_store.insert_many(conn, tenant, messages)
    reports = {message: each for story in new for message, each in story.reports.items()}
    await message_store.advance_many(conn, tenant, merged_of(messages, reports), id_of=_id_of)
    worked = [worked_on(story, desk.queues, desk.agents) for story in new]
    await desk_store.arrange_many(conn, tenant, [each for one in worked for each in one.conversations])
    await desk_store.add_notes(conn, tenant, [each for one in worked for each in one.notes])
    await contact_store.want_index(conn, tenant, [story.contact.id for story in new])
    seeded.contacts += len(new)
    seeded.conversations += len(conversations)
    seeded.messages += len(messages)
    seeded.example = str(messages[-1].id)


def merged_of(messages: Iterable[MessageRow], reports: dict[UUID, list[StatusReport]]) -> dict[UUID, list[Merged]]:
    """By the same rules as the reports of the platforms."""
    return {row.id: merge(MessageState(row.direction, row.status), reports[row.id]) for row in messages if row.id in reports}


def _id_of(report: StatusReport) -> UUID:
    """Learned when it happened."""
    assert report.message_id is not None
    said = f"{report.message_id} {report.status} {report.source}".encode()
    return id_at(report.at, int.from_bytes(blake2b(said, digest_size=10).digest()))


async def _take_away(conn: Connection, tenant: TenantId, contacts: Sequence[UUID], seed: int, removed: Seeded) -> None:
    conversations = [each for each, _ in await conversation_store.list_of_contacts(conn, tenant, contacts)]
    # Whoever writes now waits here, and does not write into what is going.
    await conversation_store.lock_many(conn, tenant, conversations)
    removed.messages += await message_store.remove_many(conn, tenant, conversations, origin=origin_of(seed))
    occupied = await message_store.list_occupied(conn, tenant, conversations)
    empty = [each for each in conversations if each not in occupied]
    removed.conversations += await conversation_store.remove_marked(conn, tenant, empty, mark_of(seed))
    busy = {contact for _, contact in await conversation_store.list_of_contacts(conn, tenant, contacts)}
    removed.contacts += await contact_store.remove_many(conn, tenant, [each for each in contacts if each not in busy])
    removed.kept += len(busy)


async def _note(conn: Connection, tenant: TenantId, action: str, seed: int, now: datetime) -> None:
    """Once a run, with the first of it."""
    entry = Entry(actor=OPERATOR, action=action, subject=f"tenant:{tenant}", at=now, details={"seed": seed})
    await audit_store.append_many(conn, tenant, [entry])


async def _write_people(db: Database, tenant: TenantId, staff: Sequence[StaffMember], now: datetime) -> int:
    """How many are new. Nobody ever had the tokens of their invitations, and nobody has a password."""
    made = 0
    async with db.work(tenant_id=tenant) as conn:
        for each in staff:
            if await people_store.find_member(conn, tenant, email=each.email) is not None:
                continue
            user = await people_store.upsert_user(conn, each.email, each.name, now)
            token = token_bytes(32)
            await people_store.invite(
                conn, tenant, user, each.role, invited_as=each.name, hashed=token, expires_at=now + INVITATION_TTL, now=now
            )
            if each.status != "invited":
                await people_store.accept(conn, token, now)
                await people_store.set_status(conn, user, "active" if each.status == "active" else "disabled")
            made += 1
    return made


async def _arrange(db: Database, tenant: TenantId, seed: int, now: datetime, seeded: Seeded) -> Desk:
    """What is there already, or has a name that is taken, is left as it is."""
    async with db.work(tenant_id=tenant) as conn:
        staff = [each.email for each in staff_of(tenant, seed) if each.role is Role.AGENT and each.status == "active"]
        members = [await people_store.find_member(conn, tenant, email=email) for email in staff]
    agents = [each.id for each in members if each is not None and each.status == "active"]
    wanted = arrangement_of(tenant, seed, agents, now)
    async with db.tenant(tenant) as conn:
        schedules = await schedule_store.list_page(conn, tenant, after="", batch=_MANY)
        for schedule in wanted.schedules:
            if schedule.name not in {each.name for each in schedules}:
                await schedule_store.add_one(conn, tenant, schedule)
        known = {each.name: each.id for each in await queue_store.list_page(conn, tenant, after="", batch=_MANY)}
        new = [each for each in wanted.queues if each.name not in known]
        for queue in new:
            await queue_store.add_one(conn, tenant, queue)
        queues = [each.id for each in wanted.queues if known.get(each.name, each.id) == each.id]
        listed = await reply_store.list_page(conn, tenant, ReplyFilter(), after=None, batch=_MANY)
        taken = {(each.queue_id, each.shortcut) for each in listed}
        ready = [
            each
            for each in wanted.replies
            if (each.queue_id, each.shortcut) not in taken and (each.queue_id is None or each.queue_id in queues)
        ]
        for reply in ready:
            await reply_store.add_one(conn, tenant, reply)
    seeded.queues, seeded.replies = len(new), len(ready)
    return Desk(tuple(queues), tuple(agents))


async def _clear(conn: Connection, tenant: TenantId, seed: int, now: datetime, removed: Seeded) -> None:
    """What somebody uses by now stays: a queue with conversations, a schedule of a queue."""
    made = arrangement_of(tenant, seed, (), now)
    for reply in made.replies:
        await reply_store.remove_one(conn, tenant, reply.id)
    removed.queues = await queue_store.remove_empty(conn, tenant, [each.id for each in made.queues])
    await schedule_store.remove_unused(conn, tenant, [each.id for each in made.schedules])


async def _remove_people(db: Database, tenant: TenantId, staff: Sequence[StaffMember]) -> int:
    removed = 0
    async with db.work(tenant_id=tenant) as conn:
        for each in staff:
            if (member := await people_store.find_member(conn, tenant, email=each.email)) is not None:
                await people_store.remove(conn, tenant, member.id)
                removed += 1
    return removed


async def forget(redis_url: str, tenant: TenantId) -> bool:
    """Drops what look-ups remember of a tenant where processes remember it together; whether Redis took it.

    What a process knows by itself it forgets within seconds.
    """
    client = open_redis(redis_url, timeout=PATIENCE)
    breaker = Breaker("redis", client.ping)
    try:
        await breaker.probe()
        await SecondLevel(client, breaker, installation="").clear(tenant)
    except Away:
        return False
    finally:
        await client.aclose()
    return True
