"""Messages whose phone becomes another customer's while they wait: they follow their own customer, or fail."""

from tests.integration.deliveries.test_addresses import ANN, P, Q, addressed, answer, from_ann, from_bob, receive, to_whatsapp
from tests.world import Business, World, later
from waystate.deliveries import store as delivery_store
from waystate.deliveries.model import RefusedDelivery, Target
from waystate.deliveries.resend import resend_many
from waystate.deliveries.send import Platforms, send
from waystate.errors import Reason


async def test_a_waiting_message_to_a_phone_that_went_away_follows_its_customer(world: World, tenant: Business) -> None:
    (ann,) = await receive(world, tenant, from_ann(tenant))
    await answer(world, tenant, ann.mapping_id)
    await world.relay(tenant)
    assert await world.value(tenant, "SELECT request->>'to' FROM deliveries WHERE target = 'whatsapp'") == P
    await receive(world, tenant, from_bob(tenant))
    (claimed,) = [each for each in await world.claim(tenant) if each.target is Target.WHATSAPP]
    assert (addressed(claimed), claimed.is_astray) == ({"recipient": ANN}, False)
    request = await world.value(tenant, "SELECT request FROM deliveries WHERE target = 'whatsapp'")
    assert request == claimed.request, "and the next attempt goes there too"


async def test_a_message_that_is_tried_again_is_addressed_again(world: World, tenant: Business) -> None:
    (ann,) = await receive(world, tenant, from_ann(tenant))
    await answer(world, tenant, ann.mapping_id)
    (first,) = await to_whatsapp(world, tenant)
    assert addressed(first) == {"to": P}
    await world.settle(tenant, (first, later()))
    await receive(world, tenant, from_bob(tenant))
    world.clock.forward(minutes=1)
    (again,) = await to_whatsapp(world, tenant)
    assert (again.attempt, again.message_id, addressed(again)) == (2, first.message_id, {"recipient": ANN})


async def test_a_message_that_an_operator_sends_again_is_addressed_again(world: World, tenant: Business) -> None:
    (ann,) = await receive(world, tenant, from_ann(tenant))
    event = await answer(world, tenant, ann.mapping_id)
    (first,) = await to_whatsapp(world, tenant)
    await receive(world, tenant, from_bob(tenant))
    await world.execute(tenant, "DELETE FROM deliveries WHERE target = 'whatsapp'")
    assert event.message_id is not None
    refused = RefusedDelivery(message_id=event.message_id, target=Target.WHATSAPP, request=first.request)
    async with world.db.tenant(tenant.tenant) as conn:
        view = await world.view(tenant)
        assert await resend_many(conn, tenant.tenant, view, {event.message_id: refused}, world.clock.now, lanes=8) == {
            event.message_id: True
        }
    assert [addressed(each) for each in await to_whatsapp(world, tenant)] == [{"recipient": ANN}]


async def test_what_leads_to_nobody_any_more_fails_without_a_call_and_genesys_is_told(world: World, tenant: Business) -> None:
    """Ann has shown no user id, and the phone is Bob's, whom Waystate knew before."""
    _, ann = await receive(world, tenant, from_bob(tenant, Q), tenant.message(wa_id=P, contact_name="Ann"))
    await answer(world, tenant, ann.mapping_id)
    await world.relay(tenant)
    await receive(world, tenant, from_bob(tenant, P))
    (claimed,) = [each for each in await world.claim(tenant) if each.target is Target.WHATSAPP]
    assert claimed.is_astray
    result = await send(claimed, await world.view(tenant), Platforms(graph=None, genesys=None), world.clock.now)  # type: ignore[arg-type]
    await world.settle(tenant, (claimed, result))
    row = await world.row(tenant, "SELECT status, error->>'code' AS code FROM messages WHERE direction = 'outbound'")
    assert list(row.values()) == ["failed", Reason.RECIPIENT_MOVED]
    receipts = [each.request for each in await world.deliver(tenant) if each.target is Target.GENESYS_RECEIPT]
    assert [(each["status"], each["reasons"][0]["code"]) for each in receipts] == [("Failed", "InvalidDestination")]


async def test_a_claim_sees_that_a_phone_went_away_a_moment_ago(world: World, tenant: Business) -> None:
    """Whatever path a delivery came by: this is the last look before it leaves."""
    (ann,) = await receive(world, tenant, from_ann(tenant))
    await answer(world, tenant, ann.mapping_id)
    await world.relay(tenant)
    await receive(world, tenant, from_bob(tenant))
    async with world.db.tenant(tenant.tenant) as conn:
        claimed = await delivery_store.claim_heads(
            conn,
            tenant.tenant,
            epochs=dict.fromkeys(range(8), 1),
            paused_accounts=[],
            holder="t",
            now=world.clock.now,
            batch=9,
        )
    assert {each.target: each.is_astray for each in claimed} == {Target.GENESYS: False, Target.WHATSAPP: True}
