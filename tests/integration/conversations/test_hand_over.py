"""A conversation is in one pair of hands: who gets it, who is told who has it, and that nothing of who lost it leaves."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.integration.planned.test_order import post
from tests.integration.test_timers import Told, timers_of
from tests.world import Business, World, accepted, commits_of, run_in, wait_for_lock
from waystate.conversations.assign import Destination, Doer
from waystate.conversations.control import Speaker, SpeakerKind
from waystate.conversations.deeds import ConversationDeeds
from waystate.conversations.model import ConversationEnd
from waystate.deliveries.withdraw import fail_displaced
from waystate.errors import Conflict, Forbidden, Refused, Unprocessable
from waystate.events.model import OutboundProcessed, OutboundRefused
from waystate.ids import new_id
from waystate.pipeline.ends import run_ends
from waystate.principal import Actor, Role
from waystate.sends.model import Posted
from waystate.timers import Timers
from waystate.trace.trace import trace

GENESYS = Destination("genesys")


class Desk:
    """A tenant's people, and what they do to the one conversation that there is."""

    def __init__(self, world: World, tenant: Business) -> None:
        self.world, self.tenant = world, tenant
        self.deeds = ConversationDeeds(commits_of(world), world.directory, fail_displaced, world.clock)

    async def person(self, name: str, role: Role = Role.AGENT) -> Doer:
        user = new_id()
        async with self.world.db.work(tenant_id=self.tenant.tenant) as conn:
            await conn.execute(
                "INSERT INTO users (id, email, name, status, created_at) VALUES ($1, $2, $3, 'active', now())",
                *(user, f"{user}@example.org", name),
            )
            await conn.execute(
                "INSERT INTO memberships (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, now())",
                *(self.tenant.tenant, user, role),
            )
        leads = role in (Role.SUPERVISOR, Role.ADMIN, Role.OWNER)
        return Doer(Speaker(SpeakerKind.PERSON, user, leads=leads), Actor("user", user))

    async def queue(self, name: str, *people: Doer, genesys_queue: str | None = None) -> UUID:
        queue = new_id()
        await self.world.execute(
            self.tenant,
            "INSERT INTO queues (tenant_id, id, name, genesys_queue, created_at, edited_at)"
            " VALUES ($1, $2, $3, $4, now(), now())",
            *(self.tenant.tenant, queue, name, genesys_queue),
        )
        for each in people:
            await self.world.execute(
                self.tenant,
                "INSERT INTO queue_members (tenant_id, queue_id, user_id) VALUES ($1, $2, $3)",
                *(self.tenant.tenant, queue, each.speaker.id),
            )
        return queue

    async def id(self) -> str:
        return str(await self.world.value(self.tenant, "SELECT id FROM conversations ORDER BY id DESC LIMIT 1"))

    async def take(self, who: Doer) -> None:
        await self.deeds.take(self.tenant.tenant, await self.id(), who)

    async def release(self, who: Doer) -> None:
        await self.deeds.release(self.tenant.tenant, await self.id(), who)

    async def assign(self, who: Doer, to: Doer | None) -> None:
        await self.deeds.assign(self.tenant.tenant, await self.id(), who, None if to is None else to.speaker.id)

    async def transfer(self, who: Doer, to: Destination, **said: Any) -> None:
        await self.deeds.transfer(self.tenant.tenant, await self.id(), who, to, said.pop("note", None), **said)

    async def say(self, who: Doer, text: str = "Good morning", *, takes: bool = False) -> UUID:
        speaker = Speaker(SpeakerKind.PERSON, who.speaker.id, takes, leads=who.speaker.leads)
        result = await post(self.world, self.tenant, text, speaker)
        assert isinstance(result, Posted), result
        return result.message_id

    async def row(self) -> tuple[Any, ...]:
        """Controller, holder, assignee, queue and status."""
        row = await self.world.row(
            self.tenant,
            "SELECT controller, control_holder, assigned_user_id, queue_id, status FROM conversations ORDER BY id DESC LIMIT 1",
        )
        return tuple(row.values())

    async def told(self, type: str) -> list[dict[str, Any]]:
        rows = await self.world.rows(self.tenant, "SELECT data FROM events WHERE type = $1 ORDER BY position", type)
        return [row["data"] for row in rows]

    async def at_genesys(self) -> list[str]:
        """The texts that Genesys is to get, in their order."""
        await self.world.relay(self.tenant)
        rows = await self.world.rows(
            self.tenant, "SELECT request->>'text' AS text FROM deliveries WHERE target = 'genesys' ORDER BY position, event_id"
        )
        return [row["text"] for row in rows]

    async def write(self, text: str) -> None:
        self.world.clock.forward(seconds=1)
        await self.world.receive(self.tenant, self.tenant.message(text=text))

    async def error_of(self, message: UUID) -> str | None:
        row = await self.world.row(self.tenant, "SELECT error FROM messages WHERE id = $1", message)
        return None if row["error"] is None else str(row["error"]["code"])


