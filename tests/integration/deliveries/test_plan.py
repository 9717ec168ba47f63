"""Which events call for which deliveries."""

from typing import Any

import pytest

from tests.world import CUSTOMER, Business, World, accepted, refused
from waystate.deliveries.model import Target
from waystate.deliveries.plan import DeliverySink
from waystate.events import outbox


async def deliveries(world: World, tenant: Business) -> list[dict[str, Any]]:
    await world.relay(tenant)
    return await world.rows(tenant, "SELECT target, order_key, position, request, account FROM deliveries ORDER BY position")


async def test_a_customers_message_goes_to_genesys_under_the_contacts_id(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1", text="Hello", contact_name="Ada"))
    (delivery,) = await deliveries(world, tenant)
    contact = str(await world.value(tenant, "SELECT id FROM contacts"))
    assert (delivery["target"], delivery["account"], delivery["order_key"]) == (
        "genesys",
        tenant.integration,
        f"g:1001:{contact}",
    )
    sender = delivery["request"]["channel"]["from"]
    assert (sender["id"], sender["idType"], delivery["request"]["text"]) == (contact, "Opaque", "Hello")


async def told(world: World, tenant: Business, wamid: str) -> dict[str, Any]:
    requests = [each["request"] for each in await deliveries(world, tenant) if each["target"] == Target.GENESYS]
    (request,) = [each for each in requests if each["channel"]["messageId"] == wamid]
    return dict(request)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"type": "image", "text": "see", "content": {"id": "7", "caption": "see"}, "media": {"id": "7"}}, "[image] see"),
        ({"type": "image", "text": "[image]", "content": {"id": "7"}, "media": {"id": "7"}}, "[image]"),
        ({"type": "document", "text": "see", "media": {"url": "https://a.test/b"}}, "[document] see"),
        ({"type": "document", "text": None, "media": {"url": "https://a.test/b"}}, "[document]"),
        ({"type": "text", "text": "see", "media": {"url": "https://a.test/b"}}, "[file] see"),
        ({"type": "order", "text": None, "content": {"product_items": [{}]}}, "[order: 1 item]"),
        ({"type": "hologram", "text": " "}, "[unsupported message] hologram"),
        ({"type": "text", "text": "[image] is what I typed"}, "[image] is what I typed"),
    ],
)
async def test_the_line_names_a_file_whichever_way_it_came(
    world: World, tenant: Business, said: dict[str, Any], text: str
) -> None:
    await world.receive(tenant, tenant.message("wamid.1", **said))
    request = await told(world, tenant, "wamid.1")
    assert request["text"] == text
    assert request["channel"]["metadata"]["customAttributes"]["whatsapp_message_type"] == said["type"]


