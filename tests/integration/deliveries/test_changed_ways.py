"""Who sends for a number changes while the relay is behind: what came before is told of, and nothing is passed on twice."""

import asyncio
from typing import Any

import pytest

from tests.world import Business, World, wait_for_lock
from waystate.audit import store as audit_store
from waystate.deliveries.model import ACCOUNT_MISSING, SENDER_EXTERNAL, Target
from waystate.events import outbox
from waystate.messages.model import Status
from waystate.state.changes import StatusChange
from waystate.tenants import store


async def change_number(world: World, tenant: Business, **said: Any) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        (known,) = await store.accounts_of(conn, world.vault, tenant.tenant)
        await store.upsert_accounts(conn, world.vault, tenant.tenant, [known.model_copy(update=said)])


async def change(world: World, tenant: Business, what: str) -> None:
    async with world.db.work(tenant_id=tenant.tenant) as conn:
        match what:
            case "the number goes":
                await store.remove_accounts(conn, tenant.tenant, [tenant.number])
            case "the integration goes":
                await store.remove_integrations(conn, tenant.tenant, [tenant.integration])
            case "the integration is external":
                (known,) = await store.integrations_of(conn, world.vault, tenant.tenant)
                theirs = known.model_copy(update={"sender": "external"})
                await store.upsert_integrations(conn, world.vault, tenant.tenant, [theirs])
    if what == "the number leaves the integration":
        await change_number(world, tenant, genesys_integration_id=None)
    if what == "the number is external":
        await change_number(world, tenant, sender="external")


CODES = {
    "the number goes": ACCOUNT_MISSING,
    "the integration goes": ACCOUNT_MISSING,
    "the number leaves the integration": ACCOUNT_MISSING,
    "the number is external": SENDER_EXTERNAL,
    "the integration is external": SENDER_EXTERNAL,
}


async def statuses(world: World, tenant: Business) -> list[str]:
    return [row["status"] for row in await world.rows(tenant, "SELECT status FROM messages ORDER BY id")]


@pytest.mark.parametrize(("what", "code"), CODES.items(), ids=CODES)
async def test_a_customers_message_behind_the_relay_is_a_dead_letter(
    world: World, tenant: Business, what: str, code: str
) -> None:
    await world.receive(tenant, tenant.message())
    await change(world, tenant, what)
    await world.receive(tenant, tenant.message())
    await world.relay(tenant)
    assert await statuses(world, tenant) == ["failed", "failed" if what == "the number goes" else "received"]
    error = await world.value(tenant, "SELECT error FROM messages ORDER BY id LIMIT 1")
    assert error["code"] == code
    letters = await world.rows(tenant, "SELECT error_message, original_payload FROM dead_letters ORDER BY id LIMIT 1")
    assert letters[0]["original_payload"]["error"] == error
    assert letters[0]["error_message"].startswith(error["title"])


@pytest.mark.parametrize("what", ["the number goes", "the number is external"])
async def test_an_agents_message_behind_the_relay_fails_aloud(world: World, tenant: Business, what: str) -> None:
    await world.correspond(tenant)
    await change(world, tenant, what)
    await world.relay(tenant)
    row = await world.row(tenant, "SELECT status, error FROM messages WHERE direction = 'outbound'")
    assert (row["status"], row["error"]["code"]) == ("failed", CODES[what])


@pytest.mark.parametrize("what", ["the integration goes", "the number leaves the integration", "the integration is external"])
async def test_an_agents_message_needs_no_integration(world: World, tenant: Business, what: str) -> None:
    await world.correspond(tenant)
    await change(world, tenant, what)
    (claimed,) = await world.deliver(tenant)
    assert claimed.target is Target.WHATSAPP


