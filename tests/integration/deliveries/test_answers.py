"""What a bot offers comes to the customer as buttons or numbers, and what they choose comes to Genesys as its own option."""

from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.world import Business, World, accepted
from waystate.channels.genesys.client import GenesysClient
from waystate.channels.genesys.content import text_of
from waystate.channels.whatsapp.client import GraphClient
from waystate.deliveries.model import Claimed, Target
from waystate.deliveries.send import RESPONSE_REFUSED, Platforms, send
from waystate.messages.model import OutboundMessage

BUTTONS = ("Yes", "No")
MENU = tuple(f"Choice {number}" for number in range(1, 13))


def quick_replies(*titles: str) -> list[dict[str, Any]]:
    # A payload that is longer than an id may be.
    return [{"quickReply": {"text": title, "payload": f"{title}:" + "x" * 300, "action": "Message"}} for title in titles]


def offering(tenant: Business, name: str, *titles: str) -> OutboundMessage:
    content = quick_replies(*titles)
    said = {"text": "Which?", "content": content}
    return tenant.reply(
        name, conversation_id="genesys-conversation", type="structured", text=text_of("Which?", content), content=said
    )


@pytest.fixture
async def talking(world: World, tenant: Business) -> Business:
    """A customer wrote, and Genesys has a conversation with them."""
    await world.receive(tenant, tenant.message())
    for claimed in await world.deliver(tenant):
        await world.settle(tenant, (claimed, accepted(conversation_id="genesys-conversation")))
    return tenant


async def send_out(world: World, tenant: Business, *messages: OutboundMessage) -> list[dict[str, Any]]:
    """The bodies that went to WhatsApp, one after the other; each is known there as `wamid.` and its Genesys id."""
    bodies = []
    for message in messages:
        await world.answer(tenant, message)
        (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
        await world.settle(tenant, (claimed, accepted(f"wamid.{message.genesys_message_id}")))
        bodies.append(claimed.request)
    return bodies


async def told(world: World, tenant: Business, **said: Any) -> dict[str, Any]:
    """What Genesys gets of a customer's message."""
    await world.receive(tenant, tenant.message(**said))
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.GENESYS]
    await world.settle(tenant, (claimed, accepted()))
    return dict(claimed.request)


def tapped(wamid: str | None, identifier: str, title: str) -> dict[str, Any]:
    reply = {"type": "button_reply", "button_reply": {"id": identifier, "title": title}}
    context = {"context": {"from": "1001", "id": wamid}} if wamid else {}
    return {"type": "interactive", "text": title, "content": reply, "metadata": context}


async def test_a_tapped_button_comes_as_the_option_that_genesys_offered(world: World, talking: Business) -> None:
    (body,) = await send_out(world, talking, offering(talking, "g.1", *BUTTONS))
    ids = [each["reply"]["id"] for each in body["interactive"]["action"]["buttons"]]
    request = await told(world, talking, **tapped("wamid.g.1", ids[1], "No"))
    chosen = {"type": "QuickReply", "text": "No", "payload": "No:" + "x" * 300}
    assert (request["buttonResponse"], request["originatingMessageId"]) == (chosen, "g.1")
    assert "text" not in request
    assert request["channel"]["metadata"]["customAttributes"]["whatsapp_payload"] == chosen["payload"]
    again = await told(world, talking, **tapped("wamid.g.1", ids[0], "Yes"))
    assert again["buttonResponse"]["text"] == "Yes", "a button can be tapped again"


async def test_what_is_none_of_the_options_comes_as_text(world: World, talking: Business) -> None:
    await send_out(
        world, talking, offering(talking, "g.1", *BUTTONS), talking.reply("g.2", conversation_id="genesys-conversation")
    )
    for wamid, identifier in (("wamid.g.1", "of-another"), ("wamid.g.2", "option-1"), ("wamid.nobodys", "option-1")):
        request = await told(world, talking, **tapped(wamid, identifier, "Yes"))
        assert (request["text"], "buttonResponse" in request) == ("Yes", False), wamid


async def test_a_tap_that_names_no_message_is_of_the_newest_offer(world: World, talking: Business) -> None:
    await send_out(world, talking, offering(talking, "g.1", *BUTTONS))
    assert (await told(world, talking, **tapped(None, "option-2", "No")))["buttonResponse"]["text"] == "No"


@pytest.mark.parametrize("typed", ["12", " 12.", "choice 12"])
async def test_a_typed_number_or_title_comes_as_the_option(world: World, talking: Business, typed: str) -> None:
    (body,) = await send_out(world, talking, offering(talking, "g.1", *MENU))
    assert (body["type"], body["text"]["body"].split("\n")[-1]) == ("text", "12. Choice 12")
    request = await told(world, talking, text=typed)
    assert request["buttonResponse"] | {"payload": ""} == {
        "type": "QuickReply",
        "text": "Choice 12",
        "payload": "",
    }
    assert request["originatingMessageId"] == "g.1"
    assert (await told(world, talking, text="3"))["text"] == "3", "it was answered"


