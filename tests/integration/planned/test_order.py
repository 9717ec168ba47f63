"""What waits for a customer stays before all that is said to them later, whoever says it."""

from datetime import timedelta

from tests.integration.sends.test_release import HOUR, ignore, plan, release, said, silent
from tests.world import CUSTOMER, Business, World
from waystate.conversations.control import Speaker, SpeakerKind
from waystate.errors import Refused
from waystate.events.outbox import AfterCommit
from waystate.ids import new_id
from waystate.planned import store as planned_store
from waystate.principal import Actor
from waystate.sends.model import Draft, Mode, Posted, SendOutcome, Waiting
from waystate.sends.sending import Sends
from waystate.trace.trace import trace
from waystate.work.loops import Hint

KEY = Speaker(SpeakerKind.KEY, new_id())
PERSON = Speaker(SpeakerKind.PERSON, new_id(), True)
TOLD: AfterCommit = ignore


class NoTemplates:
    async def find_or_sync(self, *_: object) -> None:
        """WhatsApp's list cannot be asked here."""


def sends_of(world: World) -> Sends:
    return Sends(world.db, world.directory, NoTemplates(), Hint(), TOLD, world.clock)  # type: ignore[arg-type]


async def post(world: World, tenant: Business, text: str, speaker: Speaker = KEY, **said: object) -> SendOutcome | Refused:
    given: dict[str, object] = {"type": "text", "content": {"body": text}, "text": text, "to": CUSTOMER}
    draft = Draft(**(given | said), speaker=speaker, actor=Actor("key", new_id()))  # type: ignore[arg-type]
    (result,) = await sends_of(world).post(tenant.tenant, [draft], Mode.EACH)
    return result


async def leave(world: World, tenant: Business) -> None:
    """A moment later: what stands behind others is due just after them."""
    world.clock.now += timedelta(seconds=1)
    await release(world, tenant)


async def test_what_the_api_says_next_leaves_behind_what_was_held(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    await plan(world, tenant, "First")
    await world.receive(tenant, tenant.message())
    assert isinstance(await post(world, tenant, "Second"), Waiting)
    assert isinstance(await post(world, tenant, "Third"), Waiting)
    await leave(world, tenant)
    assert await said(world, tenant) == ["First", "Second", "Third"]
    assert isinstance(await post(world, tenant, "Fourth"), Posted)
    assert await said(world, tenant) == ["First", "Second", "Third", "Fourth"]


async def test_what_must_not_wait_is_refused_rather_than_to_overtake_or_to_be_held(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await silent(world, tenant)
    for holds in (False, True):
        refused = await post(world, tenant, "Now", may_wait=False, holds=holds)
        assert isinstance(refused, Refused)
        assert refused.code == "window_closed"
    await plan(world, tenant, "First")
    await world.receive(tenant, tenant.message())
    refused = await post(world, tenant, "Now", may_wait=False)
    assert isinstance(refused, Refused)
    assert refused.code == "others_wait"
    await leave(world, tenant)
    assert isinstance(await post(world, tenant, "Then", may_wait=False), Posted)
    assert await said(world, tenant) == ["First", "Then"]


async def test_what_an_agent_says_next_leaves_behind_what_was_held(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await silent(world, tenant)
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="First"))
    await world.receive(tenant, tenant.message())
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="Second"))
    assert await said(world, tenant) == []
    await leave(world, tenant)
    assert await said(world, tenant) == ["First", "Second"]


async def test_the_trace_says_that_a_message_stands_behind_what_was_held(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await silent(world, tenant)
    await plan(world, tenant, "First")
    await world.receive(tenant, tenant.message())
    await world.answer(tenant, tenant.reply("g.1", recipient_id=CUSTOMER))
    traced = await trace(tenant.tenant, tenant.settings, "g.1", world.db, world.clock)
    assert traced["why"].startswith("It leaves within a second or two, behind what was held")


async def test_an_agent_does_not_overtake_what_the_api_holds_nor_the_other_way(world: World) -> None:
    tenant = await world.add("acme", number="1001", window_policy="hold")
    await silent(world, tenant)
    await plan(world, tenant, "Of the API")
    await world.receive(tenant, tenant.message())
    await world.answer(tenant, tenant.reply(recipient_id=CUSTOMER, text="Of an agent"))
    await post(world, tenant, "Of a person", PERSON)
    await leave(world, tenant)
    assert (await said(world, tenant))[0] == "Of the API"


async def test_what_is_planned_for_later_keeps_nobody_waiting(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await plan(world, tenant, "Tomorrow", send_at=world.clock.now + HOUR)
    assert isinstance(await post(world, tenant, "Now"), Posted)


async def test_a_hold_that_a_crossing_window_left_behind_goes_first_too(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    held = await plan(world, tenant, "First")
    await world.receive(tenant, tenant.message())
    async with world.db.tenant(tenant.tenant) as conn:
        await planned_store.hold_many(conn, tenant.tenant, {held: None})
    await post(world, tenant, "Second")
    await leave(world, tenant)
    assert await said(world, tenant) == ["First", "Second"]


async def test_whoever_stood_behind_others_has_the_word_when_their_turn_comes(world: World, tenant: Business) -> None:
    await silent(world, tenant)
    await plan(world, tenant, "First")
    await world.receive(tenant, tenant.message())
    await post(world, tenant, "Second", PERSON)
    await leave(world, tenant)
    row = await world.row(tenant, "SELECT controller, control_holder FROM conversations ORDER BY id DESC LIMIT 1")
    assert (row["controller"], row["control_holder"]) == ("agent", PERSON.holder)


async def test_what_was_planned_for_a_time_overtakes_no_hold_whose_window_is_open(world: World, tenant: Business) -> None:
    """As after a merge, or where the courier held it while the customer wrote: nobody made it due."""
    await silent(world, tenant)
    held = await plan(world, tenant, "First")
    await world.receive(tenant, tenant.message())
    await plan(world, tenant, "Second", send_at=world.clock.now + timedelta(seconds=1))
    async with world.db.tenant(tenant.tenant) as conn:
        await planned_store.hold_many(conn, tenant.tenant, {held: None})
    await leave(world, tenant)
    assert await said(world, tenant) == ["First", "Second"]
