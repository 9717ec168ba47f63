"""What is no customer's message: it opens nothing, moves no window, makes nobody a contact, and is not lost from sight."""

from datetime import timedelta
from typing import Any

import pytest

from tests.integration.messages.test_receive import count, enriched
from tests.world import CUSTOMER, Business, World, run_in
from waystate.errors import Reason, Rejected
from waystate.messages.note import NOTES
from waystate.pipeline.batch import Judged
from waystate.pipeline.run import run_inbound, run_statuses

OLD = timedelta(hours=30)


async def run(world: World, tenant: Business, *messages: Any) -> Judged:
    return await run_in(world.db, world.directory, world.clock, tenant.tenant, run_inbound, messages)


async def conversations(world: World, tenant: Business) -> list[dict[str, Any]]:
    return await world.rows(tenant, "SELECT * FROM conversations")


def noted(tenant: Business, kind: str, **said: Any) -> Any:
    return tenant.message(type=kind, content={"type": "customer_identity_changed", "original_message_id": "wamid.1"}, **said)


@pytest.mark.parametrize("kind", NOTES)
async def test_what_a_stranger_did_not_write_opens_nothing_and_says_why(world: World, tenant: Business, kind: str) -> None:
    judged = await run(world, tenant, noted(tenant, kind))
    assert judged.events == []
    assert judged.verdicts[0].aside == (kind, f"{NOTES[kind]}; they have no open conversation that it could be kept with")
    assert [await count(world, tenant, table) for table in ("contacts", "conversations", "messages", "message_keys")] == [0] * 4


@pytest.mark.parametrize("kind", NOTES)
async def test_what_a_customer_did_not_write_moves_no_clock(world: World, tenant: Business, kind: str) -> None:
    await world.receive(tenant, tenant.message("wamid.1", sent_at=world.clock.now - OLD))
    before = await conversations(world, tenant)
    world.clock.forward(minutes=1)
    judged = await run(world, tenant, noted(tenant, kind, text="told"))
    assert await conversations(world, tenant) == before
    assert judged.verdicts[0].message.startswith("It is kept with the open conversation")
    row = await world.row(tenant, "SELECT type, direction, text, conversation_id FROM messages ORDER BY id DESC LIMIT 1")
    assert list(row.values()) == [kind, "inbound", "told", before[0]["id"]]


async def test_an_edit_and_a_revocation_are_passed_on_to_the_agent_and_the_rest_is_not(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.relay(tenant)
    judged = await run(world, tenant, *(noted(tenant, kind, wamid=f"wamid.{kind}") for kind in NOTES))
    assert [(each.wamid, each.is_new_conversation) for each in enriched(judged.events)] == [
        ("wamid.edit", False),
        ("wamid.revoke", False),
    ]
    statuses = await world.rows(tenant, "SELECT type, status FROM messages WHERE type <> 'text' ORDER BY type")
    assert [tuple(row.values()) for row in statuses] == [
        ("edit", "received"),
        ("request_welcome", "processed"),
        ("revoke", "received"),
        ("system", "processed"),
    ]


async def test_what_comes_again_is_kept_once(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    note = noted(tenant, "edit", wamid="wamid.2")
    for _ in range(2):
        await run(world, tenant, note, note)
    assert await count(world, tenant, "messages", "wamid = 'wamid.2'") == 1
    assert await count(world, tenant, "events") == 2


async def test_a_note_behind_the_message_that_opens_the_conversation_is_kept_with_it(world: World, tenant: Business) -> None:
    judged = await run(world, tenant, noted(tenant, "revoke", wamid="wamid.2"), tenant.message("wamid.1"))
    assert [each.wamid for each in enriched(judged.events)] == ["wamid.1", "wamid.2"]
    assert [each.aside for each in judged.verdicts] == [None, None]


async def test_a_closed_conversation_stays_closed(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message("wamid.1"))
    await world.execute(tenant, "UPDATE conversations SET status = 'closed', closed_at = now()")
    before = await conversations(world, tenant)
    for kind in NOTES:
        assert (await run(world, tenant, noted(tenant, kind))).verdicts[0].aside
    assert await conversations(world, tenant) == before


@pytest.mark.parametrize("kind", ["text", "image", "reaction", *NOTES])
async def test_what_is_written_in_a_group_is_set_aside(world: World, tenant: Business, kind: str) -> None:
    await world.receive(tenant, tenant.message("wamid.1", sent_at=world.clock.now - OLD))
    before = await conversations(world, tenant)
    message = tenant.message("wamid.2", type=kind, metadata={"group_id": "R1JPVVAtRVhBTVBMRQ"})
    judged = await run(world, tenant, message, tenant.message("wamid.3", wa_id="491700000009"))
    error = judged.verdicts[0].error
    assert isinstance(error, Rejected)
    assert error.reason == Reason.GROUP_MESSAGE
    assert [each.wamid for each in enriched(judged.events)] == ["wamid.3"]
    assert [each for each in await conversations(world, tenant) if each["wa_id"] == CUSTOMER] == before


async def test_a_status_of_a_group_waits_for_no_message(world: World, tenant: Business) -> None:
    reports = [tenant.report("wamid.9", "delivered", is_of_group=True), tenant.report("wamid.8", "delivered")]
    judged = await run_in(world.db, world.directory, world.clock, tenant.tenant, run_statuses, reports)
    assert [each.aside and each.aside[0] for each in judged.verdicts] == ["status", None]
    assert await world.value(tenant, "SELECT array_agg(external_id) FROM early_statuses") == ["wamid.8"]
