"""What somebody does to dead letters is on record, an entry a transaction, and nothing of the customers' messages in it."""

from typing import Any

import asyncpg
import pytest

from tests.letters import ACTOR, as_json, bury, bury_many, edit, replay, replay_many, row_of
from tests.world import Business, World
from waystate.audit.verification import verify
from waystate.dead_letters import replay as dead_letters
from waystate.dead_letters.model import Pipeline
from waystate.errors import Unprocessable


async def entries(world: World, tenant: Business) -> list[dict[str, Any]]:
    return await world.rows(tenant, "SELECT action, subject, actor, details FROM audit_log ORDER BY position")


async def test_an_edit_a_replay_and_a_discard_are_an_entry_each(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1"))
    other = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.2"))
    await edit(world, tenant, letter, as_json.dump_python(tenant.message("wamid.edited", text="Ada's secret"), mode="json"))
    await replay(world, tenant, letter)
    await dead_letters.discard_many(tenant.tenant, [letter, other], "a note", ACTOR, world.db, world.clock)
    found = await entries(world, tenant)
    assert [(each["action"], each["subject"]) for each in found] == [
        ("dead_letter.edited", f"dead_letter:{letter}"),
        ("dead_letter.replayed", f"dead_letter:{letter}"),
        ("dead_letter.discarded", f"dead_letter:{other}"),
    ]
    assert {(each["actor"]["kind"], each["actor"]["id"]) for each in found} == {("key", str(ACTOR.id))}
    assert found[1]["details"] == {"count": 1, "ids": [str(letter)], "replayed": 1, "failed": 0}
    assert "secret" not in str(found)
    assert (await verify(world.db, tenant.tenant)).fault is None


async def test_what_changed_nothing_is_no_act(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1"))
    with pytest.raises(Unprocessable):
        await edit(world, tenant, letter, {})
    await dead_letters.discard_many(tenant.tenant, [letter], None, ACTOR, world.db, world.clock)
    for _ in range(2):
        await replay(world, tenant, letter)
        await dead_letters.discard_many(tenant.tenant, [letter], None, ACTOR, world.db, world.clock)
    assert [each["action"] for each in await entries(world, tenant)] == ["dead_letter.discarded"]


async def test_a_bulk_act_is_one_entry_a_transaction_with_those_that_failed_again(world: World, tenant: Business) -> None:
    payloads = [
        as_json.dump_python(tenant.message(f"wamid.{number}", wa_id=f"4917{number}"), mode="json") for number in range(5)
    ]
    payloads[1] = {"wamid": 7}
    letters = await bury_many(world, tenant, *((Pipeline.INBOUND, each) for each in payloads))
    await replay_many(world, tenant, *letters)
    (entry,) = await entries(world, tenant)
    assert entry["subject"] == "dead_letter"
    assert entry["details"]["ids"] == sorted(entry["details"]["ids"]) == sorted(str(each) for each in letters)
    assert (entry["details"]["count"], entry["details"]["replayed"], entry["details"]["failed"]) == (5, 4, 1)


async def test_one_that_takes_its_transaction_with_it_is_told_all_the_same(world: World, tenant: Business) -> None:
    payload = as_json.dump_python(tenant.message("wamid.1"), mode="json") | {"sent_at": "9999-12-31T23:59:59-12:00"}
    letter = await bury(world, tenant, Pipeline.INBOUND, payload)
    await replay(world, tenant, letter)
    (entry,) = await entries(world, tenant)
    assert (entry["action"], entry["details"]["failed"]) == ("dead_letter.replayed", 1)


async def test_an_act_that_cannot_be_told_is_not_done(world: World, tenant: Business) -> None:
    letter = await bury(world, tenant, Pipeline.INBOUND, tenant.message("wamid.1"))
    async with world.db.owner() as conn:
        await conn.execute("ALTER TABLE audit_log ADD CHECK (action <> 'dead_letter.discarded')")
    with pytest.raises(asyncpg.CheckViolationError):
        await dead_letters.discard_many(tenant.tenant, [letter], None, ACTOR, world.db, world.clock)
    assert (await row_of(world, tenant, letter))["status"] == "open"
