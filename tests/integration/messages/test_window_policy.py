"""An agent's message after 24 hours of silence: refused, sent as a template, or held until the customer writes."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.world import Business, World
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.whatsapp.client import GraphClient
from waystate.deliveries.send import WINDOW_CLOSED, Platforms, send
from waystate.events.model import MessagePlanned, OutboundProcessed, OutboundRefused
from waystate.trace.trace import trace


def nobody(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError("nothing may be called")


_HTTP = httpx2.AsyncClient(transport=httpx2.MockTransport(nobody))
UNREACHED = Platforms(GraphClient(_HTTP), GenesysClient(_HTTP))
DAY = timedelta(hours=25)
PLAIN = {"name": "come_back", "language": "en_US"}
WITH_TEXT = PLAIN | {
    "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "{text}"}]}]
}


async def silent(world: World, tenant: str, **settings: Any) -> Business:
    """A tenant whose customer wrote 25 hours ago, in a conversation that Genesys knows."""
    business = await world.add(tenant, number="4001", **settings)
    await world.receive(business, business.message())
    await world.execute(business, "UPDATE conversations SET genesys_conversation_id = 'g'")
    await world.relay(business)
    world.clock.now += DAY
    return business


async def rows(world: World, business: Business) -> list[tuple[str, str, str | None]]:
    found = await world.rows(
        business, "SELECT type, status, genesys_message_id FROM messages WHERE direction = 'outbound' ORDER BY id"
    )
    return [(row["type"], row["status"], row["genesys_message_id"]) for row in found]


async def requests(world: World, business: Business) -> list[dict[str, Any]]:
    await world.relay(business)
    found = await world.rows(business, "SELECT request FROM deliveries WHERE target = 'whatsapp' ORDER BY position")
    return [row["request"] for row in found]


async def test_it_is_refused_unless_the_tenant_says_otherwise(world: World) -> None:
    business = await silent(world, "refuses")
    (result,) = await world.answer(business, business.reply("g.1", conversation_id="g"))
    assert isinstance(result, OutboundRefused)
    assert await rows(world, business) == [("text", "failed", "g.1")]


async def test_it_is_held_as_queued_and_nobody_hears_that_it_failed(world: World) -> None:
    business = await silent(world, "holds", window_policy="hold", hold_ttl=timedelta(days=2))
    (result,) = await world.answer(business, business.reply("g.1", conversation_id="g"))
    assert isinstance(result, MessagePlanned)
    assert await rows(world, business) == [("text", "queued", "g.1")]
    planned = await world.row(business, "SELECT * FROM planned_messages")
    assert (planned["message_id"], planned["due_at"]) == (result.message_id, None)
    assert planned["expires_at"] == world.clock.now + timedelta(days=2)
    assert await requests(world, business) == []
    assert await world.value(business, "SELECT count(*) FROM deliveries WHERE target = 'genesys_receipt'") == 0


async def test_the_text_goes_out_in_the_template_that_has_a_place_for_it(world: World) -> None:
    business = await silent(world, "templates", window_policy="template", window_template=WITH_TEXT)
    (result,) = await world.answer(business, business.reply("g.1", conversation_id="g", text="Your\nkey  is here"))
    assert isinstance(result, OutboundProcessed)
    assert await rows(world, business) == [("template", "queued", "g.1")]
    (request,) = await requests(world, business)
    assert request["type"] == "template"
    assert [each["text"] for each in request["template"]["components"][0]["parameters"]] == ["Ada", "Your key is here"]


async def test_a_text_that_does_not_fit_the_template_is_refused_whole(world: World) -> None:
    business = await silent(world, "templates", window_policy="template", window_template=WITH_TEXT)
    (result,) = await world.answer(business, business.reply("g.1", conversation_id="g", text="x" * 1025))
    assert isinstance(result, OutboundRefused)


async def test_the_template_asks_once_and_every_text_is_held(world: World) -> None:
    business = await silent(world, "announces", window_policy="template", window_template=PLAIN)
    first, second = (business.reply(each, conversation_id="g") for each in ("g.1", "g.2"))
    await world.answer(business, first, second)
    await world.answer(business, business.reply("g.3", conversation_id="g"))
    assert await rows(world, business) == [
        ("text", "queued", "g.1"),
        ("text", "queued", "g.2"),
        ("template", "queued", None),
        ("text", "queued", "g.3"),
    ]
    assert [each["template"]["name"] for each in await requests(world, business)] == ["come_back"]
    assert await world.value(business, "SELECT count(*) FROM planned_messages") == 3


async def test_a_window_that_another_conversation_of_the_customer_opened_counts(world: World) -> None:
    business = await silent(world, "again")
    await world.execute(business, "UPDATE conversations SET status = 'closed', closed_at = now(), close_reason = 'closed'")
    await world.receive(business, business.message())
    await world.execute(business, "UPDATE conversations SET window_from = NULL WHERE status = 'active'")
    await world.execute(business, "UPDATE conversations SET window_from = $1 WHERE status = 'closed'", world.clock.now)
    own = await world.value(business, "SELECT id FROM conversations WHERE status = 'active'")
    (result,) = await world.answer(business, business.reply("g.9", conversation_id=str(own)))
    assert isinstance(result, OutboundProcessed)


@pytest.mark.parametrize(("policy", "status", "planned"), [("refuse", "failed", 0), ("hold", "queued", 1)])
async def test_what_waited_until_the_window_closed_is_not_sent(world: World, policy: str, status: str, planned: int) -> None:
    business = await world.add(f"waits-{policy}", number="4002", window_policy=policy)
    await world.receive(business, business.message())
    await world.execute(business, "UPDATE conversations SET genesys_conversation_id = 'g'")
    await world.answer(business, business.reply("g.1", conversation_id="g"))
    await world.relay(business)
    world.clock.now += DAY
    (claimed,) = [each for each in await world.claim(business) if each.target == "whatsapp"]
    assert claimed.is_outside_window
    result = await send(claimed, await world.view(business), UNREACHED, world.clock.now)
    assert result.error == WINDOW_CLOSED
    await world.settle(business, (claimed, result))
    assert await rows(world, business) == [("text", status, "g.1")]
    assert await world.value(business, "SELECT count(*) FROM planned_messages") == planned


async def test_a_template_may_wait_for_longer(world: World) -> None:
    business = await silent(world, "templates", window_policy="template", window_template=WITH_TEXT)
    await world.answer(business, business.reply("g.1", conversation_id="g"))
    await world.relay(business)
    claimed = [each for each in await world.claim(business) if each.target == "whatsapp"]
    assert [each.is_outside_window for each in claimed] == [False]


async def test_the_trace_says_that_a_message_is_held(world: World) -> None:
    business = await silent(world, "holds", window_policy="hold")
    await world.answer(business, business.reply("g.1", conversation_id="g"))
    told = await trace(business.tenant, business.settings, "g.1", world.db, world.clock)
    assert told["why"].startswith("It is held until the customer writes")
