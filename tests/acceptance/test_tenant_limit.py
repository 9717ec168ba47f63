"""A tenant's limit holds over all of its requests, whichever part of the process answers them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.installation import TENANT, Installation, installed
from tests.databases import Databases

PER_SECOND = 3


@pytest.fixture
async def place(databases: Databases, tmp_path: Path) -> AsyncIterator[Installation]:
    with databases.fresh() as url:
        async with installed(url, tmp_path, TENANT_RATE_LIMIT=str(PER_SECOND)) as installation:
            await installation.add_tenant()
            yield installation


async def test_state_and_v1_share_one_limit(place: Installation) -> None:
    known = {"x-tenant-id": TENANT}
    # The second begins at the first call, and that one opens a conversation: on a busy machine it is over before the last.
    place.app.services.guard.limit._limits._monotonic = lambda: 1.0  # type: ignore[union-attr]
    allowed = [(await place.state("GET", "/state/mapping/491700000001")).status_code for _ in range(PER_SECOND)]
    refused = await place.http.get("/v1/messages/wamid.none/trace", headers=known)
    assert allowed == [200] * PER_SECOND
    assert (refused.status_code, refused.json()["code"]) == (429, "tenant_rate_limit")
    assert int(refused.headers["retry-after"]) >= 1