@pytest.fixture
async def desk(world: World, tenant: Business) -> Desk:
    await world.receive(tenant, tenant.message(text="first"))
    return Desk(world, tenant)


def held_by(who: Doer, queue: UUID | None = None) -> tuple[Any, ...]:
    return ("agent", who.name, who.speaker.id, queue, "active")


async def test_a_person_takes_what_nobody_has_and_gives_it_back(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.take(ana)
    assert await desk.row() == held_by(ana)
    (told,) = await desk.told("conversation.assigned")
    assert (told["by"], told["holder"], told["assignee_id"], told["control_epoch"]) == (
        *(ana.name, ana.name, str(ana.speaker.id)),
        1,
    )
    await desk.take(ana)
    assert len(await desk.told("conversation.assigned")) == 1, "who has it has it"
    await desk.release(ana)
    assert await desk.row() == ("none", None, None, None, "active")
    (told,) = await desk.told("conversation.released")
    assert (told["by"], told["former_holder"], told["reason"], told["control_epoch"]) == (
        *(ana.name, ana.name),
        "given_back",
        2,
    )
    kept = await desk.world.rows(desk.tenant, "SELECT type FROM conversation_log ORDER BY at, id")
    assert [row["type"] for row in kept][-2:] == ["conversation.assigned", "conversation.released"]


async def test_who_waited_for_a_conversation_comes_behind_whom_they_waited_for(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.take(ana)
    desk.world.clock.forward(seconds=-3)
    await desk.release(ana)
    kept = await desk.world.rows(desk.tenant, "SELECT type, at FROM conversation_log ORDER BY at, id")
    assert [row["type"] for row in kept][-2:] == ["conversation.assigned", "conversation.released"]


async def test_who_speaks_has_it_and_who_waits_for_an_agent_waits_no_more(desk: Desk) -> None:
    ana, queue = await desk.person("Ana"), await desk.queue("Billing")
    await desk.transfer(ana, Destination("queue", queue))
    assert await desk.row() == ("none", None, None, queue, "waiting")
    desk.world.clock.forward(minutes=5)
    await desk.say(ana)
    assert await desk.row() == held_by(ana, queue)
    assert await desk.world.value(desk.tenant, "SELECT acted_at FROM conversations") == desk.world.clock.now
    (told,) = await desk.told("control.changed")
    assert (told["controller"], told["holder"], told["former_holder"]) == ("agent", ana.name, None)


async def test_genesys_has_no_word_where_a_person_has_it_and_takes_it_with_its_word_from_nobody(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.take(ana)
    (refused,) = await desk.world.answer(desk.tenant, desk.tenant.reply(conversation_id=await desk.id()))
    assert isinstance(refused, OutboundRefused)
    await desk.release(ana)
    (said,) = await desk.world.answer(desk.tenant, desk.tenant.reply(conversation_id=await desk.id()))
    assert isinstance(said, OutboundProcessed)
    assert (await desk.row())[:3] == ("external", "genesys", None)


async def test_only_who_leads_takes_from_another_person_and_it_is_audited(desk: Desk) -> None:
    ana, bob, eve = await desk.person("Ana"), await desk.person("Bob"), await desk.person("Eve", Role.SUPERVISOR)
    await desk.take(ana)
    with pytest.raises(Conflict) as refused:
        await desk.take(bob)
    assert refused.value.code == "not_in_control"
    assert refused.value.extra["assignee"] == {"id": str(ana.speaker.id), "name": "Ana"}
    with pytest.raises(Conflict):
        await desk.release(bob)
    with pytest.raises(Conflict):
        await desk.transfer(bob, GENESYS)
    result = await post(desk.world, desk.tenant, "Me", Speaker(SpeakerKind.PERSON, bob.speaker.id, True))
    assert isinstance(result, Refused)
    assert result.code == "not_in_control"
    await desk.take(eve)
    assert (await desk.row())[1] == eve.name
    await desk.assign(eve, bob)
    await desk.say(eve, takes=True)
    written = await desk.world.rows(desk.tenant, "SELECT action, details FROM audit_log ORDER BY position")
    assert [(row["action"], row["details"]["former"]) for row in written] == [
        ("conversation.taken", ana.name),
        ("conversation.assigned", eve.name),
        ("conversation.taken", bob.name),
    ]


async def test_only_a_queues_own_people_take_what_waits_in_it(desk: Desk) -> None:
    ana, bob = await desk.person("Ana"), await desk.person("Bob")
    queue = await desk.queue("Billing", ana)
    await desk.transfer(bob, Destination("queue", queue), note="Asks about May")
    (told,) = await desk.told("conversation.transferred")
    assert (told["to"], told["queue_id"], told["note"], told["holder"]) == ("queue", str(queue), "Asks about May", None)
    with pytest.raises(Forbidden) as refused:
        await desk.take(bob)
    assert refused.value.code == "not_your_queue"
    await desk.take(ana)
    assert await desk.row() == held_by(ana, queue)
    await desk.release(ana)
    assert await desk.row() == ("none", None, None, queue, "waiting"), "it waits where it came from"


async def test_a_key_takes_nothing_and_passes_on_what_it_has(desk: Desk) -> None:
    key, ana = Doer(Speaker(SpeakerKind.KEY, new_id()), Actor("key", new_id())), await desk.person("Ana")
    with pytest.raises(Forbidden):
        await desk.take(key)
    assert isinstance(await post(desk.world, desk.tenant, "I am a bot", key.speaker), Posted)
    await desk.transfer(key, Destination("user", ana.speaker.id))
    assert await desk.row() == held_by(ana)
    with pytest.raises(Conflict):
        await desk.transfer(key, GENESYS)


async def test_nobody_gets_it_who_is_not_here_or_may_not_write(desk: Desk) -> None:
    eve, viewer = await desk.person("Eve", Role.SUPERVISOR), await desk.person("Vic", Role.VIEWER)
    gone = await desk.person("Gus")
    async with desk.world.db.work() as conn:
        await conn.execute("UPDATE users SET status = 'disabled' WHERE id = $1", gone.speaker.id)
    for who, code in ((viewer, "assignee_cannot_answer"), (gone, "assignee_unknown")):
        with pytest.raises(Unprocessable) as refused:
            await desk.assign(eve, who)
        assert refused.value.code == code
    with pytest.raises(Unprocessable):
        await desk.transfer(eve, Destination("queue", new_id()))
    assert (await desk.row())[0] == "none"


async def test_of_two_who_take_it_at_once_one_has_it_and_the_other_is_told(desk: Desk) -> None:
    people = [await desk.person(name) for name in ("Ana", "Bob")]
    results = await asyncio.gather(*(desk.take(each) for each in people), return_exceptions=True)
    (lost,) = [each for each in results if each is not None]
    winner = people[results.index(None)]
    assert isinstance(lost, Conflict)
    assert (lost.extra["holder"], lost.extra["assignee"]["id"]) == (winner.name, str(winner.speaker.id))
    assert (await desk.row())[1] == winner.name
    assert len(await desk.told("conversation.assigned")) == 1


async def test_a_second_transfer_in_between_is_told_who_has_it_now(desk: Desk) -> None:
    """Even of somebody who leads: what they saw is so no more."""
    ana, bob, eve = await desk.person("Ana"), await desk.person("Bob"), await desk.person("Eve", Role.ADMIN)
    await desk.take(ana)
    async with desk.world.db.tenant(desk.tenant.tenant) as conn:
        await conn.execute("SELECT FROM conversations FOR UPDATE")
        first = asyncio.create_task(desk.transfer(ana, Destination("user", bob.speaker.id)))
        await wait_for_lock(conn)
        second = asyncio.create_task(desk.transfer(eve, GENESYS))
        await wait_for_lock(conn, waiting=2)
    results = await asyncio.gather(first, second, return_exceptions=True)
    (lost,) = [each for each in results if each is not None]
    assert isinstance(lost, Conflict)
    assert lost.code == "moved_meanwhile"
    assert len(await desk.told("conversation.transferred")) == 1
    assert lost.extra["holder"] == (await desk.row())[1]
    with pytest.raises(Conflict) as refused:
        await desk.transfer(eve, GENESYS, epoch=0)
    assert refused.value.code == "moved_meanwhile"


@pytest.mark.parametrize("is_relayed", [False, True])
@pytest.mark.parametrize("deed", ["take", "transfer", "release", "assign", "lease"])
async def test_nothing_of_who_lost_the_word_leaves(desk: Desk, deed: str, is_relayed: bool) -> None:
    ana, eve = await desk.person("Ana"), await desk.person("Eve", Role.SUPERVISOR)
    sending, queued = await desk.say(ana, "is being sent"), await desk.say(ana, "waits")
    if is_relayed:
        await desk.world.relay(desk.tenant)
        await desk.world.execute(
            desk.tenant, "UPDATE deliveries SET state = 'sending', attempts = 1 WHERE message_id = $1", sending
        )
    match deed:
        case "take":
            await desk.take(eve)
        case "transfer":
            await desk.transfer(ana, GENESYS)
        case "release":
            await desk.release(ana)
        case "assign":
            await desk.assign(eve, eve)
        case "lease":
            desk.world.clock.forward(minutes=31)
            await timers(desk).end_leases()
    assert await desk.error_of(queued) == "controller_changed"
    assert await desk.error_of(sending) == (None if is_relayed else "controller_changed"), "what is being sent finishes"
    await desk.world.relay(desk.tenant)
    claimed = [each.message_id for each in await desk.world.claim(desk.tenant) if each.target == "whatsapp"]
    assert queued not in claimed


def timers(desk: Desk) -> Timers:
    return timers_of(desk.world, Told())


async def test_what_a_customer_writes_to_a_person_here_is_no_task_at_genesys(desk: Desk) -> None:
    ana = await desk.person("Ana")
    assert await desk.at_genesys() == ["first"]
    await desk.take(ana)
    await desk.write("second")
    received = (await desk.told("inbound.enriched"))[-1]
    assert (received["controller"], received["control_epoch"], received["to_genesys"]) == ("agent", 1, False)
    assert await desk.at_genesys() == ["first"]
    message = await desk.world.value(desk.tenant, "SELECT id FROM messages ORDER BY id DESC LIMIT 1")
    found = await trace(desk.tenant.tenant, desk.tenant.settings, str(message), desk.world.db, desk.world.clock)
    assert "a person here had the conversation" in found["why"]


async def test_what_nobody_here_answered_goes_to_genesys_once_nobody_here_has_it(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.take(ana)
    await desk.write("answered")
    desk.world.clock.forward(seconds=1)
    await desk.say(ana)
    await desk.write("second")
    await desk.write("third")
    await desk.release(ana)
    await desk.write("fourth")
    assert await desk.at_genesys() == ["first", "second", "third", "fourth"]
    await desk.take(ana)
    await desk.release(ana)
    assert await desk.at_genesys() == ["first", "second", "third", "fourth"], "once"


async def test_genesys_hears_of_who_is_passed_on_to_it_even_if_they_were_answered(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.take(ana)
    await desk.write("second")
    desk.world.clock.forward(seconds=1)
    await desk.say(ana)
    await desk.transfer(ana, GENESYS, note="Wants to cancel")
    assert (await desk.row())[:3] == ("external", "genesys", None)
    assert await desk.at_genesys() == ["first", "second"]
    (said,) = await desk.world.answer(desk.tenant, desk.tenant.reply(conversation_id=await desk.id()))
    assert isinstance(said, OutboundProcessed), "a transfer's target has the word"
    result = await post(desk.world, desk.tenant, "Me again", ana.speaker)
    assert isinstance(result, Refused)
    await desk.say(ana, takes=True)
    assert await desk.row() == held_by(ana), "Genesys is no other person: whoever may write takes it from there"


async def test_a_queue_of_people_here_keeps_its_customers_from_genesys_and_one_that_stands_for_genesys_does_not(
    desk: Desk,
) -> None:
    ana = await desk.person("Ana")
    here, there = await desk.queue("Here", ana), await desk.queue("There", genesys_queue="genesys-queue")
    await desk.at_genesys()
    await desk.transfer(ana, Destination("queue", here))
    await desk.write("second")
    assert await desk.at_genesys() == ["first"]
    await desk.transfer(ana, Destination("queue", there))
    await desk.write("third")
    assert await desk.at_genesys() == ["first", "second", "third"]


async def test_the_event_says_who_gets_a_message_and_not_how_the_conversation_stands_when_it_is_relayed(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.write("to nobody")
    await desk.take(ana)
    assert await desk.at_genesys() == ["first", "to nobody"]
    await desk.write("to Ana")
    await desk.world.execute(desk.tenant, "UPDATE conversations SET controller = 'none', control_holder = NULL")
    assert await desk.at_genesys() == ["first", "to nobody"]


async def test_a_number_without_genesys_is_passed_on_to_nobody_there(world: World) -> None:
    tenant = await world.add("plain", number="5001", with_genesys=False)
    await world.receive(tenant, tenant.message())
    desk = Desk(world, tenant)
    with pytest.raises(Conflict) as refused:
        await desk.transfer(await desk.person("Ana"), GENESYS)
    assert refused.value.code == "no_genesys"


async def test_a_lease_ends_after_the_last_act_and_the_next_customer_message_goes_to_genesys(desk: Desk) -> None:
    ana, clock = await desk.person("Ana"), desk.world.clock
    await desk.take(ana)
    clock.forward(minutes=20)
    await desk.say(ana)
    clock.forward(minutes=20)
    await timers(desk).end_leases()
    assert await desk.row() == held_by(ana), "they acted since"
    await desk.deeds.edit(desk.tenant.tenant, await desk.id(), ana, {"tags": ["late"]}, expected=None)
    clock.forward(minutes=29)
    await timers(desk).end_leases()
    assert await desk.row() == held_by(ana), "an edit is an act too"
    clock.forward(minutes=1)
    await timers(desk).end_leases()
    assert await desk.row() == ("none", None, None, None, "active")
    (told,) = await desk.told("conversation.released")
    assert (told["by"], told["reason"], told["former_holder"]) == ("system", "lease_ended", ana.name)
    await desk.write("second")
    assert (await desk.at_genesys())[-1] == "second"


@pytest.mark.parametrize(
    "leaving",
    ["DELETE FROM memberships WHERE user_id = $1", "UPDATE users SET status = 'disabled' WHERE id = $1"],
)
async def test_who_is_nobody_here_any_more_has_nothing_any_more(desk: Desk, leaving: str) -> None:
    ana, bob = await desk.person("Ana"), await desk.person("Bob")
    await desk.take(ana)
    await timers(desk).end_leases()
    assert await desk.row() == held_by(ana)
    async with desk.world.db.work(tenant_id=desk.tenant.tenant) as conn:
        await conn.execute(leaving, ana.speaker.id)
    await timers(desk).end_leases()
    (told,) = await desk.told("conversation.released")
    assert told["reason"] == "left"
    await desk.take(bob)


async def test_a_conversation_that_ended_is_nobodys_to_take(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.world.close(desk.tenant)
    with pytest.raises(Conflict) as refused:
        await desk.take(ana)
    assert refused.value.code == "conversation_ended"


async def test_an_end_at_genesys_ends_nothing_that_a_person_here_has(desk: Desk) -> None:
    world, ana = desk.world, await desk.person("Ana")
    for claimed in await world.deliver(desk.tenant):
        await world.settle(desk.tenant, (claimed, accepted(conversation_id="genesys-conversation")))
    await desk.take(ana)

    async def end() -> str:
        world.clock.forward(minutes=1)
        ended = ConversationEnd(conversation_id="genesys-conversation", ended_at=world.clock.now)
        judged = await run_in(world.db, world.directory, world.clock, desk.tenant.tenant, run_ends, [ended])
        return str(judged.verdicts[0])

    assert "a person here has the conversation" in await end()
    assert await desk.row() == held_by(ana)
    await desk.release(ana)
    await end()
    assert (await desk.row())[-1] == "closed"
