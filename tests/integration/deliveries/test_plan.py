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
    assert len(await world.relay(external)) == 3
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
