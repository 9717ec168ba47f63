"""What waits goes out once, in its order, where the customer is talking by then; what must not go out says why."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from tests.integration.test_timers import Told, timers_of
from tests.world import CUSTOMER, Business, World, accepted
from waystate.channels.attempts import FailureKind
from waystate.channels.model import AttemptResult, Outcome
from waystate.conversations.control import SYSTEM
from waystate.deliveries.model import Target
from waystate.errors import Retry
from waystate.events import outbox
from waystate.events.model import Event
from waystate.ids import TenantId, new_id
from waystate.messages import store as message_store
from waystate.messages.model import Direction, Status
from waystate.messages.store import MessageRow
from waystate.planned import store as planned_store
from waystate.planned.model import PlannedMessage
from waystate.principal import Actor
from waystate.sends.model import Draft, Waiting
from waystate.sends.post import post_many
from waystate.sends.release import Releases
from waystate.sends.sending import Sends
from waystate.tenants.model import WindowTemplate
from waystate.work.loops import Hint

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SAYS_TEXT = [{"type": "body", "parameters": [{"type": "text", "text": "{text}"}]}]


def ignore(_: TenantId, __: object) -> None:
    pass


def releases(world: World) -> Releases:
    return Releases(world.db, world.directory, Hint(), ignore, world.clock)


async def release(world: World, tenant: Business) -> None:
    await releases(world).release_due(tenant.tenant)


async def plan(world: World, tenant: Business, text: str = "Hello", **said: Any) -> UUID:
    """What the API takes for later: at a time, or when the customer writes."""
    given: dict[str, Any] = {
        "type": "text",
        "content": {"body": text},
        "text": text,
        "to": CUSTOMER,
        "holds": "send_at" not in said,
    }
    draft = Draft(**(given | said), speaker=SYSTEM, actor=Actor("key", new_id()))
    async with world.db.tenant(tenant.tenant) as conn:
        posted = await post_many(conn, tenant.tenant, await world.view(tenant), [draft], world.clock.now)
        await outbox.append_many(conn, tenant.tenant, posted.events)
    (waiting,) = posted.results
    assert isinstance(waiting, Waiting), waiting
    return waiting.planned_id


async def wait_for_customer(world: World, tenant: Business, text: str = "Good morning") -> tuple[UUID, UUID]:
    """An agent's message that is `queued`, and the plan by which it waits."""
    conversation = await world.row(tenant, "SELECT id, contact_id FROM conversations ORDER BY id DESC LIMIT 1")
    message_id = new_id()
    message = MessageRow(
        id=message_id,
        conversation_id=conversation["id"],
        direction=Direction.OUTBOUND,
        status=Status.QUEUED,
        genesys_message_id=f"genesys.{message_id}",
        type="text",
        text=text,
        sender=tenant.integration,
        origin="test",
        sent_at=world.clock.now,
    )
    planned = PlannedMessage(
        id=new_id(),
        contact_id=conversation["contact_id"],
        phone_number_id=tenant.number,
        message_id=message_id,
        expires_at=world.clock.now + 7 * DAY,
        request={"type": "text", "text": text},
        actor_kind="genesys",
        created_at=world.clock.now,
    )
    async with world.db.tenant(tenant.tenant) as conn:
        await message_store.claim_many(conn, tenant.tenant, "genesys", {f"genesys.{message_id}": message_id})
        await message_store.insert_many(conn, tenant.tenant, [message])
        await planned_store.insert_many(conn, tenant.tenant, [planned])
    return message_id, planned.id


async def said(world: World, tenant: Business) -> list[str]:
    """What was queued for the customers, in the order in which it leaves."""
    rows = await world.rows(
        tenant, "SELECT data->>'message_text' AS text FROM events WHERE type = 'outbound.processed' ORDER BY position"
    )
    return [row["text"] for row in rows]


async def find(world: World, tenant: Business, planned: UUID) -> PlannedMessage:
    async with world.db.tenant(tenant.tenant) as conn:
        (found,) = await planned_store.find_many(conn, tenant.tenant, [planned])
    return found


