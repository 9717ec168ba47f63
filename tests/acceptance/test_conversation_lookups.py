"""A conversation at Genesys that its answers do not tell, with the simulated Genesys as the far side."""

from pathlib import Path

from tests.acceptance.installation import BY_HAND, INTEGRATION, customer_message, envelope, installed_with_far_sides, until
from tests.databases import Databases


async def test_without_prefetch_the_conversation_is_looked_up_at_genesys(databases: Databases, tmp_path: Path) -> None:
    with databases.fresh() as url:
        async with installed_with_far_sides(url, tmp_path, **BY_HAND) as place:
            await place.database.execute(
                "UPDATE genesys_integrations SET prefetch_conversation_id = false WHERE integration_id = $1", INTEGRATION
            )
            place.app.directory.clear()
            await place.post_meta(envelope(customer_message("wamid.A", "15550100001")))

            async def is_known() -> bool:
                return bool(await place.value("SELECT genesys_conversation_id FROM conversations"))

            await until(is_known, timeout=20)
            assert place.far is not None
            (customer,) = (await place.far.get("/simulator/messages")).json()["customers"]
            (received,) = customer["genesysReceived"]
            assert await place.value("SELECT genesys_conversation_id FROM conversations") == received["conversationId"]
            targets = [each["target"] for each in (await place.trace("wamid.A"))["deliveries"]]
            assert targets == ["genesys", "genesys_lookup"]
