"""A conversation is closed by somebody, and goes on after all; and what people write on one."""

import asyncio
from datetime import timedelta

import pytest

from tests.integration.conversations.test_hand_over import Desk
from tests.world import Business, World, accepted
from waystate.conversations.assign import Doer
from waystate.errors import Conflict, PreconditionFailed, Refused, Unprocessable
from waystate.events.model import OutboundRefused
from waystate.principal import Role

HELLO = "first"


@pytest.fixture
async def desk(world: World, tenant: Business) -> Desk:
    """With a customer whose conversation Genesys knows."""
    await world.receive(tenant, tenant.message(text=HELLO))
    for claimed in await world.deliver(tenant):
        await world.settle(tenant, (claimed, accepted(conversation_id="genesys-conversation")))
    return Desk(world, tenant)


async def close(desk: Desk, who: Doer, reason: str = "solved") -> str:
    name = await desk.id()
    await desk.deeds.close(desk.tenant.tenant, name, who, reason)
    return name


async def reopen(desk: Desk, name: str, who: Doer) -> None:
    await desk.deeds.reopen(desk.tenant.tenant, name, who)


async def code_of(desk: Desk, name: str, who: Doer) -> str:
    with pytest.raises(Conflict) as refused:
        await reopen(desk, name, who)
    return refused.value.code


async def test_who_closes_one_gives_a_reason_and_what_the_customer_writes_begins_another(desk: Desk) -> None:
    ana = await desk.person("Ana")
    await desk.take(ana)
    name = await close(desk, ana)
    row = await desk.world.row(desk.tenant, "SELECT status, close_reason, closed_by, closed_at FROM conversations")
    assert tuple(row.values()) == ("closed", "solved", ana.name, desk.world.clock.now)
    (told,) = await desk.told("conversation.closed")
    assert (told["reason"], told["by"], told["ended_at"]) == ("solved", ana.name, None)
    with pytest.raises(Conflict) as refused:
        await close(desk, ana)
    assert refused.value.code == "conversation_ended"
    (late,) = await desk.world.answer(desk.tenant, desk.tenant.reply(conversation_id="genesys-conversation"))
    assert isinstance(late, OutboundRefused)
    await desk.write("second")
    assert await desk.id() != name
    assert (await desk.row())[0] == "none"


async def test_only_who_has_it_or_leads_closes_it_and_not_for_reasons_that_are_waystates(desk: Desk) -> None:
    ana, bob, eve = await desk.person("Ana"), await desk.person("Bob"), await desk.person("Eve", Role.SUPERVISOR)
    await desk.take(ana)
    with pytest.raises(Conflict):
        await close(desk, bob)
    with pytest.raises(Unprocessable):
        await close(desk, ana, "merged")
    await close(desk, eve)
    assert await desk.world.value(desk.tenant, "SELECT count(*) FROM audit_log WHERE action = 'conversation.closed'") == 1


async def test_what_somebody_closed_goes_on_and_genesys_begins_anew(desk: Desk) -> None:
    ana, bob = await desk.person("Ana"), await desk.person("Bob")
    await desk.take(ana)
    name = await close(desk, ana)
    desk.world.clock.forward(days=7)
    await reopen(desk, name, bob)
    assert await desk.row() == ("none", None, None, None, "active")
    row = await desk.world.row(
        desk.tenant, "SELECT closed_at, close_reason, closed_by, genesys_conversation_id, expires_at FROM conversations"
    )
    assert tuple(row.values()) == (None, None, None, None, desk.world.clock.now + timedelta(days=3))
    (told,) = await desk.told("conversation.reopened")
    assert (told["by"], told["genesys_conversation_id"], told["control_epoch"]) == (bob.name, "genesys-conversation", 2)
    await desk.write("second")
    assert await desk.id() == name, "the same conversation goes on"
    assert await desk.at_genesys() == [HELLO, "second"]
    assert await code_of(desk, name, bob) == "conversation_open"