async def state(world: World, tenant: Business, planned: UUID) -> tuple[str, str | None]:
    found = await find(world, tenant, planned)
    return found.state.value, None if found.error is None else found.error["code"]


async def told(world: World, tenant: Business) -> list[str]:
    rows = await world.rows(tenant, "SELECT type FROM events WHERE starts_with(type, 'message.') ORDER BY position")
    return [row["type"].removeprefix("message.") for row in rows]


async def silent(world: World, tenant: Business) -> None:
    """A customer who is known, and has not written for two days."""
    await world.receive(tenant, tenant.message(sent_at=world.clock.now - 2 * DAY))


async def test_a_planned_message_goes_out_at_its_time_and_once(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    planned = await plan(world, tenant, "Now", send_at=world.clock.now + HOUR)
    await release(world, tenant)
    assert await said(world, tenant) == []
    world.clock.now += HOUR
    for _ in range(2):
        await release(world, tenant)
    assert await said(world, tenant) == ["Now"]
    found = await find(world, tenant, planned)
    message = await world.row(tenant, "SELECT * FROM messages WHERE id = $1", found.message_id)
    assert (message["status"], message["text"], message["metadata"]["planned_id"]) == ("queued", "Now", str(planned))
    assert await told(world, tenant) == ["planned", "released"]
    claimed = await world.deliver(tenant)
    assert found.message_id in [each.message_id for each in claimed if each.target is Target.WHATSAPP]


async def test_what_is_held_goes_out_in_its_order_when_the_customer_writes(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    for text in ("One", "Two", "Three"):
        await plan(world, tenant, text)
    await release(world, tenant)
    assert await said(world, tenant) == []
    await world.receive(tenant, tenant.message(wa_id="4917"))
    await release(world, tenant)
    assert await said(world, tenant) == [], "somebody else wrote"
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await said(world, tenant) == ["One", "Two", "Three"]
    contact = await world.value(tenant, "SELECT contact_id FROM contact_identities WHERE external_id = $1", CUSTOMER)
    types = await world.rows(
        tenant,
        "SELECT type FROM events WHERE data->>'contact_id' = $1 AND type LIKE '%bound.%' ORDER BY position",
        str(contact),
    )
    assert [row["type"] for row in types] == ["inbound.enriched"] * 2 + ["outbound.processed"] * 3


async def test_it_goes_to_the_conversation_that_is_open_by_then(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    before = await world.value(tenant, "SELECT id FROM conversations")
    await plan(world, tenant)
    message, _ = await wait_for_customer(world, tenant)
    await world.close(tenant)
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    after = await world.value(tenant, "SELECT id FROM conversations WHERE closed_at IS NULL")
    assert after != before
    rows = await world.rows(tenant, "SELECT conversation_id FROM messages WHERE direction = 'outbound'")
    assert {row["conversation_id"] for row in rows} == {after}
    assert (
        await world.value(
            tenant, "SELECT conversation_id FROM events WHERE message_id = $1 AND type LIKE 'outbound.%'", message
        )
        == after
    )


async def test_where_none_is_open_one_is_opened(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await plan(world, tenant, send_at=world.clock.now + HOUR)
    await world.close(tenant)
    world.clock.now += HOUR
    await release(world, tenant)
    assert await said(world, tenant) == ["Hello"]
    assert await world.value(tenant, "SELECT count(*) FROM conversations WHERE closed_at IS NULL") == 1


async def test_an_agents_message_that_waits_is_released_as_the_message_it_is(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    await plan(world, tenant, "First")
    message, planned = await wait_for_customer(world, tenant, "Second")
    await plan(world, tenant, "Third")
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await said(world, tenant) == ["First", "Second", "Third"]
    assert (await find(world, tenant, planned)).message_id == message
    assert await world.value(tenant, "SELECT count(*) FROM messages WHERE genesys_message_id IS NOT NULL") == 1
    claimed = await world.deliver(tenant)
    while claimed:
        for each in claimed:
            await world.settle(tenant, (each, accepted(f"wamid.{each.message_id}")))
        claimed = await world.claim(tenant)
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", message) == "sent"


async def test_what_an_agent_said_outside_the_window_reaches_the_customer_when_they_write(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await silent(world, tenant)
    conversation = await world.value(tenant, "SELECT id FROM conversations")
    replies = [tenant.reply(f"genesys.{number}", text=f"{number}", conversation_id=str(conversation)) for number in range(3)]
    await world.answer(tenant, *replies)
    await world.deliver(tenant)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries WHERE target = 'whatsapp'") == 0
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await said(world, tenant) == ["0", "1", "2"]
    await world.relay(tenant)
    assert await world.value(tenant, "SELECT count(*) FROM deliveries WHERE target = 'whatsapp'") == 3
    named = await world.rows(tenant, "SELECT genesys_message_id AS name FROM messages WHERE direction = 'outbound' ORDER BY id")
    assert [row["name"] for row in named] == ["genesys.0", "genesys.1", "genesys.2"]


async def test_what_the_window_closed_on_before_it_left_is_sent_as_it_was_said_when_the_customer_writes(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await world.receive(tenant, tenant.message("wamid.quoted"))
    text = Draft(
        type="text", content={"body": "Late"}, text="Late", speaker=SYSTEM, actor=Actor("key", new_id()), to=CUSTOMER,
        reply_to="wamid.quoted",
    )  # fmt: skip
    async with world.db.tenant(tenant.tenant) as conn:
        posted = await post_many(conn, tenant.tenant, await world.view(tenant), [text], world.clock.now)
        await outbox.append_many(conn, tenant.tenant, posted.events)
    (first,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    world.clock.now += DAY
    closed = AttemptResult(outcome=Outcome.FAILED, error={"code": "window_closed", "kind": FailureKind.WINDOW})
    await world.settle(tenant, (first, closed))
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", first.message_id) == "queued"
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    (again,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    assert (again.message_id, again.request) == (first.message_id, first.request)
    assert again.event_id != first.event_id


@pytest.mark.parametrize("policy", ["refuse", "hold", "template"])
async def test_outside_the_window_the_tenants_policy_decides(world: World, policy: str) -> None:
    template = WindowTemplate(name="news", language="en_US")
    tenant = await world.add("acme", number="1001", window_policy=policy, window_template=template)
    await silent(world, tenant)
    planned = [await plan(world, tenant, text, send_at=world.clock.now + HOUR) for text in ("One", "Two")]
    world.clock.now += HOUR
    await release(world, tenant)
    messages = await world.rows(tenant, "SELECT type, content FROM messages WHERE direction = 'outbound'")
    if policy == "template":
        assert messages == [{"type": "template", "content": {"name": "news", "language": {"code": "en_US"}}}], "once"
    else:
        assert messages == []
    if policy == "refuse":
        assert [await state(world, tenant, each) for each in planned] == [("failed", "window_closed")] * 2
        assert await told(world, tenant) == ["planned"] * 2 + ["plan_failed"] * 2
        return
    assert [await state(world, tenant, each) for each in planned] == [("waiting", None)] * 2
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert (await said(world, tenant))[-2:] == ["One", "Two"]


async def test_a_template_with_the_text_in_it_says_it_all(world: World) -> None:
    template = WindowTemplate.model_validate({"name": "news", "language": "en_US", "components": SAYS_TEXT})
    tenant = await world.add("acme", number="1001", window_policy="template", window_template=template)
    await silent(world, tenant)
    planned = [await plan(world, tenant, text, send_at=world.clock.now + HOUR) for text in ("One\n\nline", "Two")]
    world.clock.now += HOUR
    await release(world, tenant)
    contents = await world.rows(tenant, "SELECT content FROM messages WHERE type = 'template' ORDER BY id")
    texts = [row["content"]["components"][0]["parameters"][0]["text"] for row in contents]
    assert texts == ["One line", "Two"]
    assert [await state(world, tenant, each) for each in planned] == [("released", None)] * 2


async def test_a_planned_template_passes_whatever_the_window(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    content = {"name": "welcome", "language": {"code": "en_US"}}
    planned = await plan(world, tenant, type="template", content=content, send_at=world.clock.now + HOUR)
    world.clock.now += HOUR
    await release(world, tenant)
    assert await state(world, tenant, planned) == ("released", None)
    assert await world.value(tenant, "SELECT content FROM messages WHERE type = 'template'") == content


async def test_what_was_held_until_the_customer_writes_is_held_on_when_the_window_closed_again(
    world: World, tenant: Business
) -> None:
    await silent(world, tenant)
    planned = await plan(world, tenant)
    await world.receive(tenant, tenant.message())
    world.clock.now += DAY
    await release(world, tenant)
    assert (await said(world, tenant), await state(world, tenant, planned)) == ([], ("waiting", None))
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await said(world, tenant) == ["Hello"]


async def test_what_waits_too_long_fails_and_genesys_gets_its_receipt(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    held = await plan(world, tenant)
    message, planned = await wait_for_customer(world, tenant)
    world.clock.now += 7 * DAY
    await release(world, tenant)
    assert [await state(world, tenant, each) for each in (held, planned)] == [("failed", "hold_expired")] * 2
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE id = $1", message)
    assert (row["status"], row["error"]["code"]) == ("failed", "hold_expired")
    receipts = [each for each in await world.deliver(tenant) if each.target is Target.GENESYS_RECEIPT]
    assert [each.message_id for each in receipts] == [message]
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await said(world, tenant) == []


def sends(world: World) -> Sends:
    return Sends(world.db, world.directory, cast(Any, None), Hint(), ignore, world.clock)


@pytest.mark.parametrize("by", ["plan", "message"])
async def test_an_agents_message_that_is_withdrawn_while_it_waits_is_never_sent(
    world: World, tenant: Business, by: str
) -> None:
    await silent(world, tenant)
    message, planned = await wait_for_customer(world, tenant)
    await sends(world).withdraw(tenant.tenant, str(planned if by == "plan" else message))
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE id = $1", message)
    assert (row["status"], row["error"]["code"]) == ("failed", "withdrawn")
    await world.receive(tenant, tenant.message())
    await release(world, tenant)
    assert await said(world, tenant) == []
    assert await state(world, tenant, planned) == ("withdrawn", None)
    assert [each.target for each in await world.deliver(tenant)].count(Target.GENESYS_RECEIPT) == 1


async def at_once(*calls: Callable[[], Awaitable[object]]) -> list[object]:
    return await asyncio.gather(*(call() for call in calls), return_exceptions=True)


async def test_a_withdrawal_and_a_release_at_once_make_one_of_the_two(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    for round_ in range(20):
        text = f"Round {round_}"
        planned = await plan(world, tenant, text, send_at=world.clock.now + HOUR)
        world.clock.now += HOUR
        await world.receive(tenant, tenant.message())

        async def withdraw(planned: UUID = planned) -> object:
            return await sends(world).withdraw(tenant.tenant, str(planned))

        await at_once(*(withdraw, lambda: release(world, tenant))[:: 1 if round_ % 2 else -1])
        await release(world, tenant)
        ended, _ = await state(world, tenant, planned)
        assert (ended, (await said(world, tenant)).count(text)) in [("withdrawn", 0), ("released", 1)]


@pytest.mark.parametrize("ended", [False, True], ids=["in the conversation", "after it ended"])
async def test_an_agent_and_the_customer_who_write_at_once_are_both_heard(world: World, ended: bool) -> None:
    """The agent's message is held or sent, whoever comes first, and reaches the customer either way."""
    tenant = await world.add("acme", number="1001", window_policy="hold", mapping_ttl=timedelta(days=365))
    await world.receive(tenant, tenant.message())
    for round_ in range(15):
        world.clock.now += DAY
        text = f"Round {round_}"
        conversation = await world.value(tenant, "SELECT id FROM conversations WHERE closed_at IS NULL")
        reply = tenant.reply(text=text, conversation_id=str(conversation))
        calls = [lambda reply=reply: world.answer(tenant, reply), lambda: world.receive(tenant, tenant.message())]
        await at_once(*calls[:: 1 if round_ % 2 else -1])
        if ended:
            await world.close(tenant)
            await world.receive(tenant, tenant.message())
        await releases(world).make_due(tenant.tenant)
        await release(world, tenant)
        assert (await said(world, tenant)).count(text) == 1


async def test_four_timers_at_once_send_each_once_and_in_order(world: World, tenant: Business) -> None:
    customers = [f"49170{number:07}" for number in range(5)]
    for customer in customers:
        await world.receive(tenant, tenant.message(wa_id=customer))
    for number in range(10):
        for customer in customers:
            await plan(world, tenant, f"{customer} {number}", to=customer, send_at=world.clock.now + HOUR)
    world.clock.now += HOUR
    timers = [timers_of(world, Told()) for _ in range(4)]
    await asyncio.gather(*(each.release_planned() for each in timers))
    texts = await said(world, tenant)
    assert len(texts) == len(set(texts)) == 50
    for customer in customers:
        assert [each for each in texts if each.startswith(customer)] == [f"{customer} {number}" for number in range(10)]


async def test_a_release_whose_connection_is_killed_sends_once(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await plan(world, tenant, send_at=world.clock.now + HOUR)
    world.clock.now += HOUR
    async with world.db.tenant(tenant.tenant) as conn:
        await conn.execute("SELECT FROM conversations FOR UPDATE")
        releasing = asyncio.create_task(release(world, tenant))
        killed = None
        while killed is None:
            await asyncio.sleep(0.01)
            async with world.db.login() as superuser:
                killed = await superuser.fetchval(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'"
                )
    with pytest.raises(Retry):
        await releasing
    await release(world, tenant)
    assert await said(world, tenant) == ["Hello"]
    assert await told(world, tenant) == ["planned", "released"]


async def test_one_that_cannot_be_released_keeps_nothing_back(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    planned = [await plan(world, tenant, text, send_at=world.clock.now + HOUR) for text in ("One", "Broken", "Two")]
    await world.execute(tenant, "UPDATE planned_messages SET request = '{}' WHERE id = $1", planned[1])
    world.clock.now += HOUR
    await release(world, tenant)
    assert [await state(world, tenant, each) for each in planned] == [
        ("released", None),
        ("failed", "release_failed"),
        ("released", None),
    ]
    assert await said(world, tenant) == ["One", "Two"]


async def test_a_hold_that_missed_the_customers_message_is_found_by_the_timer(world: World, tenant: Business) -> None:
    """As where it was placed by another conversation than the one that the customer opened."""
    await silent(world, tenant)
    planned = await plan(world, tenant)
    await world.receive(tenant, tenant.message())
    await world.execute(tenant, "UPDATE planned_messages SET due_at = NULL")
    timers = timers_of(world, Told())
    await timers.release_planned()
    assert await state(world, tenant, planned) == ("waiting", None)
    await timers.make_held_due()
    await timers.release_planned()
    assert await state(world, tenant, planned) == ("released", None)


async def test_what_is_planned_for_somebody_who_was_merged_reaches_who_they_are(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message(wa_id=None, user_id="DE.1", sent_at=world.clock.now - 4 * DAY))
    await world.receive(tenant, tenant.message(wa_id="4917", sent_at=world.clock.now - 3 * DAY))
    await plan(world, tenant, to="DE.1")
    await world.receive(tenant, tenant.message(wa_id="4917", user_id="DE.1"))
    await release(world, tenant)
    assert await said(world, tenant) == ["Hello"]
    events: list[Event] = [each.event for each in await world.relay(tenant)]
    assert events[-1].type == "message.released"