async def test_the_line_of_a_reply_quotes_what_it_replies_to_whoever_wrote_that(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    context = {"context": {"from": "1", "id": "wamid.out"}}
    await world.receive(tenant, tenant.message("wamid.a", text="Thanks", metadata=context))
    assert (await told(world, tenant, "wamid.a"))["text"] == "[in reply to: Good morning]\nThanks"
    chosen = {"type": "button", "text": "Yes", "content": {"text": "Yes", "payload": "y"}}
    await world.receive(tenant, tenant.message("wamid.y", metadata=context, **chosen))
    request = await told(world, tenant, "wamid.y")
    assert request["text"] == "Yes", "a flow compares it with its options"
    assert request["channel"]["metadata"]["customAttributes"]["whatsapp_reply_to_text"] == "Good morning"
    image = {"type": "image", "content": {"caption": "x " * 200}, "media": {"id": "7"}}
    await world.receive(tenant, tenant.message("wamid.b", text="x " * 200, **image))
    liked = {"type": "reaction", "text": "[reaction +]", "content": {"message_id": "wamid.b", "emoji": "+"}}
    await world.receive(tenant, tenant.message("wamid.c", **liked))
    request = await told(world, tenant, "wamid.c")
    first, second = request["text"].split("\n")
    assert (first, second) == (f"[in reply to: {('[image] ' + 'x ' * 200)[:119]}…]", "[reaction +]")
    assert request["channel"]["metadata"]["customAttributes"]["whatsapp_reply_to"] == "wamid.b"


async def test_an_ad_and_a_payload_reach_flows_as_attributes(world: World, tenant: Business) -> None:
    referral = {"source_url": "https://ads.test/1", "headline": "Half price", "source_type": "ad", "ctwa_clid": "c" * 3000}
    said = {"type": "button", "text": "Stop", "content": {"text": "Stop", "payload": "unsubscribe"}}
    await world.receive(tenant, tenant.message("wamid.1", metadata={"referral": referral}, **said))
    request = await told(world, tenant, "wamid.1")
    assert request["text"] == "Stop\n[came from an ad: Half price, https://ads.test/1]"
    attributes = request["channel"]["metadata"]["customAttributes"]
    assert attributes["whatsapp_payload"] == "unsubscribe"
    assert attributes["whatsapp_referral_source_url"] == "https://ads.test/1"
    assert "whatsapp_referral_ctwa_clid" not in attributes, "it is longer than an attribute may be"


async def test_an_installation_may_keep_the_phone_as_the_customers_name(world: World) -> None:
    kept = await world.add("kept", number="3001", genesys_identity="wa_id")
    await world.receive(kept, kept.message(), kept.message(wa_id=None, user_id="DE.1"))
    senders = {delivery["request"]["channel"]["from"]["id"] for delivery in await deliveries(world, kept)}
    assert CUSTOMER in senders
    assert len(senders) == 2, "who has no phone is known by the contact's id"


async def test_without_genesys_nothing_is_delivered_of_customers(world: World) -> None:
    alone = await world.add("alone", number="3001", with_genesys=False)
    await world.receive(alone, alone.message())
    assert await deliveries(world, alone) == []


async def test_an_external_sender_is_only_told_and_nothing_is_delivered(world: World) -> None:
    external = await world.add("external", number="3001", sender="external")
    await world.receive(external, external.message())
    contact = str(await world.value(external, "SELECT id FROM contacts"))
    await world.answer(external, external.reply(recipient_id=contact, conversation_id="g"))
    assert len(await world.relay(external)) == 5
    assert await deliveries(world, external) == []


async def test_an_event_is_delivered_once_however_often_it_is_relayed(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    stamped = await world.relay(tenant)
    async with world.db.tenant(tenant.tenant) as conn:
        await DeliverySink(world.directory, 8)(conn, tenant.tenant, stamped)
        assert await outbox.list_after(conn, tenant.tenant, 0, 10) == stamped
    assert len(await deliveries(world, tenant)) == 1


async def test_deliveries_of_a_customer_are_ordered_as_the_events_were(world: World, tenant: Business) -> None:
    await world.receive(tenant, *(tenant.message(f"wamid.{n}", text=str(n)) for n in range(10)))
    assert [each["request"]["text"] for each in await deliveries(world, tenant)] == [str(n) for n in range(10)]


async def test_a_message_that_cannot_be_rendered_fails_and_genesys_is_told(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.relay(tenant)
    await world.answer(tenant, tenant.reply("g.empty", conversation_id="genesys-conversation", text="  "))
    before = len(await deliveries(world, tenant))
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE genesys_message_id = 'g.empty'")
    assert (row["status"], row["error"]["code"]) == ("failed", "invalid_payload")
    receipts = [each for each in await deliveries(world, tenant) if each["target"] == Target.GENESYS_RECEIPT]
    assert before == 2
    assert [each["request"]["status"] for each in receipts] == ["Failed"]


async def test_a_refused_message_is_told_to_genesys(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    await world.close(tenant)
    await world.answer(tenant, tenant.reply("g.late", conversation_id="genesys-conversation"))
    receipts = [each for each in await deliveries(world, tenant) if each["target"] == Target.GENESYS_RECEIPT]
    assert [each["request"]["status"] for each in receipts] == ["Failed"]
    assert receipts[0]["request"]["id"] == "g.late"


@pytest.mark.parametrize(
    ("words", "receipts"),
    [
        (["delivered"], ["Delivered"]),
        (["read"], ["Delivered"]),
        (["delivered", "read"], ["Delivered"]),
        (["read", "delivered"], ["Delivered"]),
        (["failed"], ["Failed"]),
        (["sent"], []),
    ],
)
async def test_genesys_hears_what_is_final_and_only_once(
    world: World, tenant: Business, words: list[str], receipts: list[str]
) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, accepted("wamid.out")))
    for word in words:
        await world.report(tenant, tenant.report("wamid.out", word))
    told = [each["request"]["status"] for each in await deliveries(world, tenant) if each["target"] == Target.GENESYS_RECEIPT]
    assert told == receipts


async def test_a_message_nobody_at_genesys_wrote_has_no_receipt(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    (claimed,) = await world.deliver(tenant)
    await world.settle(tenant, (claimed, refused()))
    assert len(await deliveries(world, tenant)) == 1