async def test_what_ended_by_itself_or_long_ago_stays_ended(desk: Desk) -> None:
    ana = await desk.person("Ana")
    name = await desk.id()
    await desk.world.close(desk.tenant)
    assert await code_of(desk, name, ana) == "not_reopenable"
    for reason in ("merged", "genesys_ended"):
        await desk.world.execute(desk.tenant, "UPDATE conversations SET close_reason = $1", reason)
        assert await code_of(desk, name, ana) == "not_reopenable"
    await desk.write("second")
    name = await close(desk, ana)
    desk.world.clock.forward(days=7, seconds=1)
    assert await code_of(desk, name, ana) == "reopen_too_late"


async def test_beside_a_newer_one_nothing_is_reopened_unless_that_is_over_too(desk: Desk) -> None:
    ana = await desk.person("Ana")
    name = await close(desk, ana)
    await desk.write("second")
    newer = await desk.id()
    with pytest.raises(Conflict) as refused:
        await reopen(desk, name, ana)
    assert (refused.value.code, refused.value.extra["conversationId"]) == ("newer_open", newer)
    desk.world.clock.forward(days=4)
    await reopen(desk, name, ana)
    rows = await desk.world.rows(desk.tenant, "SELECT id, status FROM conversations ORDER BY id")
    assert [(str(row["id"]), row["status"]) for row in rows] == [(name, "active"), (newer, "expired")]


async def test_a_customer_who_writes_at_that_moment_has_one_conversation(desk: Desk) -> None:
    ana = await desk.person("Ana")
    for _ in range(5):
        name = await close(desk, ana)
        results = await asyncio.gather(reopen(desk, name, ana), desk.write("now"), return_exceptions=True)
        assert isinstance(results[0], Conflict | None), results
        open_ones = await desk.world.rows(desk.tenant, "SELECT id FROM conversations WHERE closed_at IS NULL")
        assert len(open_ones) == 1
        if isinstance(results[0], Conflict):
            assert results[0].extra["conversationId"] == str(open_ones[0]["id"])


async def test_what_is_written_on_one_is_merged_and_guarded(desk: Desk) -> None:
    ana, tenant, name = await desk.person("Ana"), desk.tenant.tenant, await desk.id()

    async def edit(expected: list[str] | None = None, **fields: object) -> tuple[object, str]:
        answered = await desk.deeds.edit(tenant, name, ana, fields, expected=expected)
        said = answered.conversation
        return (said.subject, said.tags, said.metadata, said.status), answered.etag

    _, first = await edit(subject="Invoice", tags=["a", "b"], metadata={"x": {"y": 1, "z": 2}})
    said, second = await edit([first], tags=["b", "c"], metadata={"x": {"y": None}}, status="waiting")
    assert said == ("Invoice", ["b", "c"], {"x": {"z": 2}}, "waiting")
    told = (await desk.told("conversation.changed"))[-1]
    assert (told["fields"], told["by"]) == (["tags", "metadata", "status"], ana.name)
    assert (told["tags_added"], told["tags_removed"], told["status"]) == (["c"], ["a"], "waiting")
    with pytest.raises(PreconditionFailed) as refused:
        await edit([first], subject=None)
    assert refused.value.extra["etag"] == second
    await desk.write("a message changes no tag")
    await edit([second], subject=None)
    count = len(await desk.told("conversation.changed"))
    await edit(subject=None)
    assert len(await desk.told("conversation.changed")) == count, "what is so already is no event"
    with pytest.raises(Unprocessable):
        await edit(metadata={"long": "x" * 17_000})


async def test_an_error_is_left_as_active_and_no_status_brings_back_what_ended(desk: Desk) -> None:
    ana, tenant, name = await desk.person("Ana"), desk.tenant.tenant, await desk.id()

    async def set_status(status: str) -> str:
        try:
            return (await desk.deeds.edit(tenant, name, ana, {"status": status}, expected=None)).conversation.status
        except Refused as error:
            return error.code

    await desk.world.execute(desk.tenant, "UPDATE conversations SET status = 'error'")
    assert await set_status("waiting") == "conversation_in_error"
    assert await set_status("active") == "active"
    await close(desk, ana)
    assert await set_status("active") == "conversation_ended"
