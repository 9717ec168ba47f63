"""A failure that Genesys tells of a customer's message is history of that message, and changes nothing of it."""

from typing import Any

from tests.world import Business, World, accepted, run_in
from waystate.deliveries.model import Target
from waystate.messages.model import GenesysReceipt, OutboundMessage
from waystate.pipeline.batch import Judged
from waystate.pipeline.reports import run_receipts
from waystate.pipeline.run import KINDS
from waystate.trace.trace import trace


async def tell(world: World, tenant: Business, *names: str) -> Judged:
    receipt = GenesysReceipt(
        names=names,
        at=world.clock.now,
        error={"code": "GeneralError", "title": "no queue took it"},
        origin="test:0",
    )
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_receipts, [receipt])


async def passed_on(world: World, tenant: Business, wamid: str) -> None:
    await world.receive(tenant, tenant.message(wamid))
    for claimed in await world.deliver(tenant):
        await world.settle(tenant, (claimed, accepted(f"genesys.of.{wamid}", conversation_id="genesys-conversation")))


async def found(world: World, tenant: Business, name: str) -> dict[str, Any]:
    return await trace(tenant.tenant, tenant.settings, name, world.db, world.clock)


async def test_it_stands_in_the_history_and_the_message_stays_what_it_is(world: World, tenant: Business) -> None:
    await passed_on(world, tenant, "wamid.1")
    for _ in range(2):
        judged = await tell(world, tenant, "wamid.1", "unknown")
        assert [(verdict.error, verdict.is_repeat) for verdict in judged.verdicts] == [(None, False)]
        assert judged.events == []
    shown = await found(world, tenant, "wamid.1")
    assert shown["status"] == "processed"
    assert [(each["status"], each["source"], each["applied"]) for each in shown["statuses"]] == [
        ("processed", "waystate", True),
        ("failed", "genesys", False),
    ]
    assert shown["why"].endswith("Genesys reported that it failed there: no queue took it.")
    assert shown["error"] is None


async def test_a_message_that_is_still_under_way_does_not_fail_by_it(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.deliver(tenant)
    await tell(world, tenant, "wamid.1")
    shown = await found(world, tenant, "wamid.1")
    assert (shown["status"], [each["applied"] for each in shown["statuses"]]) == ("received", [False])


async def test_genesys_may_name_the_message_by_its_own_id_of_it(world: World, tenant: Business) -> None:
    await passed_on(world, tenant, "wamid.1")
    await passed_on(world, tenant, "wamid.2")
    await tell(world, tenant, "unknown", "genesys.of.wamid.1")
    assert "failed there" in (await found(world, tenant, "wamid.1"))["why"]
    assert "failed there" not in (await found(world, tenant, "wamid.2"))["why"]


async def test_of_an_agents_message_and_of_unknown_ones_it_says_nothing(world: World, tenant: Business) -> None:
    reply: OutboundMessage = await world.correspond(tenant)
    for name in (reply.genesys_message_id, "unknown"):
        judged = await tell(world, tenant, name)
        assert [(verdict.error, verdict.is_repeat) for verdict in judged.verdicts] == [(None, True)]
    shown = await found(world, tenant, reply.genesys_message_id)
    assert (shown["status"], shown["statuses"]) == ("queued", [])
    assert [each["target"] for each in shown["deliveries"]] in ([], [Target.WHATSAPP])


def test_what_is_kept_of_one_is_read_as_one_again(tenant: Business) -> None:
    receipt = GenesysReceipt(names=("w",), at=tenant.clock.now, error={"code": "x"})
    kind = KINDS.of(receipt)
    kept = kind.keep(receipt)
    assert KINDS.read_letter(kind.pipeline, kept, origin="ledger:x", received_at=tenant.clock.now) == receipt
