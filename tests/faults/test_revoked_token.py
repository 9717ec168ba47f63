"""A token is revoked while thousands of messages wait: one alarm, none lost, none failed, and all leave once it is mended."""

import asyncio

import pytest

from tests.integration.deliveries.courier import Scene, refusal, scene_of
from tests.world import World
from waystate.db.pool import Database

OF_EACH = 10
"""Messages of each customer."""
PATIENCE = 900
"""Seconds of real time after which the long run is given up."""


async def test_a_revoked_token_costs_none_of_three_hundred_messages(db: Database) -> None:
    async with scene_of(World(db)) as scene:
        await revoke_and_mend(scene, 300)


@pytest.mark.faults
async def test_a_revoked_token_costs_none_of_ten_thousand_messages(db: Database) -> None:
    async with asyncio.timeout(PATIENCE), scene_of(World(db)) as scene:
        await revoke_and_mend(scene, 10_000)


async def revoke_and_mend(scene: Scene, messages: int) -> None:
    """For ten minutes, in which another process takes the number over."""
    phones = [f"49171{number:07}" for number in range(messages // OF_EACH)]
    texts = [f"{number:02}" for number in range(OF_EACH)]
    scene.graph.judge = lambda number, to: refusal(190, 401)
    await scene.write_many(dict.fromkeys(phones, texts))
    await scene.run(300, every=5)
    await scene.restart()
    await scene.run(300, every=5)
    assert await scene.states() == {"pending": messages}
    asked = len(scene.graph.sends)
    assert asked <= 3 + 2 * (300 // 30) + 2, "one message finds out each half minute"
    scene.graph.judge = lambda number, to: None
    for _ in range(messages // 80 + 60):
        await scene.run(1)
        if (await scene.states())["pending"] == 0:
            break
    assert await scene.states() == {"sent": messages}
    assert len(scene.graph.sends) == asked + messages, "each once"
    for phone in phones:
        assert [each.text for each in scene.graph.accepted(phone)] == texts
    alarms = await scene.world.rows(scene.tenant, "SELECT type FROM events WHERE type LIKE 'number.%' ORDER BY position")
    assert [each["type"] for each in alarms] == ["number.held", "number.released"]
    assert await scene.world.value(scene.tenant, "SELECT count(*) FROM messages WHERE status = 'failed'") == 0
    assert await scene.receipts() == []
