"""Files that are uploaded at once: slow senders of one tenant leave places to the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.media.conftest import Place
from tests.world import Business
from waystate.errors import Unavailable
from waystate.ids import TenantId
from waystate.media.fetch import Fetcher
from waystate.media.model import FileState, MediaRecord
from waystate.media.upload import AT_ONCE, OF_A_TENANT, Deposits


async def test_one_tenant_does_not_take_all_places(place: Place, tenant: Business) -> None:
    world, go_on = place.world, asyncio.Event()
    other = await world.add("beta", number="2002", app_id="app-2")

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a text"
        await go_on.wait()

    deposits = Deposits(world.db, world.directory, Fetcher(place.client, place.objects, place.thumbnails), world.clock)

    def take(business: Business) -> asyncio.Task[MediaRecord]:
        return asyncio.create_task(deposits.take(TenantId(business.tenant), slowly(), declared="text/plain", filename=None))

    under_way = [take(tenant) for _ in range(OF_A_TENANT)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="at once"):
        await take(tenant)
    under_way += [take(other) for _ in range(AT_ONCE - OF_A_TENANT)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="at once"):
        await take(other)
    go_on.set()
    assert {each.state for each in await asyncio.gather(*under_way)} == {FileState.STORED}
    assert (await take(tenant)).state is FileState.STORED
