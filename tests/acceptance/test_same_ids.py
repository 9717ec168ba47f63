"""T6: the same wamid, customer and Genesys conversation at two tenants: both work, neither sees the other, in Redis neither."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from tests.acceptance.installation import Installation, customer_message, envelope, installed, status_report
from tests.servers.redis import RedisServer, redis_server

PHONE, WAMID, GENESYS = "15550100001", "wamid.of-both", "genesys-of-both"
NUMBERS = {"tenant-a": "1", "tenant-b": "2"}
OF_A_TENANT = re.compile(rb"t:\{([a-z0-9][a-z0-9-]{0,62})\}:.+")
"""In braces, so that a Redis Cluster keeps a tenant's keys together."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture
async def place(database_url: str, tmp_path: Path, server: RedisServer) -> AsyncIterator[Installation]:
    settings = {"REDIS_URL": server.url, "TENANT_RATE_LIMIT": "1000"}
    async with installed(database_url, tmp_path, **settings) as place:
        for tenant, number in NUMBERS.items():
            await place.add_tenant(tenant, number=number, integration=None, sender="external")
        yield place


def strange_keys(client: "redis.Redis") -> list[bytes]:
    """Of no tenant that there is."""
    return [
        key for key in client.scan_iter() if (found := OF_A_TENANT.fullmatch(key)) is None or found[1].decode() not in NUMBERS
    ]


async def test_the_same_ids_at_two_tenants_are_two_customers_conversations_and_messages(
    place: Installation, server: RedisServer
) -> None:
    for tenant, number in NUMBERS.items():
        await place.post_meta(envelope(customer_message(WAMID, PHONE, f"Hello {tenant}"), number=number))
    await place.settled()
    for tenant in NUMBERS:
        body = {"conversation_id": GENESYS, "whatsapp_message_id": WAMID, "communication_id": f"of-{tenant}"}
        assert (await place.state("POST", "/state/correlation", body, tenant=tenant)).json()["changed"] is True
    tracked = {"metaMessageId": "wamid.sent-by-both", "conversationId": GENESYS, "direction": "outbound", "status": "sent"}
    answers = [await place.state("POST", "/state/message", tracked, tenant=tenant) for tenant in NUMBERS]
    assert [answer.status_code for answer in answers] == [201, 201]
    await place.post_meta(envelope(status_report("wamid.sent-by-both", "read"), number=NUMBERS["tenant-b"]))
    await place.settled()

    for _ in range(2):  # from the database, then from memory and Redis
        seen = {}
        for tenant, number in NUMBERS.items():
            by_phone = (await place.state("GET", f"/state/mapping/{PHONE}", tenant=tenant)).json()
            by_genesys = (await place.state("GET", f"/state/conversation/{GENESYS}", tenant=tenant)).json()
            assert by_phone["internalId"] == by_genesys["internalId"]
            assert (by_phone["tenantId"], by_phone["phoneNumberId"], by_phone["conversationId"]) == (tenant, number, GENESYS)
            assert by_genesys["communicationId"] == f"of-{tenant}"
            assert (await place.trace(WAMID, tenant=tenant))["text"] == f"Hello {tenant}"
            seen[tenant] = by_phone["internalId"]
        assert len(set(seen.values())) == 2
    assert (await place.trace("wamid.sent-by-both", tenant="tenant-a"))["status"] == "sent"
    assert (await place.trace("wamid.sent-by-both", tenant="tenant-b"))["status"] == "read"

    with server.client() as client:
        assert {found[1].decode() for key in client.scan_iter() if (found := OF_A_TENANT.fullmatch(key))} == set(NUMBERS)
        assert strange_keys(client) == []
        for planted in ("map:conv:1", "t:tenant-a:map:1", "t:{tenant-c}:map:1", "t:{}:x"):
            client.set(planted, "x")
            assert strange_keys(client) == [planted.encode()]
            client.delete(planted)