async def test_each_message_is_judged_by_who_sent_when_it_came(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.ours"))
    await change(world, tenant, "the number is external")
    await world.receive(tenant, tenant.message("wamid.theirs"))
    await change(world, tenant, "the number goes")
    for _ in range(4):
        await world.relay(tenant, batch=1)
    assert await statuses(world, tenant) == ["failed", "received"]
    assert await world.value(tenant, "SELECT count(*) FROM dead_letters") == 1


async def test_a_change_that_is_taken_back_before_the_relay_comes_fails_nothing(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    await change(world, tenant, "the number is external")
    await change_number(world, tenant, sender="waystate")
    (claimed,) = await world.deliver(tenant)
    assert claimed.target is Target.GENESYS


async def test_what_its_carrier_has_sent_already_does_not_fail(world: World, tenant: Business) -> None:
    reply = await world.correspond(tenant)
    await change(world, tenant, "the number is external")
    message_id = await world.value(
        tenant, "SELECT message_id FROM message_keys WHERE external_id = $1", reply.genesys_message_id
    )
    await world.report(tenant, tenant.report("wamid.theirs", "sent", message_id=message_id))
    await world.relay(tenant)
    assert await world.value(tenant, "SELECT status FROM messages WHERE direction = 'outbound'") == "sent"


async def test_what_its_carrier_sent_is_not_sent_again_when_waystate_becomes_the_sender(world: World) -> None:
    """Two events before the change and one behind it, relayed one by one."""
    tenant = await world.add("external", number="3001", sender="external")
    await world.receive(tenant, tenant.message())
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    for key in ("g.sent", "g.waits"):
        await world.answer(tenant, tenant.reply(key, conversation_id=conversation))
    sent = await world.value(tenant, "SELECT message_id FROM message_keys WHERE external_id = 'g.sent'")
    waits = await world.value(tenant, "SELECT message_id FROM message_keys WHERE external_id = 'g.waits'")
    await world.report(tenant, tenant.report("wamid.theirs", "sent", message_id=sent))
    await change_number(world, tenant, sender="waystate")
    for _ in range(8):
        await world.relay(tenant, batch=1)
    rows = await world.rows(tenant, "SELECT message_id FROM deliveries WHERE target = 'whatsapp'")
    assert [row["message_id"] for row in rows] == [waits]


@pytest.mark.parametrize("what", ["sender", "integration"])
async def test_what_somebody_said_is_processed_is_not_passed_on(world: World, tenant: Business, what: str) -> None:
    (account,) = (await world.view(tenant)).accounts.values()
    without = {"sender": "external"} if what == "sender" else {"genesys_integration_id": None}
    await change_number(world, tenant, **without)
    await world.receive(tenant, tenant.message())
    message_id = str(await world.value(tenant, "SELECT id FROM messages"))
    await world.change(tenant, StatusChange(message_id=message_id, status=Status.PROCESSED, at=world.clock.now))
    assert await statuses(world, tenant) == ["processed"]
    await change_number(world, tenant, sender="waystate", genesys_integration_id=account.genesys_integration_id)
    assert await world.deliver(tenant) == []


async def test_what_is_about_to_be_committed_is_before_or_behind_a_change(world: World, tenant: Business) -> None:
    """Its position is given out already: the change waits for it, and counts up to it."""
    async with world.db.tenant(tenant.tenant) as conn:
        await outbox.hold_head(conn, tenant.tenant)
        changing = asyncio.create_task(change(world, tenant, "the number is external"))
        await wait_for_lock(conn)
        await conn.execute("UPDATE sink_cursors SET position = position + 7 WHERE sink = 'head'")
    await changing
    assert await world.value(tenant, "SELECT until FROM former_accounts") == 7


async def test_a_change_and_a_replay_do_not_wait_for_each_other(world: World, tenant: Business) -> None:
    """A replay takes its turn in the audit log and then the outbox's lock: a change takes both in this order."""
    async with world.db.tenant(tenant.tenant) as conn:
        await audit_store.take_turn(conn, tenant.tenant)
        changing = asyncio.create_task(change(world, tenant, "the number is external"))
        await wait_for_lock(conn)
        await conn.execute("SET LOCAL lock_timeout = '100ms'")
        await outbox.hold_head(conn, tenant.tenant)
    await changing
    assert await world.value(tenant, "SELECT to_genesys FROM former_accounts")
