"""A tenant that cannot be worked holds up no queue: its message is set aside for it, and the others' go on."""

import json
from collections.abc import Sequence

import pytest

from tests.world import Business, World
from waystate.broker.consumer import QueueMessage
from waystate.broker.letters import TENANT_HEADER
from waystate.broker.publisher import Outgoing
from waystate.broker.queues import QueuePipeline
from waystate.vault.sealing import Unsealable, vault_of
from waystate.web.metrics import Metrics


def inbound(world: World, business: Business, wamid: str) -> QueueMessage:
    body = {"wa_id": "491700000001", "wamid": wamid, "message_text": "Hello", "phone_number_id": business.number}
    body |= {"timestamp": world.clock.now.isoformat()}
    return QueueMessage(queue="inbound", id=wamid, body=json.dumps(body).encode(), headers={TENANT_HEADER: business.tenant})


async def test_a_message_of_a_tenant_whose_secrets_do_not_open_can_be_set_aside(world: World, tenant: Business) -> None:
    async def park(letters: Sequence[Outgoing]) -> None:
        assert not letters, "they have a tenant"

    world.vault, vault = vault_of(bytes(32)), world.vault
    broken = await world.add("broken", number="6001", app_id="app-6")
    world.vault = vault
    metrics = Metrics()
    pipeline = QueuePipeline(world.db, world.directory, world.runner(metrics=metrics), lambda _: None, park, world.clock)
    bad, good = inbound(world, broken, "wamid.bad"), inbound(world, tenant, "wamid.good")
    with pytest.raises(Unsealable):
        await pipeline.work("inbound", [bad, good])
    assert await world.value(tenant, "SELECT wamid FROM messages") == "wamid.good", "the other tenant's is done"
    await pipeline.set_aside("inbound", bad, "It keeps failing.")
    assert await world.value(broken, "SELECT original_payload->>'wamid' FROM dead_letters") == "wamid.bad"
