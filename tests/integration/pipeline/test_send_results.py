"""What another sender tells of its sends, of messages that it does not carry."""

from uuid import UUID

import pytest

from tests.world import Business, World, lost, run_in
from waystate.deliveries.model import Target
from waystate.errors import Reason, Rejected
from waystate.messages.model import Status, StatusReport
from waystate.pipeline.items import SendResult
from waystate.pipeline.reports import run_statuses


async def told(world: World, tenant: Business, message_id: UUID, status: Status) -> Rejected | None:
    report = StatusReport(wamid="", message_id=message_id, status=status, at=world.clock.now, source="external")
    judged = await run_in(
        world.db,
        world.directory,
        world.clock,
        tenant.tenant,
        run_statuses,
        [SendResult(report=report), tenant.report("w", "read")],
    )
    assert judged.verdicts[1].error is None, "the others of the batch are done"
    error = judged.verdicts[0].error
    assert error is None or isinstance(error, Rejected)
    return error


@pytest.mark.parametrize("is_relayed", [False, True])
async def test_a_failure_of_what_waystate_is_about_to_send_is_refused(world: World, tenant: Business, is_relayed: bool) -> None:
    await world.correspond(tenant)
    message_id = await world.value(tenant, "SELECT id FROM messages WHERE direction = 'outbound'")
    if is_relayed:
        await world.relay(tenant)
    refusal = await told(world, tenant, message_id, Status.FAILED)
    assert refusal is not None
    assert refusal.reason is Reason.STATE_VIOLATION
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", message_id) == "queued"


async def test_a_failure_of_what_another_sends_counts(world: World) -> None:
    tenant = await world.add("external", number="1003", sender="external")
    await world.receive(tenant, tenant.message())
    conversation = str(await world.value(tenant, "SELECT id FROM conversations"))
    await world.answer(tenant, tenant.reply(conversation_id=conversation))
    message_id = await world.value(tenant, "SELECT id FROM messages WHERE direction = 'outbound'")
    assert await told(world, tenant, message_id, Status.FAILED) is None
    assert await world.value(tenant, "SELECT status FROM messages WHERE id = $1", message_id) == "failed"


async def test_of_an_unknown_send_whoever_knows_may_tell(world: World, tenant: Business) -> None:
    await world.correspond(tenant)
    (claimed,) = [each for each in await world.deliver(tenant) if each.target is Target.WHATSAPP]
    await world.settle(tenant, (claimed, lost()))
    assert await told(world, tenant, claimed.message_id, Status.FAILED) is None