@pytest.mark.parametrize("quotes", [False, True])
async def test_a_choice_of_an_offer_too_long_for_one_message_comes_as_the_option(
    world: World, talking: Business, quotes: bool
) -> None:
    content = quick_replies(*MENU)
    said = {"text": "Which? " + "word " * 1500, "content": content}
    text = text_of(said["text"], content)
    await world.answer(
        talking, talking.reply("g.1", conversation_id="genesys-conversation", type="structured", text=text, content=said)
    )
    bodies = []
    while sent := [each for each in await world.deliver(talking) if each.target is Target.WHATSAPP]:
        (claimed,) = sent
        bodies.append(claimed.request)
        await world.settle(talking, (claimed, accepted(f"wamid.part.{len(bodies)}")))
    assert [each["type"] for each in bodies] == ["text", "text"]
    assert bodies[-1]["text"]["body"].split("\n")[-1] == "12. Choice 12"
    about = {"metadata": {"context": {"from": "1001", "id": "wamid.part.2"}}} if quotes else {}
    request = await told(world, talking, text="12", **about)
    assert (request["buttonResponse"]["text"], request["originatingMessageId"]) == ("Choice 12", "g.1")


async def test_the_conversation_of_a_structured_response_is_looked_up_where_it_is_not_known(
    world: World, talking: Business
) -> None:
    """Genesys tells its conversation of messages alone; an old button begins a new one."""
    await send_out(world, talking, offering(talking, "g.1", *BUTTONS))
    await world.close(talking)
    await told(world, talking, **tapped("wamid.g.1", "option-1", "Yes"))
    assert await world.value(talking, "SELECT count(*) FROM deliveries WHERE target = 'genesys_lookup'") == 0, "no id"
    await world.receive(talking, talking.message(**tapped("wamid.g.1", "option-2", "No")))
    (claimed,) = [each for each in await world.deliver(talking) if each.target is Target.GENESYS]
    await world.settle(talking, (claimed, accepted("at-genesys")))
    row = await world.row(talking, "SELECT request, state FROM deliveries WHERE target = 'genesys_lookup'")
    assert (row["request"], row["state"]) == ({"message_id": "at-genesys"}, "pending")


async def test_a_number_is_a_number_where_none_was_offered(world: World, talking: Business) -> None:
    await send_out(world, talking, offering(talking, "g.1", *BUTTONS))
    assert (await told(world, talking, text="2"))["text"] == "2", "there were buttons, and no numbers"
    assert (await told(world, talking, text="no"))["buttonResponse"]["text"] == "No"
    assert (await told(world, talking, text="1"))["text"] == "1"


async def test_a_number_answers_the_newest_offer_alone_and_for_a_day(world: World, talking: Business) -> None:
    await send_out(world, talking, offering(talking, "g.1", *MENU), offering(talking, "g.2", *MENU, "Choice 13"))
    assert (await told(world, talking, text="13"))["originatingMessageId"] == "g.2"
    await send_out(world, talking, offering(talking, "g.3", *MENU), offering(talking, "g.4", *BUTTONS))
    assert (await told(world, talking, text="12"))["text"] == "12"
    await send_out(world, talking, offering(talking, "g.5", *MENU))
    world.clock.forward(hours=24, seconds=1)
    assert (await told(world, talking, text="12"))["text"] == "12"


@pytest.mark.parametrize(("who", "chosen"), [("Bot", "Choice 2"), ("Human", None)])
async def test_after_a_person_wrote_a_number_is_their_answer(
    world: World, talking: Business, who: str, chosen: str | None
) -> None:
    said = talking.reply("g.2", conversation_id="genesys-conversation", text="How many?", metadata={"originatingEntity": who})
    await send_out(world, talking, offering(talking, "g.1", *MENU), said)
    request = await told(world, talking, text="2")
    assert request.get("buttonResponse", {}).get("text") == chosen


async def test_other_words_leave_the_offer_as_it_is(world: World, talking: Business) -> None:
    await send_out(world, talking, offering(talking, "g.1", *MENU))
    assert (await told(world, talking, text="one moment"))["text"] == "one moment"
    assert (await told(world, talking, text="1"))["buttonResponse"]["text"] == "Choice 1"


async def test_words_that_quote_a_message_answer_that_message(world: World, talking: Business) -> None:
    plain = talking.reply("g.2", conversation_id="genesys-conversation", text="How many?")
    await send_out(world, talking, offering(talking, "g.1", *MENU), plain, offering(talking, "g.3", *MENU))

    def quoting(name: str) -> dict[str, Any]:
        return {"metadata": {"context": {"from": "1001", "id": f"wamid.{name}"}}}

    request = await told(world, talking, text="2", **quoting("g.2"))
    assert request["text"] == "[in reply to: How many?]\n2"
    request = await told(world, talking, text="2", **quoting("g.1"))
    assert request["originatingMessageId"] == "g.1"
    request = await told(world, talking, text="2")
    assert request["originatingMessageId"] == "g.3", "it waits still"


