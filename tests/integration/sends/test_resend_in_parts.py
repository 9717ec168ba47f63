"""An agent's long text that was refused whole is sent again as it would have gone out: in parts, the last one for the whole."""

from tests.integration.planned.test_order import KEY, sends_of
from tests.world import Business, World, accepted
from waystate.deliveries.model import Target
from waystate.ids import new_id
from waystate.principal import Actor

LONG = " ".join(f"word{number}" for number in range(1200))


async def test_a_long_text_is_sent_again_in_parts(world: World, tenant: Business) -> None:
    await world.receive(tenant, tenant.message())
    for claimed in await world.deliver(tenant):
        await world.settle(tenant, (claimed, accepted(conversation_id="genesys-conversation")))
    world.clock.forward(hours=25)
    await world.answer(tenant, tenant.reply("g.long", conversation_id="genesys-conversation", text=LONG))
    assert await world.value(tenant, "SELECT status FROM messages WHERE genesys_message_id = 'g.long'") == "failed"
    await world.receive(tenant, tenant.message())
    copy = await sends_of(world).resend(tenant.tenant, "g.long", KEY, Actor("key", new_id()))
    bodies = []
    for _ in range(3):
        for claimed in await world.deliver(tenant):
            if claimed.target is Target.WHATSAPP:
                bodies.append(claimed.request["text"]["body"])
                await world.settle(tenant, (claimed, accepted(f"wamid.{claimed.message_id}")))
    assert len(bodies) == 3
    assert " ".join(bodies) == LONG
    assert all(len(body) <= 4096 for body in bodies)
    rows = await world.rows(tenant, "SELECT id, metadata FROM messages WHERE metadata ? 'part' ORDER BY id")
    assert [row["metadata"]["part"] for row in rows] == [1, 2, 3]
    assert copy.id == rows[-1]["id"]
    first = await world.row(tenant, "SELECT metadata FROM messages WHERE genesys_message_id = 'g.long'")
    assert first["metadata"]["resent_as"] == str(copy.id)