async def test_offer_and_answer_of_one_batch_belong_together(world: World, talking: Business) -> None:
    await world.answer(talking, offering(talking, "g.1", *MENU))
    await world.receive(talking, talking.message("wamid.a", text="2"), talking.message("wamid.b", text="3"))
    requests = [each.request for each in await world.deliver(talking) if each.target is Target.GENESYS]
    assert [each.get("buttonResponse", each)["text"] for each in requests] == ["Choice 2"]
    assert await world.rows(talking, "SELECT * FROM offers") == []


async def test_another_customers_number_is_no_answer(world: World, talking: Business) -> None:
    await send_out(world, talking, offering(talking, "g.1", *MENU))
    request = await told(world, talking, text="2", wa_id="491700000002")
    assert request["text"] == "2"


async def test_an_offer_waits_on_where_its_customer_turns_out_to_be_another(world: World, talking: Business) -> None:
    await send_out(world, talking, offering(talking, "g.1", *MENU))
    world.clock.forward(minutes=1)
    assert (await told(world, talking, wa_id=None, user_id="DE.1", text="hello"))["text"] == "hello"
    world.clock.forward(minutes=1)
    request = await told(world, talking, user_id="DE.1", text="2")
    assert await world.value(talking, "SELECT count(*) FROM contact_merges") == 1
    assert request["buttonResponse"]["text"] == "Choice 2"
    assert await world.rows(talking, "SELECT * FROM offers") == []


async def respond(claimed: Claimed, world: World, tenant: Business, *statuses: int) -> tuple[Any, list[str]]:
    """What becomes of a delivery to a Genesys that answers so, and the paths that were asked."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/oauth/token"):
            return httpx2.Response(200, json={"access_token": "t", "expires_in": 3600})
        asked.append(request.url.path.rpartition("/inbound/open/")[2])
        status = statuses[len(asked) - 1]
        return httpx2.Response(status, json={"id": "at-genesys"} if status == 200 else {"code": "bad.request", "message": "no"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        platforms = Platforms(graph=GraphClient(http), genesys=GenesysClient(http))
        return await send(claimed, await world.view(tenant), platforms, world.clock()), asked


@pytest.mark.parametrize(
    ("statuses", "paths", "outcome"),
    [
        ((200,), ["structured/response"], "sent"),
        ((400, 200), ["structured/response", "message"], "sent"),
        ((404, 200), ["structured/response", "message"], "sent"),
        ((400, 400), ["structured/response", "message"], "failed"),
        ((503,), ["structured/response"], "retry"),
        ((429,), ["structured/response"], "retry"),
    ],
)
async def test_an_answer_that_genesys_does_not_take_goes_as_text(
    world: World, talking: Business, statuses: tuple[int, ...], paths: list[str], outcome: str
) -> None:
    await send_out(world, talking, offering(talking, "g.1", *BUTTONS))
    await world.receive(talking, talking.message(**tapped("wamid.g.1", "option-1", "Yes")))
    (claimed,) = [each for each in await world.deliver(talking) if each.target is Target.GENESYS]
    result, asked = await respond(claimed, world, talking, *statuses)
    assert (asked, str(result.outcome)) == (paths, outcome)
    assert (result.error == RESPONSE_REFUSED) == (statuses[-1] == 200 and len(statuses) == 2)


async def test_markdown_is_changed_only_where_the_tenant_says_that_agents_write_it(world: World) -> None:
    for place, (form, out, back) in enumerate(
        (("plain", "**bold** 2*3*4", "*hm* x"), ("markdown", "*bold* 2*3*4", "**hm** x"))
    ):
        business = await world.add(form, number=f"700{place}", text_format=form)
        await world.receive(business, business.message(wa_id=f"4917000001{place}0"))
        contact = str(await world.value(business, "SELECT id FROM contacts"))
        await world.answer(business, replace(business.reply(text="**bold** 2*3*4"), recipient_id=contact))
        sent = [each for each in await world.deliver(business) if each.target is Target.WHATSAPP]
        assert [each.request["text"]["body"] for each in sent] == [out]
        await world.receive(business, business.message("wamid.back", text="*hm* x", wa_id=f"4917000001{place}0"))
        await world.relay(business)
        text = await world.value(
            business, "SELECT request ->> 'text' FROM deliveries WHERE request -> 'channel' ->> 'messageId' = 'wamid.back'"
        )
        assert text == back


async def test_flows_get_what_is_known_of_the_contact(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    contact = await world.value(
        tenant,
        'UPDATE contacts SET tags = $1, preferences = \'{"language": "de"}\' RETURNING id',
        ["vip", "x" * 1990, "y" * 20],
    )
    await world.receive(tenant, tenant.message("wamid.2"))
    await world.relay(tenant)
    attributes = await world.value(
        tenant,
        "SELECT request -> 'channel' -> 'metadata' -> 'customAttributes' FROM deliveries"
        " WHERE request -> 'channel' ->> 'messageId' = 'wamid.2'",
    )
    assert attributes["waystate_contact_id"] == str(contact)
    assert attributes["waystate_contact_tags"] == "vip, " + "x" * 1990
    assert attributes["waystate_contact_language"] == "de"
